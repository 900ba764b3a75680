"""A wrong ENCRYPTION_KEY: everything works but what needs the keys, and nothing is overwritten."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from tests.server import Instance
from tests.upstream import Upstream


def test_wrong_key_and_the_right_one_again(instance: Instance, upstream: Upstream) -> None:
    right, wrong = (Fernet.generate_key().decode() for _ in range(2))
    instance.settings["ENCRYPTION_KEY"] = right
    server = instance.gunicorn()
    api = server.api
    keyed = api.create(name="keyed", api_endpoint=upstream.base_url, api_key="sk-right-0123456789")
    plain = api.create(name="plain", api_endpoint=upstream.base_url, api_key=None)
    assert server.get("/readyz").json()["keys"] is True
    assert server.terminate() == 0
    stored = instance.rows("SELECT api_key_encrypted FROM tasks")
    canary = instance.rows("SELECT key_canary FROM instance_state")

    server = instance.gunicorn(ENCRYPTION_KEY=wrong)
    api = server.api
    ready = server.get("/readyz")
    assert (ready.status_code, ready.json()["keys"]) == (503, False)
    assert server.get("/healthz").status_code == 200
    assert server.get("/login").status_code == 200
    failed = api.ended(api.run(keyed["id"])["id"])
    assert (failed["status"], failed["reason"]) == ("failed", "key_unreadable")
    assert failed["attempts"] == 0
    assert upstream.requests() == []
    assert api.ended(api.run(plain["id"])["id"])["status"] == "success"
    renamed = api.call("PATCH", f"/tasks/{keyed['id']}", 200, json={"name": "renamed"})
    assert renamed["api_key"] == keyed["api_key"]
    refused = api.call("PATCH", f"/tasks/{keyed['id']}", 422, json={"api_key": "sk-new-0123456789"})
    assert "api_key" in refused["errors"]
    assert server.terminate() == 0
    assert instance.rows("SELECT api_key_encrypted FROM tasks") == stored
    assert instance.rows("SELECT key_canary FROM instance_state") == canary

    server = instance.gunicorn()
    assert server.get("/readyz").status_code == 200
    assert server.api.ended(server.api.run(keyed["id"])["id"])["status"] == "success"
    assert upstream.requests()[-1].headers["authorization"] == "Bearer sk-right-0123456789"


@pytest.mark.parametrize("order", ["new first", "old first"])
def test_several_keys(instance: Instance, upstream: Upstream, order: str) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    server = instance.gunicorn(ENCRYPTION_KEY=old)
    instance.settings["ENCRYPTION_KEY"] = old
    task = server.api.create(api_endpoint=upstream.base_url, api_key="sk-kept-0123456789")
    assert server.terminate() == 0
    both = f"{new},{old}" if order == "new first" else f"{old} {new}"
    server = instance.gunicorn(ENCRYPTION_KEY=both)
    assert server.get("/readyz").status_code == 200
    assert server.api.ended(server.api.run(task["id"])["id"])["status"] == "success"
    assert upstream.requests()[0].headers["authorization"] == "Bearer sk-kept-0123456789"
