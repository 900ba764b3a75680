"""More calls at once than a service may have open files by default."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from tests.server import Instance
from tests.upstream import Upstream

_SOFT = 128
_CALLS = 200


@contextmanager
def _few_open_files() -> Iterator[None]:
    """For the processes that are started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_SOFT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_soft_limit_is_raised_to_what_is_needed(instance: Instance, upstream: Upstream) -> None:
    with _few_open_files():
        server = instance.gunicorn(MAX_CONCURRENT_RUNS=str(_CALLS))
    api = server.api
    task = api.create(
        api_endpoint=upstream.base_url, model="silent", max_attempts=1, timeout_seconds=600
    )
    for _ in range(_CALLS):
        api.run(task["id"])
    upstream.wait_for(_CALLS, 60)
    rows = instance.rows("SELECT status, count(*) AS n FROM runs GROUP BY status")
    assert rows == [{"status": "running", "n": _CALLS}]
