"""The yardstick of the benches: APScheduler, a pool of threads, `requests.post`, and nothing else.

No ledger, no deadline, no retries, no pages. The first instants of the jobs come on stdin, as a JSON
list of Unix times. Prints one JSON line once it has started, and one with the times of all answers.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import requests
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


def main() -> None:
    """Fire each job at its first instant and then every `--every` seconds, `--turns` times; beside
    them, `--idle` jobs that are due in a long time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("model")
    for name in ("slots", "every", "turns", "idle"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    firsts = [datetime.fromtimestamp(first, UTC) for first in json.load(sys.stdin)]
    lock, ended, all_ended = threading.Lock(), [], threading.Event()

    def send(number: int) -> None:
        response = requests.post(
            options.url,
            json={
                "model": options.model,
                "messages": [{"role": "user", "content": f"launch={number}"}],
            },
            headers={"Authorization": "Bearer sk-bench-0123456789abcdef"},
            timeout=30,
        )
        response.json()
        with lock:
            ended.append(time.time())
            if len(ended) == len(firsts) * options.turns:
                all_ended.set()

    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(options.slots)},
        job_defaults={"misfire_grace_time": 3600},
    )
    for number, first in enumerate(firsts):
        scheduler.add_job(
            send, "interval", args=[number], seconds=options.every, next_run_time=first
        )
    later = datetime.now(UTC) + timedelta(hours=1)
    for number in range(options.idle):
        scheduler.add_job(
            send,
            "interval",
            args=[number],
            days=100,
            next_run_time=later + timedelta(minutes=number),
        )
    scheduler.start()
    print(json.dumps("started"), flush=True)
    all_ended.wait(60 + options.every * options.turns)
    scheduler.pause()
    print(json.dumps(sorted(ended)), flush=True)
    time.sleep(600)  # until it is ended: CPU and memory are read from outside


if __name__ == "__main__":
    main()
