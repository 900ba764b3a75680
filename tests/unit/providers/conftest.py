"""A provider of each family in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from autoai.providers.registry import PROVIDERS, make_providers
from autoai.providers.transport import Transport
from tests.dialects import DIALECTS
from tests.fakes import START
from tests.talk import LIMIT, Talk
from tests.wire import wire


@pytest.fixture
def talk_to() -> Iterator[Callable[[str], Talk]]:
    transport = Transport(4, LIMIT)
    providers = make_providers(transport, lambda: START)
    with wire() as server:
        yield lambda name: Talk(providers[name], DIALECTS[name], server)
    transport.close()


@pytest.fixture(params=PROVIDERS)
def talk(request: pytest.FixtureRequest, talk_to: Callable[[str], Talk]) -> Talk:
    return talk_to(request.param)
