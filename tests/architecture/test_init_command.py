"""The `.env` that `make run` writes on a fresh machine."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from autoai.cli import init

ROOT = Path(__file__).resolve().parents[2]


def test_writes_valid_secrets_for_its_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_mask = os.umask(0)  # the widest: the mode must not depend on the person's umask
    try:
        assert init.main(tmp_path, {}) == 0
    finally:
        os.umask(old_mask)
    path = tmp_path / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    values = dotenv_values(path)
    assert set(values) == {"ADMIN_PASSWORD", "SECRET_KEY", "ENCRYPTION_KEY", "DEMO"}
    assert values["DEMO"] == "true"
    assert len(values["SECRET_KEY"] or "") >= 43  # 256 bits and more
    Fernet(values["ENCRYPTION_KEY"] or "")  # raises if it is not one
    password = values["ADMIN_PASSWORD"] or ""
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}", password)
    assert not set(password) & set("ilo01")
    out = capsys.readouterr().out
    assert out.count(password) == 1
    assert values["SECRET_KEY"] not in out
    assert values["ENCRYPTION_KEY"] not in out


def test_has_its_mode_from_the_first_byte(tmp_path: Path) -> None:
    """Looked at while it is being written: the open call itself gives the mode."""
    seen: list[int] = []

    path = tmp_path / ".env"
    real_fsync = os.fsync

    def look(descriptor: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        real_fsync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", look)
        patch.setattr(os, "chmod", lambda *_: pytest.fail("a mode that is mended later"))
        patch.setattr(os, "fchmod", lambda *_: pytest.fail("a mode that is mended later"))
        assert init.write_new_secret_file(path, "SECRET_KEY=x\n")
    assert seen == [0o600]


def test_leaves_what_is_there_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / ".env"
    path.write_text("ADMIN_PASSWORD=mine\n")
    path.chmod(0o640)
    before = path.stat()
    assert init.main(tmp_path, {}) == 0
    assert path.read_text() == "ADMIN_PASSWORD=mine\n"
    assert (path.stat().st_mode, path.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert "assword" not in capsys.readouterr().out


def test_leaves_a_link_alone_even_when_it_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    assert init.main(tmp_path, {}) == 0
    assert not (tmp_path / "elsewhere").exists()


def test_what_the_environment_sets_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init.main(tmp_path, {"ADMIN_PASSWORD": "from outside", "DEMO": "false"}) == 0
    assert set(dotenv_values(tmp_path / ".env")) == {"SECRET_KEY", "ENCRYPTION_KEY"}
    assert "assword" not in capsys.readouterr().out


def test_an_empty_password_in_the_environment_is_none(tmp_path: Path) -> None:
    assert init.main(tmp_path, {"ADMIN_PASSWORD": ""}) == 0
    assert dotenv_values(tmp_path / ".env")["ADMIN_PASSWORD"]


def test_an_installation_with_data_gets_no_new_key(tmp_path: Path) -> None:
    """Rows may be encrypted with a key in instance/; one in .env would win over it."""
    (tmp_path / "instance").mkdir()
    (tmp_path / "instance" / "autoai.db").touch()
    assert init.main(tmp_path, {}) == 0
    assert set(dotenv_values(tmp_path / ".env")) == {"ADMIN_PASSWORD"}


def test_a_database_from_the_environment_gets_no_new_key(tmp_path: Path) -> None:
    assert init.main(tmp_path, {"DATABASE_URL": "sqlite:////srv/autoai.db"}) == 0
    assert set(dotenv_values(tmp_path / ".env")) == {"ADMIN_PASSWORD"}


def test_half_a_file_does_not_stay(tmp_path: Path) -> None:
    """A full disk: the next try must not find a file that says "already set up"."""
    with pytest.raises(UnicodeEncodeError):
        init.write_new_secret_file(tmp_path / ".env", "A=1\nB=\ud800\n")
    assert not (tmp_path / ".env").exists()


def test_a_folder_it_cannot_write_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init.main(tmp_path / "missing", {}) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("environ", "stored", "expected"),
    [
        ({}, "", "http://localhost:8000"),
        ({"PORT": "9000"}, "PORT=7000\n", "http://localhost:9000"),
        ({"PORT": ""}, "PORT=7000\n", "http://localhost:7000"),
        ({"HOST": "127.0.0.1"}, "", "http://127.0.0.1:8000"),
        ({"HOST": "::1"}, "", "http://[::1]:8000"),
    ],
)
def test_says_where_it_will_be(
    tmp_path: Path, environ: dict[str, str], stored: str, expected: str
) -> None:
    (tmp_path / ".env").write_text(stored)
    assert init.address(tmp_path, environ) == expected


def test_needs_no_settings(tmp_path: Path) -> None:
    """It runs before there are any: what the app would complain about must not stop it."""
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pathlib, sys; from autoai.cli import init;"
            "sys.exit(init.main(pathlib.Path(sys.argv[1])))",
            str(tmp_path),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "MAX_CONCURRENT_RUNS": "many"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Password: ") == 1
