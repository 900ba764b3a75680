"""Liquid, with only the tags and filters that are needed, and everything it does counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import (
    LiquidError,
    LiquidSyntaxError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.expression import Expression
from liquid.token import Token
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from ..errors import Fault, TemplateError
from .filters import FILTERS, bounded
from .markup import check_markup, line_at
from .secrets import Marks
from .work import MAX_ITEMS, Output, Work

_MAX_PARTS = 5_000
"""Nodes and expressions of one template."""


class _Loop(LoopExpression):
    """What a loop goes through is counted before it is begun: a range may be of any length."""

    def _to_iter(self, obj: object, context: RenderContext) -> tuple[Iterator[Any], int]:
        try:
            it, length = super()._to_iter(obj, context)
        except OverflowError as error:
            raise TemplateError(Fault.TOO_MUCH_WORK) from error
        if length > MAX_ITEMS:
            raise TemplateError(Fault.TOO_MUCH_WORK)
        context.work.step(length)  # type: ignore[attr-defined]
        return it, length


class _ForNode(for_tag.ForNode):
    __slots__ = ()

    def __init__(self, token: Any, expression: LoopExpression, block: Any, default: Any) -> None:
        found = expression
        counted = _Loop(
            found.token,
            found.identifier,
            found.iterable,
            limit=found.limit,
            offset=found.offset,
            reversed_=found.reversed,
            cols=found.cols,
        )
        super().__init__(token, counted, block, default)


class _ForTag(for_tag.ForTag):
    node_class = _ForNode  # type: ignore[assignment]


class _Environment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 30
    loop_iteration_limit = 10 * MAX_ITEMS

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Those that need nothing from outside and can be counted. None loads another template."""
        for tag in (
            content.Literal,
            output.Output,
            illegal.Illegal,
            if_tag.IfTag,
            unless_tag.UnlessTag,
            case_tag.CaseTag,
            _ForTag,
            for_tag.BreakTag,
            for_tag.ContinueTag,
            capture_tag.CaptureTag,
            assign_tag.AssignTag,
            comment_tag.CommentTag,
            inline_comment_tag.InlineCommentTag,
        ):
            self.add_tag(tag)
        for name, (function, growth) in FILTERS.items():
            self.add_filter(name, bounded(name, function, growth))


class _Context(RenderContext):
    """What a rendering knows, and the purse that it is paid from."""

    __slots__ = ("language", "marks", "token", "work")

    def __init__(
        self,
        template: BoundTemplate,
        values: Mapping[str, Any],
        work: Work,
        marks: Marks,
        language: str,
    ) -> None:
        self.work, self.marks, self.language = work, marks, language
        self.token: Token | None = None
        """The last name or filter that was carried out: where it was, should it come to nothing."""
        super().__init__(template, globals=values)
        # Without the engine's own `now` and `today`, which look at the machine's clock.
        self.scope = ReadOnlyChainMap(self.locals, self.globals)

    @property
    def disabled_tags(self) -> list[str]:
        """Every node asks for these before it is carried out: here it is counted."""
        self.work.step()
        return []

    @disabled_tags.setter
    def disabled_tags(self, tags: list[str]) -> None:
        pass

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        self.token = token
        self.work.step()
        return super().get(path, token=token, default=default)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.token = token
        return super().filter(name, token)

    def assign(self, key: str, val: Any) -> None:
        self.locals[key] = val

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        return Output(self.work)


_ENVIRONMENT = _Environment(undefined=StrictUndefined)


def parse(source: str) -> BoundTemplate:
    """A template; `TemplateError` where it is broken or too large."""
    check_markup(source)
    try:
        template = _ENVIRONMENT.from_string(source)
        _check_tree(template, source)
    except TemplateError:
        raise
    except Exception as error:
        raise explain(error, source) from error
    return template


def render(source: str, values: Mapping[str, Any], work: Work, marks: Marks, language: str) -> str:
    """The text that `source` makes of `values`."""
    template = parse(source)
    buffer = Output(work)
    context = _Context(template, values, work, marks, language)
    try:
        template.render_with_context(context, buffer)
        return buffer.getvalue()
    except TemplateError as error:
        if context.token is not None and error.line is None:
            line = line_at(source, context.token.start_index)
            raise TemplateError(error.fault, line, error.name) from error
        raise
    except Exception as error:
        raise explain(error, source) from error


def check_names(source: str, names: Mapping[str, frozenset[str]]) -> None:
    """`TemplateError` for the first name or filter that there is not. `names`: each with the names
    that are in it."""
    found = parse(source).analyze(include_partials=False)
    wrong = [
        (span.index, Fault.UNKNOWN_FILTER, name)
        for name, spans in found.filters.items()
        if name not in FILTERS
        for span in spans
    ]
    for uses in found.globals.values():
        for use in uses:
            root, *more = use.segments
            inside = names.get(root) if isinstance(root, str) else None
            if inside is None or (more and isinstance(more[0], str) and more[0] not in inside):
                wrong.append((use.span.index, Fault.UNKNOWN_NAME, str(use)))
    if wrong:
        index, fault, name = min(wrong)
        raise TemplateError(fault, line_at(source, index), name[:100])


def explain(error: Exception, source: str) -> TemplateError:
    """What the engine objects to, in our words."""
    line = _line_of(error, source)
    if isinstance(error, UndefinedError):
        return TemplateError(Fault.UNKNOWN_NAME, line, _quoted(error))
    if isinstance(error, UnknownFilterError):
        return TemplateError(Fault.UNKNOWN_FILTER, line, _quoted(error))
    if isinstance(error, ResourceLimitError | RecursionError) or isinstance(
        error.__cause__, RecursionError
    ):
        return TemplateError(Fault.TOO_MUCH_WORK, line)
    if isinstance(error, LiquidSyntaxError):
        return TemplateError(Fault.SYNTAX, line)
    return TemplateError(Fault.FAILED, line)


def _line_of(error: Exception, source: str) -> int | None:
    token = error.token if isinstance(error, LiquidError) else None
    return line_at(source, token.start_index) if token is not None else None


def _quoted(error: Exception) -> str:
    """The name that a message of the engine is about: 'name' is undefined."""
    message = str(getattr(error, "message", ""))
    return (
        message.replace("'", "").removeprefix("unknown filter ").partition(" is undefined")[0][:100]
    )


def _check_tree(template: BoundTemplate, source: str) -> None:
    """Not too large; and ranges only where loops go through them, for they may be of any length."""
    left = _MAX_PARTS
    nodes: list[Node] = list(template.nodes)
    context = RenderContext(template)
    while nodes:
        node = nodes.pop()
        left -= 1
        nodes += node.children(context)
        expressions: list[Expression] = list(node.expressions())
        while expressions and left > 0:
            expression = expressions.pop()
            left -= 1
            children = expression.children()
            if isinstance(expression, LoopExpression):
                children = [
                    *expression.iterable.children(),
                    *(child for child in children if child is not expression.iterable),
                ]
            elif _alters_a_secret(expression):
                raise TemplateError(Fault.ALTERED, line_at(source, expression.token.start_index))
            elif isinstance(expression, RangeLiteral):
                raise TemplateError(Fault.SYNTAX, line_at(source, expression.token.start_index))
            expressions += children
        if left <= 0:
            raise TemplateError(Fault.TOO_MUCH_MARKUP)


def _alters_a_secret(expression: Expression) -> bool:
    """Does a secret go through a filter there, for all to see?"""
    if not isinstance(expression, FilteredExpression) or not expression.filters:
        return False
    left = expression.left
    return isinstance(left, Path) and left.head() == "secrets"
