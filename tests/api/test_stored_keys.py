"""A stored key: removed where that is said, and at home with the host that it was entered for."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from autoai.domain.endpoints import same_recipient
from tests.factories import KEY, MASK, account_values, task_values

OTHER = "https://other.test/v1"
KINDS = [("/api/tasks", task_values), ("/api/accounts", account_values)]


@pytest.fixture(params=KINDS, ids=["task", "account"])
def keyed(request: pytest.FixtureRequest, api: FlaskClient) -> tuple[str, Any]:
    """The address of a task, or of an account, with a key; and what makes its values."""
    path, values_of = request.param
    made = api.post(path, json=values_of(api_key=KEY))
    assert made.json["api_key"] == MASK
    return f"{path}/{made.json['id']}", values_of


@pytest.mark.parametrize("method", ["put", "patch"])
def test_it_is_removed_where_that_is_said(api: FlaskClient, keyed, method: str) -> None:
    path, values_of = keyed
    change = getattr(api, method)
    refused = change(path, json=values_of(api_key="sk-new-0123456789", remove_api_key=True))
    assert refused.status_code == 422 and set(refused.json["errors"]) == {"remove_api_key"}
    for kept in (False, None):
        answer = change(path, json=values_of(api_key=..., remove_api_key=kept))
        assert answer.json["api_key"] == MASK
    gone = change(path, json=values_of(api_key=MASK, remove_api_key=True))
    assert gone.status_code == 200 and gone.json["api_key"] is None
    moved = change(path, json=values_of(api_key=None, api_endpoint=OTHER))
    assert moved.json["api_endpoint"] == OTHER, "without a key there is nothing to ask"


@pytest.mark.parametrize("method", ["put", "patch"])
def test_it_stays_with_its_host_where_that_is_said(api: FlaskClient, keyed, method: str) -> None:
    path, values_of = keyed
    change = getattr(api, method)
    for kept in (..., None, "", MASK):
        values = values_of(api_key=kept, api_endpoint=OTHER, keep_api_key=False)
        refused = change(path, json=values)
        assert refused.status_code == 422 and set(refused.json["errors"]) == {"keep_api_key"}
        said = refused.json["errors"]["keep_api_key"][0]
        assert "127.0.0.1:9" in said and "other.test" in said
    assert api.get(path).json["api_endpoint"] == "http://127.0.0.1:9/v1"
    same = change(path, json=values_of(api_key=..., api_endpoint="http://127.0.0.1:9/v2/"))
    assert same.status_code == 200, "another path of the same host is no other host"
    for said in (True, ...):
        moved = change(path, json=values_of(api_key=..., api_endpoint=OTHER, keep_api_key=said))
        assert (moved.json["api_endpoint"], moved.json["api_key"]) == (OTHER, MASK)
    home = values_of(api_key="sk-new-0123456789")
    assert change(path, json=home).json["api_key"] == "sk-…6789"


def test_headers_of_an_account_stay_with_their_host_too(api: FlaskClient) -> None:
    values = account_values(api_key=None, extra_headers={"X-Secret": "header-secret-9f8e7d"})
    made = api.post("/api/accounts", json=values).json
    path = f"/api/accounts/{made['id']}"
    for sent in ({}, {"extra_headers": made["extra_headers"]}):
        refused = api.patch(path, json={"api_endpoint": OTHER, "keep_api_key": False, **sent})
        assert refused.status_code == 422 and set(refused.json["errors"]) == {"keep_api_key"}
        assert "headers" in refused.json["errors"]["keep_api_key"][0]
    anew = {"api_endpoint": OTHER, "extra_headers": {"X-Secret": "another-secret-1"}}
    assert api.patch(path, json=anew).json["api_endpoint"] == OTHER
    public = account_values(name="P", api_key=None, extra_headers={"OpenAI-Project": "project-1"})
    path = f"/api/accounts/{api.post('/api/accounts', json=public).json['id']}"
    assert api.patch(path, json={"api_endpoint": OTHER}).status_code == 200


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://a.test/v1", True),
        ("https://A.test:443/v2", True),
        (" https://a.test ", True),
        ("https://a.test:8443/v1", False),
        ("https://b.test/v1", False),
        ("https://a.test.b.test/v1", False),
        ("https://a.test@b.test/v1", False),
        ("http://a.test/v1", False),
        ("https://a.test:port", True),
    ],
)
def test_who_is_the_same_recipient(other: str, same: bool) -> None:
    assert same_recipient("https://a.test/v1", other) is same


def test_from_http_to_https_is_no_loss() -> None:
    assert same_recipient("http://a.test/v1", "https://a.test/v1")
    assert not same_recipient("http://a.test:9/v1", "https://a.test/v1")
