"""The app, put together: settings, extensions, blueprints, error pages, commands."""

from __future__ import annotations

import sys

from flask import Flask, Response, has_request_context, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.middleware.proxy_fix import ProxyFix

from . import api, cli, models, web
from .domain.networks import NetworkRules
from .extensions import babel, csrf, db, login_manager, migrate, scheduler
from .logging_setup import configure_logging
from .providers.registry import make_providers
from .providers.transport import Transport
from .runtime import Runtime
from .scheduling.clock import SystemClock
from .scheduling.service import SchedulerService
from .security.encryption import Keyring
from .security.keyfiles import encryption_keys, secret_key
from .security.redaction import Redactor
from .services.ports import Clock, Ports
from .services.users import SESSION_LENGTH
from .settings import CANNOT_START, ROOT, Settings, StartError, load_settings
from .startup import serve_under_flask_run, starting

MAX_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Flask:
    """Settings, extensions, blueprints, error pages, commands; nothing runs yet.

    Without `settings` they are read from the environment, and a bad one ends the process with one
    line on stderr. `clock` is for tests.
    """
    if settings is not None:
        return _build(settings, clock or SystemClock())
    try:
        with starting():
            return _build(load_settings(), clock or SystemClock())
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(CANNOT_START)


class _SessionInterface(SecureCookieSessionInterface):
    """The cookie is Secure exactly when the page came by https, also behind a trusted proxy."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """A static file is for everybody, so it must bring nobody's cookie with it."""
        if request.endpoint != "static":
            super().save_session(app, session, response)


def _build(settings: Settings, clock: Clock) -> Flask:
    app = Flask(
        "autoai",
        root_path=str(ROOT),
        instance_path=str(settings.instance_dir),
        static_folder="static",
        template_folder="templates",
    )
    app.jinja_environment = web.Environment
    redactor = Redactor()
    configure_logging(settings, redactor, sys.stderr, to_file=False)
    app.config.from_mapping(_flask_config(settings))
    app.session_interface = _SessionInterface()
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    _bind_extensions(app, settings)
    keys = encryption_keys(settings, lambda: models.holds_encrypted_rows(app))
    for secret in (settings.admin_password.get_secret_value(), app.config["SECRET_KEY"], *keys):
        redactor.learn(secret)
    ports = Ports(
        clock,
        Keyring(keys),
        redactor,
        settings.timezone,
        settings.request_timeout,
        settings.max_concurrent_per_endpoint,
    )
    transport = Transport(
        settings.max_concurrent_runs,
        settings.max_response_bytes,
        str(settings.ca_bundle) if settings.ca_bundle else None,
        NetworkRules(settings.allowed_networks, settings.denied_networks),
    )
    providers = make_providers(transport, clock.now)
    service = SchedulerService(
        app,
        ports,
        providers,
        settings.database_path.with_name(settings.database_path.name + ".scheduler.lock"),
        settings,
    )
    ports.wake = service.wake
    ports.cancel = service.cancel
    Runtime(settings, ports, providers, service).attach(app)
    web.init_app(app)
    api.init_app(app)
    cli.init_app(app)
    serve_under_flask_run(app)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": secret_key(settings),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        # Web threads, the tick, the recorder and a few more; calls under way hold none.
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 24, "max_overflow": 16},
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "MAX_FORM_MEMORY_SIZE": MAX_BODY_BYTES,
        "SESSION_COOKIE_NAME": "autoai_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # A session lasts from its login on, whatever is asked in it: no page that is left open
        # prolongs it.
        "PERMANENT_SESSION_LIFETIME": SESSION_LENGTH,
        "SESSION_REFRESH_EACH_REQUEST": False,
        "WTF_CSRF_CHECK_DEFAULT": False,  # the guard asks for it, after the login
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: a form left open is still good
        "WTF_CSRF_SSL_STRICT": False,  # browsers that send no Referer must be able to log in
        "WTF_CSRF_HEADERS": ["X-CSRFToken"],
        "SCHEDULER_API_ENABLED": False,  # it lets anyone run os:system
        "SCHEDULER_TIMEZONE": "UTC",
        "BABEL_DEFAULT_LOCALE": "en",
        "BABEL_TRANSLATION_DIRECTORIES": str(ROOT / "autoai" / "translations"),
        "JSON_SORT_KEYS": False,
    }


def _bind_extensions(app: Flask, settings: Settings) -> None:
    models.ensure_file(settings.database_path)
    db.init_app(app)
    with app.app_context():
        models.prepare_engine(db.engine)
    migrate.init_app(app, db, directory=str(ROOT / "autoai" / "migrations"))
    login_manager.init_app(app)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=_locale, timezone_selector=web.select_timezone)
    scheduler.init_app(app)


def _locale() -> str:
    """The reader's language. The shell and the scheduler's threads have no reader: English."""
    return web.select_locale() if has_request_context() else "en"
