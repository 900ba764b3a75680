"""Languages, time zones, appearance: what the person reads, and what remembers it."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from autoai.domain.runs import Kind, Reason, Source, Status
from autoai.web import words
from autoai.web.formats import duration, listed, offset, percent, sentences, separators
from autoai.web.i18n import match_locale

from ..fakes import START
from .conftest import csrf_of


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh", "zh_Hans"),
        ("zh-CN", "zh_Hans"),
        ("zh-SG", "zh_Hans"),
        ("zh-Hans-HK", "zh_Hans"),
        ("zh-HK", "zh_Hant"),
        ("zh-TW", "zh_Hant"),
        ("zh-MO", "zh_Hant"),
        ("zh-Hant", "zh_Hant"),
        ("zh-Hant-HK", "zh_Hant"),
        ("ZH_tw", "zh_Hant"),
        ("fr", None),
        ("*", None),
        ("", None),
    ],
)
def test_a_browsers_language_and_ours(tag: str, locale: str | None) -> None:
    assert match_locale(tag) == locale


def test_the_browser_chooses_the_language(client: FlaskClient) -> None:
    for header, lang in (
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("fr-FR,zh-CN;q=0.5", "zh-Hans"),
        ("fr", "en"),
        ("de,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0,en;q=0.1", "en"),
        ("%%%;q=x", "en"),
        ("", "en"),
    ):
        text = client.get("/login", headers={"Accept-Language": header}).text
        assert f'<html lang="{lang}"' in text, header


def test_the_switch_is_remembered_and_leads_back(client: FlaskClient) -> None:
    token = csrf_of(client)
    answer = client.post(
        "/locale", data={"locale": "zh_Hant", "next": "/login?next=/logs", "csrf_token": token}
    )
    assert (answer.status_code, answer.location) == (303, "/login?next=/logs")
    cookie = answer.headers["Set-Cookie"]
    assert "locale=zh_Hant" in cookie and "Max-Age=31536000" in cookie and "SameSite=Lax" in cookie
    assert '<html lang="zh-Hant"' in client.get("/login", headers={"Accept-Language": "en"}).text


def test_the_theme_is_written_by_the_server(client: FlaskClient) -> None:
    assert "data-theme" not in client.get("/login").text
    client.post("/theme", data={"theme": "dark", "csrf_token": csrf_of(client)})
    assert 'data-theme="dark"' in client.get("/login").text
    client.post("/theme", data={"theme": "auto", "csrf_token": csrf_of(client)})
    assert "data-theme" not in client.get("/login").text


@pytest.mark.parametrize("path", ["/locale", "/theme"])
def test_nothing_odd_is_remembered(client: FlaskClient, path: str) -> None:
    token = csrf_of(client)
    answer = client.post(
        path,
        data={"locale": "xx", "theme": "pink", "next": "//evil.example", "csrf_token": token},
    )
    assert answer.location == "/"
    assert "locale=" not in str(answer.headers) and "theme=" not in str(answer.headers)


def test_times_are_the_persons_own(signed_in: FlaskClient, task, run) -> None:
    run_id = run(task(), START)
    for zone, time, note in (
        ("Asia/Shanghai", "20:00:00 UTC+8", "Times in Asia/Shanghai (UTC+8)"),
        ("America/St_Johns", "08:30:00 UTC−3:30", "Times in America/St_Johns (UTC−3:30)"),
        ("Asia/Kathmandu", "17:45:00 UTC+5:45", "Times in Asia/Kathmandu (UTC+5:45)"),
        ("Nonsense/Zone", "12:00:00 UTC", "Times in UTC<"),
        ("../../etc/passwd", "12:00:00 UTC", "Times in UTC<"),
    ):
        signed_in.set_cookie("timezone", zone)
        assert time in signed_in.get(f"/logs/{run_id}").text
        assert note in signed_in.get("/logs").text


def test_durations_are_as_exact_as_is_of_use(app: Flask) -> None:
    with app.test_request_context():
        written = {
            ms: duration(ms) for ms in (0, 340, 2_443, 59_999, 60_000, 3_725_000, 200_000_000)
        }
        assert list(written.values()) == [
            "0 ms",
            "340 ms",
            "2.4 s",
            "60 s",
            "1 min 0 s",
            "1 h 2 min",
            "2 d 7 h",
        ]
        assert duration(-1500) == "−1.5 s"
        assert [percent(x) for x in (0, 0.00001, 0.5, 0.9999, 1)] == [
            "0%",
            "0.1%",
            "50%",
            "99.9%",
            "100%",
        ]
        assert offset(START) == "UTC"


def test_a_list_is_joined_as_the_language_does_it(app: Flask) -> None:
    for language, joined in (
        ("en", ["", "a", "a and b", "a, b, and c"]),
        ("zh-CN", ["", "a", "a和b", "a、b和c"]),
    ):
        with app.test_request_context(headers={"Accept-Language": language}):
            for count, text in enumerate(joined):
                assert listed(list("abc")[:count]) == text
                marks = separators(count)
                assert "".join(map("".join, zip("abc", marks, strict=False))) == text


def test_every_status_reason_kind_and_source_has_words() -> None:
    assert set(Status) <= set(words.STATUSES)
    assert set(Reason) <= set(words.REASONS)
    assert set(Kind) <= set(words.KINDS)
    assert set(Source) <= set(words.SOURCES)


def test_a_chosen_zone_wins_over_the_browsers(signed_in: FlaskClient) -> None:
    def choose(zone: str, **fields: str) -> TestResponse:
        data = {"zone": zone, "csrf_token": csrf_of(signed_in, "/health"), **fields}
        return signed_in.post("/zone", data=data)

    signed_in.set_cookie("timezone", "Europe/Berlin")
    assert "You see times in Europe/Berlin." in signed_in.get("/health").text
    assert 'data-times="yes"' in signed_in.get("/health").text
    assert choose("Asia/Shanghai", next="/health?a=b").location == "/health?a=b"
    text = signed_in.get("/health").text
    assert "You see times in Asia/Shanghai." in text
    assert 'data-times="no"' in text, "the browser's zone is no reason to read the page again"
    for wrong in ("Mars/Phobos", "../etc/passwd", "\x00", "x" * 3000, "<b>"):
        answer = choose(wrong)
        assert answer.status_code == 422 and "no time zone of this name" in answer.text
        assert "<b>" not in answer.text
    assert "You see times in Asia/Shanghai." in signed_in.get("/health").text
    assert choose("", next="//evil.test").location == "/"
    assert "You see times in Europe/Berlin." in signed_in.get("/health").text
    signed_in.set_cookie("zone", "Mars/Phobos")
    assert "You see times in Europe/Berlin." in signed_in.get("/health").text


def test_high_contrast_is_a_choice(signed_in: FlaskClient) -> None:
    data = {"theme": "contrast", "csrf_token": csrf_of(signed_in, "/health")}
    assert signed_in.post("/theme", data=data).status_code == 303
    text = signed_in.get("/health").text
    assert '<html lang="en" data-contrast="more"' in text and "data-theme" not in text


@pytest.mark.parametrize(("locale", "between"), [("en", " "), ("zh_Hans", ""), ("zh_Hant", "")])
def test_sentences_stand_after_each_other_as_the_language_has_it(
    app: Flask, locale: str, between: str
) -> None:
    with app.test_request_context(headers={"Cookie": f"locale={locale}"}):
        assert sentences(["One.", "Two."]) == f"One.{between}Two."
