# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml setup.py README.md ./
COPY fhirserver fhirserver
COPY profiles profiles
RUN python -m venv /opt/fhirserver \
    && /opt/fhirserver/bin/pip install --no-cache-dir .
RUN FHIRSERVER_CACHE=/var/cache/fhirserver /opt/fhirserver/bin/fhirserver packages sync

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home fhirserver \
    && install --directory --owner=fhirserver /var/lib/fhirserver
COPY --from=build /opt/fhirserver /opt/fhirserver
COPY --from=build --chown=fhirserver /var/cache/fhirserver /var/cache/fhirserver
ENV PATH=/opt/fhirserver/bin:$PATH \
    FHIRSERVER_CACHE=/var/cache/fhirserver \
    FHIRSERVER_STATE=/var/lib/fhirserver \
    FHIRSERVER_HOST=0.0.0.0
USER fhirserver
VOLUME /var/lib/fhirserver
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
CMD ["fhirserver", "serve", "--port", "8080"]
