"""A schedule in the words of the reader."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale

from autoai.domain.schedules import FixedTime, Interval, Schedule, describe
from autoai.language import ReaderWords
from tests.fakes import START


def every(seconds: int) -> Interval:
    return Interval(seconds, START)


@pytest.mark.parametrize(
    ("schedule", "english", "simplified", "traditional"),
    [
        (every(1), "every second", "每秒", "每秒"),
        (every(30), "every 30 seconds", "每30秒", "每30秒"),
        (every(60), "every minute", "每分钟", "每分鐘"),
        (every(90), "every 90 seconds", "每90秒", "每90秒"),
        (every(300), "every 5 minutes", "每5分钟", "每5分鐘"),
        (every(3_600), "every hour", "每小时", "每小時"),
        (every(7_200), "every 2 hours", "每2小时", "每2小時"),
        (every(5_400), "every 90 minutes", "每90分钟", "每90分鐘"),
        (every(86_400), "every day", "每天", "每天"),
        (every(172_800), "every 2 days", "每2天", "每2天"),
        (FixedTime((time(9),), ZoneInfo("UTC")), "every day at 09:00", "每天09:00", "每天09:00"),
    ],
)
def test_words(
    in_app: Flask, schedule: Schedule, english: str, simplified: str, traditional: str
) -> None:
    for locale, words in (("en", english), ("zh_Hans", simplified), ("zh_Hant", traditional)):
        with force_locale(locale):
            assert describe(schedule, ReaderWords()) == words
