"""Accounts: what is kept of them, what becomes of their tasks when they are switched off or go."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from autoai.domain.errors import Conflict, Invalid, NotFound
from autoai.extensions import db
from autoai.models import Account, Task
from autoai.security.encryption import Keyring
from autoai.services.accounts import (
    create_account,
    delete_account,
    get_account,
    set_enabled,
    update_account,
)
from autoai.services.connections import account_connection, connection_of, open_connection
from autoai.services.instance import reencrypt_keys
from autoai.services.ports import Ports
from autoai.services.tasks import get_task, update_task
from tests.factories import KEY, MASK, make_task, run_now
from tests.fakes import START, FakeClock, ScriptedProvider
from tests.known import rows_of_ledger
from tests.ticks import record, send, settle, tick

PROXY = "http://me:secret-of-the-proxy@proxy.test:3128"
HEADERS = {"X-Team": "team-secret-0123456789", "X-Title": "AutoAI"}


def values(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Work",
        "api_endpoint": "http://127.0.0.1:9/v1",
        "api_key": KEY,
        "default_model": "m-default",
        **changes,
    }


def make(ports: Ports, **changes: Any) -> Account:
    return create_account(ports, values(**changes))


def of_account(ports: Ports, account: Account, **changes: Any) -> Task:
    return make_task(ports, api_endpoint=..., account_id=account.id, **changes)


def refused(ports: Ports, **changes: Any) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as caught:
        make(ports, **changes)
    return caught.value.errors


def test_secrets_are_encrypted_and_come_back(in_app: Flask, ports: Ports) -> None:
    account = make(ports, extra_headers=HEADERS, proxy=PROXY)
    stored = json.dumps({c.name: str(getattr(account, c.key)) for c in Account.__table__.columns})
    for secret in (KEY, "team-secret", "secret-of-the-proxy"):
        assert secret not in stored
    assert (account.api_key_mask, account.proxy_mask) == (MASK, "http://me:…@proxy.test:3128")
    assert account.extra_header_masks == {"X-Team": "tea…6789", "X-Title": "…"}
    opened = open_connection(ports, account_connection(account))
    assert (opened.api_key, opened.proxy, opened.extra_headers) == (KEY, PROXY, HEADERS)
    assert KEY not in repr(opened) and "secret" not in repr(opened)


def test_masks_that_come_back_keep_what_is_stored(in_app: Flask, ports: Ports) -> None:
    account = make(ports, extra_headers=HEADERS, proxy=PROXY)
    assert account.extra_header_masks is not None
    changed = {
        **values(api_key=MASK, proxy=account.proxy_mask),
        "extra_headers": {"X-Team": account.extra_header_masks["X-Team"], "X-New": "new"},
    }
    account = update_account(ports, account.id, changed, partial=False)
    opened = open_connection(ports, account_connection(account))
    assert (opened.api_key, opened.proxy) == (KEY, PROXY)
    assert opened.extra_headers == {"X-Team": HEADERS["X-Team"], "X-New": "new"}
    account = update_account(ports, account.id, {"proxy": "", "extra_headers": {}}, partial=True)
    opened = open_connection(ports, account_connection(account))
    assert (opened.api_key, opened.proxy, opened.extra_headers) == (KEY, None, {})


def test_keys_are_rotated_with_the_others(in_app: Flask, ports: Ports) -> None:
    account = make(ports, extra_headers=HEADERS, proxy=PROXY)
    new, old = "B" * 43 + "=", ports.keyring
    ports.keyring = Keyring([new])
    ports.keyring._fernet._fernets += old._fernet._fernets  # as ENCRYPTION_KEY=new,old does
    assert reencrypt_keys(ports) == 3
    db.session.expire_all()
    ports.keyring = Keyring([new])
    assert open_connection(ports, account_connection(account)).api_key == KEY


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"provider": "carrier pigeon"}, "provider"),
        ({"api_endpoint": "ftp://a.test"}, "api_endpoint"),
        ({"api_endpoint": "http://me:pw@a.test"}, "api_endpoint"),
        ({"api_key": "with a blank"}, "api_key"),
        ({"default_model": "x" * 201}, "default_model"),
        ({"extra_headers": ["no", "object"]}, "extra_headers"),
        ({"extra_headers": {"Bad Name": "x"}}, "extra_headers"),
        ({"extra_headers": {"X": "line\r\nInjected: yes"}}, "extra_headers"),
        ({"extra_headers": {"Content-Length": "5"}}, "extra_headers"),
        ({"extra_headers": {f"X-{n}": "1" for n in range(21)}}, "extra_headers"),
        ({"proxy": "socks5://a.test:1"}, "proxy"),
        ({"proxy": "http://a.test:1/path"}, "proxy"),
        ({"proxy": "http://a.test:notaport"}, "proxy"),
        ({"max_concurrent_calls": 0}, "max_concurrent_calls"),
        ({"requests_per_minute": "many"}, "requests_per_minute"),
        ({"tokens_per_minute": 10**20}, "tokens_per_minute"),
        ({"enabled": "yes"}, "enabled"),
    ],
)
def test_bad_values(in_app: Flask, ports: Ports, changes: dict[str, Any], field: str) -> None:
    assert set(refused(ports, **changes)) == {field}


def test_names_differ(in_app: Flask, ports: Ports) -> None:
    make(ports)
    assert set(refused(ports, name="WORK")) == {"name"}


class TestSwitchedOff:
    """Tasks of an account that is off are skipped, with that reason, in one row per period."""

    def test_one_row_for_the_time(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        account = make(ports)
        of_account(ports, account, interval_seconds=60)
        clock.step(60)
        tick(in_app)
        set_enabled(ports, account.id, False)
        for _ in range(150):
            clock.step(60)
            assert not settle(in_app).orders
        clock.step(30)
        set_enabled(ports, account.id, True)
        clock.step(30)
        (order,) = settle(in_app).orders
        first, gap, last = rows_of_ledger().values()
        assert (first.status, last.id) == ("success", order.run_id)
        assert (gap.status, gap.reason, gap.occurrences) == ("skipped", "disabled_account", 150)
        assert gap.missed_from == START + timedelta(minutes=2)
        assert gap.missed_to == START + timedelta(minutes=151)

    def test_a_long_time_in_one_look(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        account = make(ports)
        of_account(ports, account, interval_seconds=60)
        set_enabled(ports, account.id, False)
        clock.step(days=3)
        settle(in_app)
        (gap,) = rows_of_ledger().values()
        assert (gap.reason, gap.occurrences) == ("disabled_account", 3 * 24 * 60)

    def test_within_a_pause_each_has_its_part(
        self, in_app: Flask, ports: Ports, clock: FakeClock
    ) -> None:
        account = make(ports)
        task = of_account(ports, account, interval_seconds=60)
        set_enabled(ports, account.id, False)
        clock.step(600)
        task.paused_at, task.paused_until = (
            START + timedelta(seconds=150),
            START + timedelta(seconds=330),
        )
        db.session.commit()
        settle(in_app)
        found = [(r.reason, r.occurrences) for r in rows_of_ledger().values()]
        parts = [("disabled_account", 2), ("disabled_account", 5), ("paused", 3)]
        assert sorted(found) == parts, "a row for each stretch"

    def test_what_waits_is_skipped(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        account = make(ports)
        task = of_account(ports, account, interval_seconds=60)
        clock.step(60)
        settle(in_app, slots=0)
        run_now(ports, task.id)
        set_enabled(ports, account.id, False)
        asked_later = run_now(ports, task.id)
        assert asked_later.status == "skipped", "it says so at once, and never runs by surprise"
        set_enabled(ports, account.id, True)
        assert not settle(in_app).orders
        rows = rows_of_ledger().values()
        assert {(r.status, r.reason) for r in rows} == {("skipped", "disabled_account")}
        assert len(rows) == 3


class TestTasksOfAnAccount:
    def test_sent_as_the_account_says(self, in_app: Flask, ports: Ports) -> None:
        account = make(ports, provider="anthropic", extra_headers=HEADERS)
        task = of_account(ports, account, model=..., schedule_type="manual")
        run_now(ports, task.id)
        provider = ScriptedProvider()
        (order,) = settle(in_app).orders
        assert order.connection.provider == "anthropic"
        record(in_app, send(in_app, [order], provider))
        (request,) = provider.requests
        assert (request.model, request.connection.api_key) == ("m-default", KEY)
        assert request.connection.extra_headers == HEADERS
        (row,) = rows_of_ledger().values()
        assert (row.model, row.account_id) == ("m-default", account.id)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"account_id": 99}, "account_id"),
            ({"account_id": 10**30}, "account_id"),
            ({"account_id": True}, "account_id"),
            ({"account_id": "1"}, "account_id"),
            ({"api_endpoint": "http://a.test"}, "account_id"),
            ({"api_key": KEY}, "account_id"),
        ],
    )
    def test_either_or(
        self, in_app: Flask, ports: Ports, changes: dict[str, Any], field: str
    ) -> None:
        account = make(ports)
        with pytest.raises(Invalid) as caught:
            make_task(ports, **{"api_endpoint": ..., "account_id": account.id, **changes})
        assert set(caught.value.errors) == {field}

    def test_a_model_is_needed_somewhere(self, in_app: Flask, ports: Ports) -> None:
        account = make(ports, default_model=None)
        with pytest.raises(Invalid) as caught:
            of_account(ports, account, model=...)
        assert set(caught.value.errors) == {"model"}
        update_account(ports, account.id, {"default_model": "m"}, partial=True)
        of_account(ports, account, model=...)
        with pytest.raises(Invalid) as caught:
            update_account(ports, account.id, {"default_model": None}, partial=True)
        assert set(caught.value.errors) == {"default_model"}

    def test_from_its_own_endpoint_to_an_account_and_back(
        self, in_app: Flask, ports: Ports
    ) -> None:
        account = make(ports)
        task = make_task(ports, api_key=KEY)
        task = update_task(ports, task.id, {"account_id": account.id}, partial=True)
        assert (task.api_endpoint, task.api_key_encrypted, task.api_key_mask) == (None, None, None)
        assert connection_of(task).account_id == account.id
        task = update_task(ports, task.id, {"api_endpoint": "http://b.test"}, partial=True)
        assert (task.account_id, task.api_endpoint) == (None, "http://b.test")


class TestDelete:
    def test_not_while_it_is_used(self, in_app: Flask, ports: Ports) -> None:
        account = make(ports)
        of_account(ports, account)
        with pytest.raises(Conflict):
            delete_account(ports, account.id)
        get_account(account.id)

    def test_its_tasks_move(self, in_app: Flask, ports: Ports) -> None:
        account, other = make(ports), make(ports, name="Other", default_model=None)
        task = of_account(ports, account, model=...)
        for wrong in (account.id, 99, 10**30):
            with pytest.raises(Invalid):
                delete_account(ports, account.id, wrong)
        with pytest.raises(Invalid, match="no model of its own"):
            delete_account(ports, account.id, other.id)
        update_account(ports, other.id, {"default_model": "m-2"}, partial=True)
        delete_account(ports, account.id, other.id)
        task = get_task(task.id)
        assert (task.account_id, task.model_asked) == (other.id, "m-2")
        with pytest.raises(NotFound):
            get_account(account.id)

    def test_unused_it_goes(self, in_app: Flask, ports: Ports) -> None:
        delete_account(ports, make(ports).id)
        assert db.session.scalars(select(Account)).all() == []
