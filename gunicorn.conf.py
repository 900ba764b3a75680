"""gunicorn's settings: `gunicorn wsgi:app` from this folder is right by itself.

One worker with threads. A second worker serves pages too, but stands by for the schedule.
No preload (jobs would run in the master), no max_requests (calls in flight would be killed).
"""

import multiprocessing
import signal
import sys
import threading

from autoai.settings import StartError, load_settings

try:
    _settings = load_settings()
except StartError as error:
    print(error, file=sys.stderr, flush=True)
    sys.exit(2)

bind = (
    f"[{_settings.host}]:{_settings.port}"
    if ":" in _settings.host
    else (f"{_settings.host}:{_settings.port}")
)
workers = 1
worker_class = "gthread"
threads = 16  # for pages alone: an event stream takes none, see autoai/web/events
# Above a drain on HUP, and above any stall: a process that was stopped for minutes is well again by
# itself, and killed for it would lose its calls. A tick that is dead ends the process much sooner.
timeout = max(600, _settings.drain_timeout + 60)
graceful_timeout = _settings.drain_timeout + 25
keepalive = 15
control_socket_disable = True  # it would be made in the home folder
forwarded_allow_ips = ""  # forwarded headers are the app's matter: TRUSTED_PROXIES


def on_starting(server):
    """One process tries first where several would start: two workers that fail in the same moment
    make gunicorn (27.0.1, `Arbiter.halt`) end with a traceback instead of our line."""
    if server.cfg.workers > 1:
        trial = multiprocessing.get_context("fork").Process(target=_try_to_start)
        trial.start()
        trial.join()
        if trial.exitcode:
            sys.exit(trial.exitcode)


def _try_to_start():
    from autoai.startup import prepare, starting
    from wsgi import app  # ends this process with a line and a code when it cannot be built

    try:
        with starting():
            prepare(app)
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(4)


def post_worker_init(worker):
    """The app is loaded and the worker is about to accept: prepare the database, then schedule."""
    from autoai.startup import serve, stop

    app = worker.wsgi
    listener = worker.sockets[0].getsockname()
    host, port = listener[:2] if isinstance(listener, tuple) else ("", None)
    try:
        serve(app, host, port)
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(4)  # the master takes this as "do not try again"
    worker.autoai_stop = lambda: stop(app)
    _stop_early(worker, app)


def _stop_early(worker, app):
    """Begin the drain when the signal comes, not when the last page has been served; end the
    streams, so that their pages find the next process as soon as it is there."""
    from autoai.runtime import runtime
    from autoai.web.events.views import hub_of

    finish = signal.getsignal(signal.SIGTERM)

    def on_sigterm(number, frame):
        for begin in (runtime(app).scheduler.begin_stop, hub_of(app).close):
            threading.Thread(target=begin, daemon=True).start()
        finish(number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)


def worker_exit(server, worker):
    """The worker has served its last page: wait for the drain."""
    getattr(worker, "autoai_stop", lambda: None)()
