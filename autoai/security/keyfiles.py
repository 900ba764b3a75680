"""SECRET_KEY and ENCRYPTION_KEY where the environment does not give them: made once, kept in files.

Two processes may start at once: a key file comes into being whole or not at all, and whoever is
second reads what the first one wrote.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet

from ..settings import Settings, SettingsError, split_keys

SECRET_FILE = "secret.key"  # noqa: S105 - a file's name
ENCRYPTION_FILE = "encryption.key"


def secret_key(settings: Settings) -> str:
    """SECRET_KEY, or the one in instance/secret.key, made when it is not there."""
    if settings.secret_key:
        return settings.secret_key.get_secret_value()
    path = settings.instance_dir / SECRET_FILE
    text = _kept(path, lambda: secrets.token_urlsafe(48))
    if not text:
        raise SettingsError(f"AutoAI cannot start: {path} is empty; remove it, or set SECRET_KEY")
    return text


def encryption_keys(settings: Settings, holds_encrypted_rows: Callable[[], bool]) -> list[str]:
    """ENCRYPTION_KEY, or what instance/encryption.key holds.

    A new one is made only while the database holds nothing that an earlier one encrypted;
    otherwise `SettingsError` says which key to bring back.
    """
    if settings.encryption_key:
        return split_keys(settings.encryption_key.get_secret_value())
    path = settings.instance_dir / ENCRYPTION_FILE
    if not path.exists() and holds_encrypted_rows():
        raise SettingsError(
            "AutoAI cannot start: ENCRYPTION_KEY is missing, but the database holds API keys that"
            f" it encrypted; set ENCRYPTION_KEY, or bring {path} back"
        )
    text = _kept(path, lambda: Fernet.generate_key().decode("ascii"))
    keys = split_keys(text)
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        keys = []
    if not keys:
        raise SettingsError(f"AutoAI cannot start: {path} does not hold a Fernet key")
    return keys


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # atomic, and fails when the other process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
