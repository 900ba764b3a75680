FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

# The number is fixed: it is what the owner of the mounted folders is called on the host.
RUN groupadd --gid 10001 autoai \
    && useradd --uid 10001 --gid autoai --home-dir /app --no-create-home \
        --shell /usr/sbin/nologin autoai

WORKDIR /app

# The libraries change less often than the code: a layer of their own, built from this file alone.
COPY requirements.txt ./
RUN pip install --requirement requirements.txt

COPY . .
# Compiled here, as the app cannot write beside its own code.
RUN pybabel --quiet compile --directory autoai/translations \
    && python -m compileall -q autoai

ENV LOG_DIR=/app/logs
EXPOSE 8000
STOPSIGNAL SIGTERM

# http.client, not urllib's opener: a proxy in the environment must not answer for us.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]

# It starts as root to take over the mounts, then becomes user 10001 before any of our Python runs.
ENTRYPOINT ["/app/autoai/cli/docker-entrypoint.sh"]
CMD ["gunicorn", "wsgi:app"]
