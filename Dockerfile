# The one image of the deployed form: every Airflow part, every worker, the migration and the rehearsal's model server.
# It is built from the same hash-pinned lock as the embedded form, and holds code only: whatever a container keeps lies
# in PostgreSQL, in Redis or in a volume.  x86-64, because the weights of the rehearsal's model come in such a wheel.

FROM python:3.13.14-slim-trixie AS packages
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /build
# The same uv, by the same hash, as the embedded form fetches.
RUN echo "uv==0.13.9 --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19" > uv.txt \
    && pip install --no-cache-dir --no-deps --require-hashes --requirement uv.txt
COPY requirements.txt .
# Wheels only: nothing is compiled, no setup script of a stranger runs.  Bytecode now, or each start would compile it.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv \
    && uv pip install --python /opt/venv/bin/python --require-hashes --no-build --compile-bytecode \
        --requirement requirements.txt

FROM python:3.13.14-slim-trixie
RUN groupadd --gid 10001 plumbline \
    && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin plumbline \
    && install --directory --owner plumbline --group plumbline --mode 0750 /var/lib/airflow /var/log/airflow
COPY --from=packages /opt/venv /opt/venv
# A new volume takes over owner and mode of these folders.  Code belongs to root: the processes cannot change it.
COPY include /opt/plumbline/include
COPY plugins /opt/plumbline/plugins
COPY dags /opt/plumbline/dags
# The UI shows them: the link on a DAG's page leads there.
COPY docs/runbooks /opt/plumbline/docs/runbooks
RUN printf '#!/bin/sh\nexec /opt/venv/bin/python -m plumbline "$@"\n' > /opt/venv/bin/plumbline \
    && chmod 0755 /opt/venv/bin/plumbline \
    && chmod -R a+rX /opt/plumbline \
    && python -m compileall -q /opt/plumbline

ARG PLUMBLINE_CODE_VERSION
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/plumbline/include:/opt/plumbline/plugins \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/plumbline/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/plumbline/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=/var/log/airflow \
    AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY=/var/log/airflow/dag_processor \
    PLUMBLINE_HOME=/tmp/plumbline \
    PLUMBLINE_INBOX=/opt/plumbline/inbox \
    PLUMBLINE_CODE_VERSION=${PLUMBLINE_CODE_VERSION}
USER 10001:10001
WORKDIR /opt/plumbline
EXPOSE 8080
# For the part that the image runs when nothing else is said; docker-compose.yaml gives each part its own.
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=5 \
    CMD ["python", "/opt/plumbline/include/deploy/health.py", "http://127.0.0.1:8080/api/v2/monitor/health", "metadatabase"]
CMD ["airflow", "api-server"]
