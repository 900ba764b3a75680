"""`python -m autoai.cli.init`: what `make run` needs before the first start.

It writes `.env` with fresh secrets where there is none, and says where AutoAI will be found. It
runs before the app exists, so it imports nothing of it: a bad setting is the app's to complain
about, in one place.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]

# A password is copied by eye from a terminal to a phone: no 0/o, no 1/i/l.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

_HEADER = """\
# Written by `make run` at the first start. It holds secrets: keep it to yourself, and back it up
# with the instance folder. .env.example lists every setting.
"""


def generate_password() -> str:
    """Four groups of five, 99 bits: short enough to type once, too long to guess."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def is_first_start(root: Path, environ: Mapping[str, str]) -> bool:
    """Can there be no database yet?

    An instance folder with something in it, or a database chosen by the environment, may already
    hold keys and rows encrypted with them. A fresh key in `.env` would then shut its owner out.
    """
    if environ.get("DATABASE_URL"):
        return False
    instance = root / (environ.get("INSTANCE_DIR") or "instance")
    return not (instance.is_dir() and any(instance.iterdir()))


def env_file_text(environ: Mapping[str, str], password: str | None, *, first_start: bool) -> str:
    """The lines of a new `.env`; what the environment sets already is left to it."""
    values: dict[str, str] = {}
    if password is not None:
        values["ADMIN_PASSWORD"] = password
    if first_start:
        values["SECRET_KEY"] = secrets.token_urlsafe(48)
        values["ENCRYPTION_KEY"] = Fernet.generate_key().decode("ascii")
        values["DEMO"] = "true"
    return _HEADER + "".join(
        f"{name}={value}\n" for name, value in values.items() if not environ.get(name)
    )


def write_new_secret_file(path: Path, text: str) -> bool:
    """Create `path` for its owner's eyes only; False, and nothing touched, if it is there already.

    The mode is given when the file is made: between a later chmod and the first byte anybody on
    the machine could read it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()  # half a file would count as "already set up" from then on
        raise
    return True


def address(root: Path, environ: Mapping[str, str]) -> str:
    """Where a browser on this machine finds AutoAI; the environment wins over `.env`."""
    stored = dotenv_values(root / ".env")
    host = environ.get("HOST") or stored.get("HOST") or "0.0.0.0"  # noqa: S104 - only compared
    port = environ.get("PORT") or stored.get("PORT") or "8000"
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def main(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> int:
    """Write `.env` if it is missing, tell what was done; the exit code."""
    path = root / ".env"
    password = None if environ.get("ADMIN_PASSWORD") else generate_password()
    text = env_file_text(environ, password, first_start=is_first_start(root, environ))
    try:
        written = write_new_secret_file(path, text)
    except OSError as error:
        print(f"AutoAI cannot write {path}: {error.strerror}", file=sys.stderr)
        return 1
    if written:
        print(f"Wrote {path}, readable by you alone.")
        if password is not None:
            print(f"\n    Password: {password}\n\nIt is shown this once; .env keeps it.")
    print(f"AutoAI will be at {address(root, environ)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
