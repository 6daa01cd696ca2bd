# docker build -t autoflow . ; see compose.example.yaml for how it is run.
# Everything is pinned by hash; only the wheel of this checkout is built here.

FROM python:3.13-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/build && python -m venv /opt/autoflow
COPY requirements/build.txt requirements/run.txt /src/requirements/
RUN /opt/build/bin/pip install --require-hashes -r /src/requirements/build.txt \
 && /opt/autoflow/bin/pip install --require-hashes -r /src/requirements/run.txt
COPY pyproject.toml README.md LICENSE NOTICE /src/
COPY src /src/src
# What builds stays in this stage.
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation -w /wheel /src \
 && /opt/autoflow/bin/pip install --no-deps /wheel/*.whl \
 && /opt/autoflow/bin/python -m compileall -q /opt/autoflow/lib

FROM python:3.13-slim
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="autoflow" \
      org.opencontainers.image.description="Rules in YAML: when this event comes, wait, check, act" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/autoflow/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    AUTOFLOW_STATE=/var/lib/autoflow AUTOFLOW_RULES=/etc/autoflow/rules AUTOFLOW_TEMPLATES=/etc/autoflow/templates
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/autoflow --shell /usr/sbin/nologin autoflow \
 && install -d -o autoflow -g autoflow -m 0700 /var/lib/autoflow \
 && install -d /etc/autoflow/rules /etc/autoflow/templates
COPY --from=builder /opt/autoflow /opt/autoflow
# STRICT tables and RETURNING must be there; one process alone writes, so no newer SQLite is needed than this.
RUN python -c "import sqlite3, sys; sys.exit(sqlite3.sqlite_version_info < (3, 37))" && autoflow --version
USER 10001:10001
WORKDIR /etc/autoflow
# Keep it on a local disk: a network file system keeps no promise that a database needs.
VOLUME /var/lib/autoflow
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["autoflow", "health", "--quiet"]
# All addresses of the container, with the token of the state directory; docker stop needs -t 30 to drain.
ENTRYPOINT ["autoflow"]
CMD ["run", "--listen", "0.0.0.0:8787"]
