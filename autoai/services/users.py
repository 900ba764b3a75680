"""Logging in and out, and what programs log in with."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from threading import BoundedSemaphore

from sqlalchemy import bindparam, delete, func, select
from werkzeug.security import check_password_hash, generate_password_hash

from ..domain.errors import TooMany
from ..domain.login_limits import BURST_WINDOW, WINDOW, address_key, seconds_to_wait
from ..extensions import db
from ..models import ApiToken, DbSession, LoginFailure, LoginSession, User, write_transaction
from ..settings import is_password_hash
from .ports import Ports

ADMIN = "admin"
SESSION_LENGTH = timedelta(days=14)
_hashing = BoundedSemaphore(2)  # scrypt takes 32 MB each time
_EXPIRY = select(LoginSession.expires_at).where(LoginSession.token_hash == bindparam("token_hash"))
_TOKEN_PREFIX = "aai_"  # noqa: S105 - what secret scanners recognise a token by


def ensure_admin(ports: Ports, password: str, *, wins: bool) -> None:
    """The one user exists, and where `wins`, has this password, in plain text or as a hash.

    A change of the password ends all logins.
    """
    user = db.session.scalar(select(User).where(User.name == ADMIN))
    if user is not None and (not wins or _same_password(user.password_hash, password)):
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
    now, source = ports.clock.now(), address_key(address)
    _refuse_if_too_many(db.session(), source, now)  # a flood must not hold the write lock
    with write_transaction() as session:
        _refuse_if_too_many(session, source, now)
        session.execute(delete(LoginFailure).where(LoginFailure.at <= now - WINDOW))
        session.add(LoginFailure(address=source, at=now))
    user = db.session.scalar(select(User).where(User.name == ADMIN))
    if user is None or not _is_password(user.password_hash, password):
        return None
    token = secrets.token_urlsafe(32)
    with write_transaction() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.address == source))
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


def find_session(ports: Ports, token: str) -> str | None:
    """The hash by which the living session of a cookie's token is known; None where there is none."""
    token_hash = _hash(token)
    # Every request asks: without the session's detour for objects, in half of the time.
    found = db.session.connection().execute(_EXPIRY, {"token_hash": token_hash}).scalar()
    return token_hash if found is not None and found > ports.clock.now() else None


def living_sessions(ports: Ports, token_hashes: Collection[str]) -> set[str]:
    """Those of these sessions that nobody has ended and that have not expired."""
    return set(
        db.session.scalars(
            select(LoginSession.token_hash).where(
                LoginSession.token_hash.in_(token_hashes),
                LoginSession.expires_at > ports.clock.now(),
            )
        )
    )


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
    return _is_password(stored, password)


def _is_password(stored: str, password: str) -> bool:
    with _hashing:
        return check_password_hash(stored, password)


def _refuse_if_too_many(session: DbSession, address: str, now: datetime) -> None:
    recent = LoginFailure.at > now - WINDOW
    own = session.scalars(
        select(LoginFailure.at)
        .where(LoginFailure.address == address, recent)
        .order_by(LoginFailure.at)
    ).all()
    everybody = session.scalar(select(func.count()).where(recent)) or 0
    burst = session.scalar(select(func.count()).where(LoginFailure.at > now - BURST_WINDOW)) or 0
    wait = seconds_to_wait(now, own, everybody, burst)
    if wait:
        raise TooMany(wait)


def _hash(token: str) -> str:
    """Tokens are random and long: a plain hash is enough to make the stored form useless."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
