"""Keys: encrypted for one row and one purpose, kept in files of mode 0600, taken out of texts."""

from __future__ import annotations

import base64
import html
import json
import multiprocessing
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from autoai.domain.errors import KeyUnreadable
from autoai.security.encryption import Keyring, mask
from autoai.security.keyfiles import ENCRYPTION_FILE, SECRET_FILE, encryption_keys, secret_key
from autoai.security.redaction import HIDDEN, Redactor
from autoai.settings import SettingsError
from tests.conftest import make_settings

ONE, TWO = Fernet.generate_key().decode(), Fernet.generate_key().decode()
KEY = "sk-proj/a+b=\"c'd\\e&f<0123456789"


class TestEncryption:
    @given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
    def test_round_trip(self, key: str) -> None:
        ring = Keyring([ONE])
        token = ring.encrypt(key, "row", "purpose")
        assert ring.decrypt(token, "row", "purpose") == key
        assert key not in token or len(key) < 4

    @pytest.mark.parametrize(("row", "purpose"), [("other", "purpose"), ("row", "other")])
    def test_of_no_use_elsewhere(self, row: str, purpose: str) -> None:
        ring = Keyring([ONE])
        with pytest.raises(KeyUnreadable):
            ring.decrypt(ring.encrypt("key", "row", "purpose"), row, purpose)

    def test_rubbish(self) -> None:
        for token in ("", "rubbish", "ä", Fernet(ONE).encrypt(b"x").decode()):
            with pytest.raises(KeyUnreadable):
                Keyring([ONE]).decrypt(token, "row", "purpose")

    def test_rotation(self) -> None:
        token = Keyring([ONE]).encrypt("key", "row", "purpose")
        both = Keyring([TWO, ONE])
        assert both.decrypt(token, "row", "purpose") == "key"
        fresh = both.encrypt("key", "row", "purpose")
        assert Keyring([TWO]).decrypt(fresh, "row", "purpose") == "key"
        with pytest.raises(KeyUnreadable):
            Keyring([TWO]).decrypt(token, "row", "purpose")

    def test_canary(self) -> None:
        canary = Keyring([ONE]).make_canary()
        right, wrong = Keyring([TWO, ONE]), Keyring([TWO])
        assert right.check_canary(canary) and right.readable
        assert not wrong.check_canary(canary) and not wrong.readable
        with pytest.raises(KeyUnreadable):
            wrong.encrypt("new", "row", "purpose")

    @pytest.mark.parametrize(
        ("key", "shown"),
        [("sk-0123456789abcdef", "sk-…cdef"), ("a" * 15, "…"), ("ollama", "…"), ("", "…")],
    )
    def test_mask(self, key: str, shown: str) -> None:
        assert mask(key) == shown


class TestRedaction:
    @pytest.mark.parametrize(
        "spelt",
        [
            KEY,
            json.dumps(KEY)[1:-1],
            json.dumps(KEY)[1:-1].replace("/", "\\/"),  # PHP
            repr(KEY)[1:-1],
            quote(KEY, safe=""),
            html.escape(KEY),
            KEY[::-1],
            KEY.encode().hex(),
            base64.b64encode(KEY.encode()).decode(),
            base64.urlsafe_b64encode(KEY.encode()).decode(),
        ],
    )
    def test_each_spelling(self, spelt: str) -> None:
        redactor = Redactor()
        redactor.learn(KEY)
        for text in (redactor.clean(f"<{spelt}>"), redactor.clean(f"<{spelt}>", KEY)):
            assert text.rstrip("=>") == f"<{HIDDEN}", text

    def test_a_short_secret_is_an_ordinary_word_of_answers(self) -> None:
        redactor = Redactor()
        redactor.learn("ollama")
        assert redactor.clean("I am ollama", "ollama") == "I am ollama"
        assert "ollama" not in redactor.clean_error("wrong key: ollama", "ollama")

    @pytest.mark.parametrize(
        "text",
        [
            "Authorization: Bearer abcdef0123456789",
            "bearer   abcdef0123456789",
            '{"api_key": "abcdef0123456789"}',
            "X-Api-Key=abcdef0123456789",
            "Incorrect API key provided: sk-abcdef0123456789",
        ],
    )
    def test_what_looks_like_a_credential(self, text: str) -> None:
        assert "abcdef0123456789" not in Redactor().clean_error(text)

    def test_an_error_that_tells_nothing_stays_whole(self) -> None:
        text = "HTTP 429: too many requests for model sk-mini, ask the bearer of the key"
        assert Redactor().clean_error(text) == text

    def test_it_remembers_a_thousand(self) -> None:
        redactor = Redactor()
        for number in range(1_200):
            redactor.learn(f"secret-number-{number:04}")
        assert redactor.clean("secret-number-1199") == HIDDEN
        assert redactor.clean("secret-number-0200") == HIDDEN


def _make_keys(folder: str, gate: object, found: object) -> None:
    settings = make_settings(Path(folder))
    gate.wait()  # type: ignore[attr-defined]
    found.put((secret_key(settings), encryption_keys(settings, lambda: False)))  # type: ignore[attr-defined]


class TestKeyfiles:
    def test_made_once_for_the_owner_alone(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path)
        assert secret_key(settings) == secret_key(settings)
        assert encryption_keys(settings, lambda: False) == encryption_keys(settings, lambda: True)
        for name in (SECRET_FILE, ENCRYPTION_FILE):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert sorted(path.name for path in tmp_path.iterdir()) == [ENCRYPTION_FILE, SECRET_FILE]

    def test_the_environment_wins_and_leaves_no_file(self, tmp_path: Path) -> None:
        settings = make_settings(tmp_path, secret_key="of the environment", encryption_key=ONE)
        assert secret_key(settings) == "of the environment"
        assert encryption_keys(settings, lambda: True) == [ONE]
        assert list(tmp_path.iterdir()) == []

    def test_never_made_where_rows_are_encrypted(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="ENCRYPTION_KEY is missing"):
            encryption_keys(make_settings(tmp_path), lambda: True)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("text", ["", "\n", "rubbish"])
    def test_a_broken_file_is_told_not_replaced(self, tmp_path: Path, text: str) -> None:
        (tmp_path / ENCRYPTION_FILE).write_text(text)
        with pytest.raises(SettingsError, match=r"encryption\.key"):
            encryption_keys(make_settings(tmp_path), lambda: False)
        assert (tmp_path / ENCRYPTION_FILE).read_text() == text

    def test_an_empty_secret_is_no_secret(self, tmp_path: Path) -> None:
        (tmp_path / SECRET_FILE).write_text("\n")
        with pytest.raises(SettingsError, match=r"secret\.key"):
            secret_key(make_settings(tmp_path))

    def test_processes_that_start_at_once_agree(self, tmp_path: Path) -> None:
        fork = multiprocessing.get_context("fork")
        gate, found = fork.Barrier(3), fork.Queue()
        processes = [
            fork.Process(target=_make_keys, args=(str(tmp_path), gate, found)) for _ in range(3)
        ]
        for process in processes:
            process.start()
        keys = [found.get(timeout=60) for _ in processes]
        for process in processes:
            process.join()
        assert keys[0] == keys[1] == keys[2]
        assert len(list(tmp_path.iterdir())) == 2
