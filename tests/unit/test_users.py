"""Who gets in, how often a password may be tried, and when a session ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.security import generate_password_hash

from autoai.domain.errors import TooMany
from autoai.extensions import db
from autoai.models import LoginFailure, LoginSession, User, write_transaction
from autoai.services.ports import Ports
from autoai.services.users import (
    SESSION_LENGTH,
    create_token,
    ensure_admin,
    find_session,
    find_token,
    log_in,
    log_out,
)
from tests.conftest import PASSWORD
from tests.fakes import FakeClock

ADDRESS = "192.0.2.1"


@pytest.fixture
def quick(in_app: Flask) -> None:
    """A hash of few rounds: these tests try hundreds of passwords."""
    with write_transaction() as session:
        cheap = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1")
        session.execute(update(User).values(password_hash=cheap))
    db.session.expunge_all()


def tries(ports: Ports, address: str, password: str = "wrong") -> str:
    """What became of one try: "in", "wrong" or "blocked"."""
    try:
        return "in" if log_in(ports, password, address) else "wrong"
    except TooMany:
        return "blocked"


class TestSessions:
    def test_the_right_password(self, in_app: Flask, ports: Ports) -> None:
        token = log_in(ports, PASSWORD, ADDRESS)
        assert token and find_session(ports, token)
        assert log_in(ports, PASSWORD, ADDRESS) != token
        stored = db.session.scalars(select(LoginSession.token_hash)).all()
        assert token not in stored

    @pytest.mark.parametrize("wrong", ["", "wrong", PASSWORD + " ", PASSWORD.upper(), "\x00"])
    def test_a_wrong_password(self, in_app: Flask, ports: Ports, wrong: str) -> None:
        assert log_in(ports, wrong, ADDRESS) is None

    def test_log_out_ends_one_session(self, in_app: Flask, ports: Ports) -> None:
        one, two = log_in(ports, PASSWORD, ADDRESS), log_in(ports, PASSWORD, ADDRESS)
        assert one and two
        log_out(one)
        db.session.expunge_all()
        assert find_session(ports, one) is None
        assert find_session(ports, two) is not None

    def test_a_session_ends_by_itself(self, in_app: Flask, ports: Ports, clock: FakeClock) -> None:
        token = log_in(ports, PASSWORD, ADDRESS)
        assert token
        clock.step(SESSION_LENGTH.total_seconds() - 1)
        assert find_session(ports, token)
        clock.step(1)
        assert find_session(ports, token) is None

    @pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "x" * 100_000])
    def test_no_session(self, in_app: Flask, ports: Ports, token: str) -> None:
        assert find_session(ports, token) is None
        assert find_token(token) is None


class TestAdminPassword:
    def test_the_same_again_keeps_the_logins(self, in_app: Flask, ports: Ports) -> None:
        ensure_admin(ports, PASSWORD, wins=True)
        token = log_in(ports, PASSWORD, ADDRESS)
        ensure_admin(ports, PASSWORD, wins=True)
        assert token and find_session(ports, token)

    def test_another_ends_all_logins(self, in_app: Flask, ports: Ports) -> None:
        token = log_in(ports, PASSWORD, ADDRESS)
        ensure_admin(ports, "another password", wins=True)
        db.session.expunge_all()
        assert token and find_session(ports, token) is None
        assert log_in(ports, PASSWORD, ADDRESS) is None
        assert log_in(ports, "another password", ADDRESS)

    @pytest.mark.parametrize("method", ["scrypt", "pbkdf2:sha256:1000"])
    def test_given_as_a_hash(self, in_app: Flask, ports: Ports, method: str) -> None:
        hashed = generate_password_hash("hidden", method=method)
        ensure_admin(ports, hashed, wins=True)
        assert log_in(ports, "hidden", ADDRESS)
        assert log_in(ports, hashed, ADDRESS) is None, "the hash itself is no password"

    def test_a_command_of_the_shell_changes_no_password(self, in_app: Flask, ports: Ports) -> None:
        ensure_admin(ports, "another password", wins=False)
        assert log_in(ports, PASSWORD, ADDRESS)

    def test_it_is_hashed_with_scrypt(self, in_app: Flask, ports: Ports) -> None:
        ensure_admin(ports, "another password", wins=True)
        (stored,) = db.session.scalars(select(User.password_hash))
        assert stored.startswith("scrypt:")
        assert db.session.scalar(select(func.count(User.id))) == 1


@pytest.mark.usefixtures("quick")
class TestLimits:
    def test_five_fails_and_out(self, ports: Ports, clock: FakeClock) -> None:
        assert [tries(ports, ADDRESS) for _ in range(7)] == ["wrong"] * 5 + ["blocked"] * 2
        assert tries(ports, ADDRESS, PASSWORD) == "blocked", "even with the right one"
        assert tries(ports, "192.0.2.2", PASSWORD) == "in"
        clock.step(minutes=14, seconds=59)
        assert tries(ports, ADDRESS, PASSWORD) == "blocked"
        clock.step(1)
        assert tries(ports, ADDRESS, PASSWORD) == "in"

    def test_how_long_to_wait_is_told(self, ports: Ports, clock: FakeClock) -> None:
        for _ in range(5):
            tries(ports, ADDRESS)
        with pytest.raises(TooMany) as caught:
            log_in(ports, PASSWORD, ADDRESS)
        clock.step(caught.value.retry_after)
        assert tries(ports, ADDRESS, PASSWORD) == "in"

    def test_waiting_in_front_of_the_door_makes_it_no_longer(
        self, ports: Ports, clock: FakeClock
    ) -> None:
        for _ in range(5):
            tries(ports, ADDRESS)
        for _ in range(14):
            clock.step(minutes=1)
            assert tries(ports, ADDRESS) == "blocked"
        clock.step(minutes=1)
        assert tries(ports, ADDRESS, PASSWORD) == "in"

    def test_the_right_password_forgives(self, ports: Ports) -> None:
        for _ in range(3):
            assert [tries(ports, ADDRESS) for _ in range(4)] == ["wrong"] * 4
            assert tries(ports, ADDRESS, PASSWORD) == "in"

    def test_one_network_of_version_six_is_one_address(self, ports: Ports) -> None:
        for host in range(5):
            assert tries(ports, f"2001:db8::{host:x}") == "wrong"
        assert tries(ports, "2001:db8::ffff") == "blocked"
        assert tries(ports, "2001:db8:0:1::1") == "wrong"

    def test_the_owner_gets_in_during_a_flood(self, ports: Ports, clock: FakeClock) -> None:
        """120 addresses try as fast as they are let, without end. The owner, at another address,
        types the right password every three seconds,
        from when the flood is well under way."""
        flood = [f"198.51.100.{n}" for n in range(120)]
        start = clock.now()
        for second in range(0, 301, 3):
            for address in flood:
                tries(ports, address)
            if second >= 60 and tries(ports, ADDRESS, PASSWORD) == "in":
                waited = clock.now() - start - timedelta(seconds=60)
                assert waited <= timedelta(minutes=4)
                return
            clock.step(3)
        pytest.fail("the owner was locked out")

    def test_all_together_are_bounded(self, ports: Ports, clock: FakeClock) -> None:
        """A thousand addresses do not get a thousand guesses a second."""
        for second in range(20):
            for number in range(50):
                tries(ports, f"203.0.{second}.{number}")
            clock.step(1)
        assert db.session.scalar(select(func.count(LoginFailure.id))) <= 60

    def test_old_fails_are_pruned(self, ports: Ports, clock: FakeClock) -> None:
        for number in range(20):
            tries(ports, f"203.0.113.{number}")
        clock.step(minutes=15)
        tries(ports, ADDRESS)
        assert db.session.scalar(select(func.count(LoginFailure.id))) == 1


def test_tokens(in_app: Flask, ports: Ports) -> None:
    one, two = create_token(ports, "one"), create_token(ports, "two")
    assert one != two and len(one) > 40
    found = find_token(one)
    assert found and found.name == "one"
    assert one not in found.token_hash
    assert find_token(one[:-1]) is None
