"""People who look: a process of its own that asks a server for pages at known instants.

    visitors.py BASE COOKIE RATE SECONDS PATH...

Open loop: what is late does not keep the next one from being asked for. Prints, as JSON, how long
each took, in seconds, from when it was to be asked for to the last byte, by path.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import defaultdict
from urllib.parse import urlsplit

_THREADS = 24


def main() -> None:
    base, cookie, rate, seconds, *paths = sys.argv[1:]
    begin = time.monotonic() + 0.5
    total = int(float(rate) * float(seconds))
    numbers = iter(range(total))
    took: dict[str, list[float]] = defaultdict(list)
    bad: dict[str, int] = defaultdict(int)
    lock = threading.Lock()
    address = urlsplit(base).netloc

    def visit() -> None:
        connection = http.client.HTTPConnection(address, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            at = begin + number / float(rate)
            time.sleep(max(0.0, at - time.monotonic()))
            path = paths[number % len(paths)]
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            with lock:
                took[path].append(time.monotonic() - at)
                bad[path] += answer.status != 200

    threads = [threading.Thread(target=visit) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"took": took, "bad": bad}))


if __name__ == "__main__":
    main()
