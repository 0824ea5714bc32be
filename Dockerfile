# One image recipe for the Python services: --build-arg SERVICE=gateway | ingest | control.
# Each image holds that service's locked requirements and no other's; the wheel with the built console is the same in all.

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN python -m venv .venv && .venv/bin/pip install --quiet --require-hashes -r requirements/run.txt
COPY dashboards/console/package.json dashboards/console/package-lock.json dashboards/console/.npmrc dashboards/console/
COPY deploy/setup deploy/setup
RUN deploy/setup/npm.sh ci --no-audit --no-fund
COPY . .
RUN deploy/setup/npm.sh run --silent build \
 && .venv/bin/pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir /wheel .

FROM python:3.11-slim-bookworm
ARG SERVICE
COPY requirements/${SERVICE}.txt /tmp/requirements.txt
RUN python -m venv /opt/stoplog \
 && /opt/stoplog/bin/pip install --quiet --no-cache-dir --require-hashes -r /tmp/requirements.txt
COPY --from=wheel /wheel /tmp/wheel
RUN /opt/stoplog/bin/pip install --quiet --no-cache-dir --no-index --no-deps /tmp/wheel/*.whl \
 && useradd --system --uid 10001 --no-create-home stoplog \
 && install --directory --owner=stoplog --group=stoplog /var/lib/stoplog
COPY deploy/certificates /opt/stoplog/certificates
ENV PATH=/opt/stoplog/bin:$PATH PYTHONUNBUFFERED=1
USER stoplog
VOLUME /var/lib/stoplog
STOPSIGNAL SIGTERM
ENTRYPOINT ["stoplog"]
