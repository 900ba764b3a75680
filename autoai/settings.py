"""The environment and `.env`, read once into a typed, validated object.

Everything that can be set from outside is a field of `Settings`; the name of the environment
variable is the field's name in upper case. A value that is missing or bad raises `SettingsError`,
whose text is one line that says what to do and never repeats a secret.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from tzlocal import get_localzone_name

from .domain.networks import Network, parse_networks

ROOT = Path(__file__).resolve().parent.parent

# What werkzeug.security.generate_password_hash writes: method and parameters, salt, hex digest.
_PASSWORD_HASH = re.compile(r"(scrypt:\d+:\d+:\d+|pbkdf2:sha256:\d+)\$[^$\s]+\$[0-9a-f]{32,}")
CANNOT_START = 4
"""The exit code that gunicorn's master takes as "do not try again"."""


class StartError(Exception):
    """The app cannot start; the text is one line that says what a person must do."""


class SettingsError(StartError):
    """A setting is missing or bad."""


class Settings(BaseSettings):
    """What the person who runs AutoAI decides. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,  # compose hands unset variables through as empty strings
        extra="ignore",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    admin_password: SecretStr
    instance_dir: Path = ROOT / "instance"
    database_url: str = "sqlite:///autoai.db"
    secret_key: SecretStr | None = None
    encryption_key: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_dir: Path = Path("logs")
    log_format: Literal["console", "json"] = "console"
    timezone: str = Field(default_factory=lambda: _machine_timezone())
    max_concurrent_runs: int = Field(200, ge=1, le=5_000)
    max_concurrent_per_endpoint: int = Field(0, ge=0, le=5_000)
    request_timeout: int = Field(30, ge=1, le=3_600)
    drain_timeout: int = Field(30, ge=0, le=3_600)
    trusted_proxies: int = Field(0, ge=0, le=10)
    max_response_bytes: int = Field(2 * 1024 * 1024, ge=1_024, le=64 * 1024 * 1024)
    ca_bundle: Path | None = None
    allowed_networks: Annotated[tuple[Network, ...], NoDecode] = ()
    denied_networks: Annotated[tuple[Network, ...], NoDecode] = ()
    retention_days: int = Field(365, ge=1, le=36_500)
    text_retention_days: int = Field(90, ge=1, le=36_500)
    preflight: bool = True
    demo: bool = False
    host: str = "0.0.0.0"  # noqa: S104 - a server's port; the README shows the reverse proxy
    port: int = Field(8000, ge=1, le=65_535)

    @field_validator("admin_password")
    @classmethod
    def _password_is_usable(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text.strip():
            raise ValueError("is missing")
        if text.startswith(("scrypt:", "pbkdf2:")) and not is_password_hash(text):
            raise ValueError(
                "looks like a hash but is not a whole one; in .env put it in single quotes,"
                " or its $ signs are taken for variables"
            )
        return value

    @field_validator("encryption_key")
    @classmethod
    def _fernet_keys(cls, value: SecretStr | None) -> SecretStr | None:
        for key in split_keys(value.get_secret_value()) if value else []:
            try:
                Fernet(key)
            except ValueError as error:
                raise ValueError(
                    "is not a Fernet key (44 characters of URL-safe base64); make one with"
                    " python -c 'from cryptography.fernet import Fernet;"
                    " print(Fernet.generate_key().decode())'"
                ) from error
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _level_in_any_case(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in _time_zones():
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin")
        return value

    @field_validator("ca_bundle")
    @classmethod
    def _bundle_exists(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        if not value.is_file():
            raise ValueError(f"{str(value)!r} is not a file")
        try:
            ssl.create_default_context(cafile=value)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"{str(value)!r} is not a file of certificates (PEM)") from error
        return value

    @field_validator("allowed_networks", "denied_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return parse_networks(value) if isinstance(value, str) else value

    @field_validator("host")
    @classmethod
    def _host_is_an_address(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            ipaddress.ip_address(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is not an IP address to listen on") from error
        return value

    @model_validator(mode="before")
    @classmethod
    def _paths_below_instance(cls, data: Any) -> Any:
        """Relative paths of database and logs lie below the instance folder."""
        if not isinstance(data, dict):
            return data
        instance = Path(data.get("instance_dir") or ROOT / "instance")
        data["instance_dir"] = instance if instance.is_absolute() else ROOT / instance
        log_dir = Path(data.get("log_dir") or "logs")
        if not log_dir.is_absolute():
            # "instance/logs" is what one reads on the page, so that spelling works as well.
            base = ROOT if log_dir.parts[:1] == ("instance",) else data["instance_dir"]
            log_dir = base / log_dir
        data["log_dir"] = log_dir
        data["database_url"] = _absolute_sqlite_url(
            str(data.get("database_url") or "sqlite:///autoai.db"), data["instance_dir"]
        )
        return data

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(make_url(self.database_url).database or "")

    @property
    def zone(self) -> ZoneInfo:
        """The instance's time zone: what "today" means on the dashboard and in filters."""
        return ZoneInfo(self.timezone)


def load_settings(**overrides: Any) -> Settings:
    """Read environment and `.env`; raise `SettingsError` with one line when something is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except UnicodeDecodeError:
        raise SettingsError(
            "AutoAI cannot start: .env is not UTF-8 text; save it as such"
        ) from None
    except OSError as error:
        raise SettingsError(f"AutoAI cannot start: .env cannot be read: {error.strerror}") from None


def check_settings() -> None:
    """End the process with one line on stderr where environment or `.env` are wrong."""
    try:
        load_settings()
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(CANNOT_START)


def is_password_hash(text: str) -> bool:
    """Is this a password that was hashed before it was put into the environment?"""
    return _PASSWORD_HASH.fullmatch(text) is not None


def split_keys(text: str) -> list[str]:
    """`ENCRYPTION_KEY` → its Fernet keys, the encrypting one first. Commas or blanks part them."""
    return [part for part in re.split(r"[,\s]+", text) if part]


@cache
def _time_zones() -> frozenset[str]:
    """Read once: it is a walk through a directory tree."""
    return frozenset(available_timezones())


def _machine_timezone() -> str:
    try:
        return get_localzone_name() or "UTC"
    except Exception:  # noqa: BLE001 - tzlocal raises whatever it meets in a broken /etc
        return "UTC"


def _absolute_sqlite_url(url: str, instance_dir: Path) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ValueError(
            "DATABASE_URL is not a database URL such as sqlite:///autoai.db"
        ) from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise ValueError(
            "DATABASE_URL must name an SQLite file, such as sqlite:///autoai.db (in instance/)"
            " or sqlite:////srv/autoai/autoai.db"
        )
    path = Path(str(parsed.database))
    if not path.is_absolute():
        base = instance_dir.parent if path.parts[0] == instance_dir.name else instance_dir
        path = base / path
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def _one_line(error: ValidationError) -> str:
    complaints = []
    for item in error.errors(include_url=False, include_context=False):
        name = str(item["loc"][0]).upper() if item["loc"] else ""
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing" or (name == "ADMIN_PASSWORD" and text == "is missing"):
            text = "is missing: set it in the environment or in .env (`make run` writes one)"
        elif item["type"] != "value_error":
            text = f"is bad: {text[:1].lower()}{text[1:]}"
        complaints.append(f"{name} {text}".strip())
    return "AutoAI cannot start: " + "; ".join(complaints)
