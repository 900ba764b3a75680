"""The yardstick of `burst.py`: APScheduler, a pool of threads, `requests.post`, and nothing else.

No ledger, no deadline, no retries, no pages. Prints one JSON line for each burst, and at the end.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from datetime import UTC, datetime

import requests
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


def main() -> None:
    """Fire `--tasks` jobs at `--due`, and again every `--every` seconds, `--bursts` times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--due", type=float, required=True)
    for name in ("tasks", "slots", "every", "bursts"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    lock, ended, all_ended = threading.Lock(), [], threading.Event()

    def send(number: int) -> None:
        response = requests.post(
            options.url,
            json={
                "model": options.model,
                "messages": [{"role": "user", "content": f"launch=bare-{number}"}],
            },
            headers={"Authorization": "Bearer sk-bench-0123456789abcdef"},
            timeout=30,
        )
        response.json()
        with lock:
            ended.append(time.time())
            if len(ended) == options.tasks * options.bursts:
                all_ended.set()

    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(options.slots)},
        job_defaults={"misfire_grace_time": 3600},
    )
    for number in range(options.tasks):
        first = datetime.fromtimestamp(options.due, UTC)
        scheduler.add_job(
            send, "interval", args=[number], seconds=options.every, next_run_time=first
        )
    scheduler.start()
    all_ended.wait(60 + options.every * options.bursts)
    scheduler.pause()
    print(json.dumps(sorted(ended)), flush=True)
    time.sleep(600)  # until it is ended: CPU and memory are read from outside


if __name__ == "__main__":
    main()
