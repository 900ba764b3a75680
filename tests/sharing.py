"""What the many apps of one test process have in common, made once instead of for every test.

Each test has an app of its own (`conftest.app`), and there are two thousand of them. What makes a
new app slow is the same each time and depends on nothing that a test sets: the code that Jinja
makes of a template, and the code that werkzeug makes of a rule's address. It is made by them, from
the same text, and only kept.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from types import CodeType
from typing import Any

from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, event
from werkzeug.routing import Rule

CHEAP_HASH = "scrypt:1024:8:1"
"""For passwords that tests log in with: the format of the real ones at a thirtieth of the work."""


class TemplateCode(BytecodeCache):
    """Jinja's own way to keep what it compiled, in memory. The key is the template's name and its
    text's checksum, so a template that has changed is compiled anew."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


TEMPLATES = TemplateCode()


def keep_compiled_rules() -> None:
    """Compile the builder of an address once for the same rule. Rules with defaults, whose builder
    depends on converters too, are left alone."""
    compile_builder: Callable[[Rule, bool], Callable[..., Any]] = Rule._compile_builder
    kept: dict[tuple[Any, ...], Callable[..., Any]] = {}

    @functools.wraps(compile_builder)
    def once(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = rule.rule, tuple(rule._trace), append_unknown
        if key not in kept:
            kept[key] = compile_builder(rule, append_unknown)
        return kept[key]

    Rule._compile_builder = once


def do_not_wait_for_the_disk(engine: Engine) -> None:
    """What a power cut would leave is no matter to an app that ends with its test. (Real servers, in
    tests/faults, keep the setting that they have in production.)"""

    @event.listens_for(engine, "connect")
    def _no_sync(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")


def spare_the_collector() -> None:
    """As a server does when it has started: what collecting the tests has made stays to the end, and
    the collector of cycles need not walk over it with every test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
