"""Logging in and out, and what programs log in with."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from werkzeug.security import check_password_hash, generate_password_hash

from ..domain.errors import TooMany
from ..domain.login_limits import BURST_WINDOW, WINDOW, address_key, seconds_to_wait
from ..extensions import db
from ..models import ApiToken, DbSession, LoginFailure, LoginSession, User, write_transaction
from ..settings import is_password_hash
from .ports import Ports

ADMIN = "admin"
SESSION_LENGTH = timedelta(days=14)
_TOKEN_PREFIX = "aai_"  # noqa: S105 - what secret scanners recognise a token by


def ensure_admin(ports: Ports, password: str) -> None:
    """The one user has ADMIN_PASSWORD, given in plain text or as a hash. A change ends all logins."""
    user = db.session.scalar(select(User).where(User.name == ADMIN))
    if user is not None and _same_password(user.password_hash, password):
        return
    hashed = password if is_password_hash(password) else generate_password_hash(password)
    with write_transaction() as session:
        user = session.scalar(select(User).where(User.name == ADMIN))
        if user is None:
            user = User(name=ADMIN, password_hash=hashed, created_at=ports.clock.now())
            session.add(user)
        else:
            user.password_hash = hashed
            session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))


def log_in(ports: Ports, password: str, address: str) -> str | None:
    """The token of a new session, None for a wrong password.

    `TooMany` where this address, or everybody together, has failed too often. A try is counted
    before the password is looked at, so that tries at the same moment cannot slip through.
    """
    now = ports.clock.now()
    with write_transaction() as session:
        wait = _wait(session, address_key(address), now)
        attempt = LoginFailure(address=address_key(address), at=now)
        if not wait:
            session.add(attempt)
    if wait:
        raise TooMany(wait)
    user = db.session.scalar(select(User).where(User.name == ADMIN))
    if user is None or not check_password_hash(user.password_hash, password):
        return None
    token = secrets.token_urlsafe(32)
    with write_transaction() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.address == attempt.address))
        session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
        session.add(
            LoginSession(
                token_hash=_hash(token),
                user_id=user.id,
                created_at=now,
                expires_at=now + SESSION_LENGTH,
            )
        )
    return token


def log_out(token: str) -> None:
    """End one session."""
    with write_transaction() as session:
        session.execute(delete(LoginSession).where(LoginSession.token_hash == _hash(token)))


def find_session(ports: Ports, token: str) -> LoginSession | None:
    """The living session of a cookie's token."""
    found = db.session.get(LoginSession, _hash(token))
    return found if found is not None and found.expires_at > ports.clock.now() else None


def create_token(ports: Ports, name: str) -> str:
    """A bearer token for the API. It is answered once; only its hash is stored."""
    token = _TOKEN_PREFIX + secrets.token_urlsafe(32)
    with write_transaction() as session:
        user = session.scalars(select(User).where(User.name == ADMIN)).one()
        session.add(
            ApiToken(
                name=name,
                token_hash=_hash(token),
                user_id=user.id,
                created_at=ports.clock.now(),
            )
        )
    return token


def find_token(token: str) -> ApiToken | None:
    """The API token with this text."""
    return db.session.scalar(select(ApiToken).where(ApiToken.token_hash == _hash(token)))


def _same_password(stored: str, password: str) -> bool:
    if is_password_hash(password):
        return secrets.compare_digest(stored, password)
    return check_password_hash(stored, password)


def _wait(session: DbSession, address: str, now: datetime) -> int:
    session.execute(delete(LoginFailure).where(LoginFailure.at <= now - WINDOW))
    own = session.scalars(
        select(LoginFailure.at).where(LoginFailure.address == address).order_by(LoginFailure.at)
    ).all()
    everybody = select(func.count()).select_from(LoginFailure)
    recent = everybody.where(LoginFailure.at > now - BURST_WINDOW)
    return seconds_to_wait(now, own, session.scalar(everybody) or 0, session.scalar(recent) or 0)


def _hash(token: str) -> str:
    """Tokens are random and long: a plain hash is enough to make the stored form useless."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
