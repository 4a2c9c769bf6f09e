# The web process: HTTP in, job out. Of the models only the reader of headers, the options of VarJPEG and the cards
# are inside, and no runtime for them.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
ARG EXTRAS=objects,otel
WORKDIR /src
RUN python3 -m venv /opt/limen
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY workers workers
COPY models/__init__.py models/errors.py models/viewing.py models/
COPY models/image_files models/image_files
COPY models/cards models/cards
COPY models/varjpeg/__init__.py models/varjpeg/choices.py models/varjpeg/options.py models/varjpeg/
RUN /opt/limen/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt ".[api,${EXTRAS}]" \
    && /opt/limen/bin/python -m pip uninstall --yes pip setuptools
# What is inside, for those who have to know.
RUN python3 -m venv /opt/sbom \
    && /opt/sbom/bin/python -m pip install --no-cache-dir --disable-pip-version-check cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment /opt/limen/bin/python --output-reproducible \
        --output-file /opt/limen/sbom.cdx.json

FROM ${BASE_IMAGE}
COPY --from=build /opt/limen /opt/limen
ENV PATH=/opt/limen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LIMEN_BLOB_DIR=/var/lib/limen
RUN useradd --no-log-init --uid 10001 --no-create-home --shell /usr/sbin/nologin limen \
    && install --directory --owner=limen --group=limen /var/lib/limen
USER 10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
VOLUME ["/var/lib/limen"]
CMD ["limen", "serve", "--host", "0.0.0.0", "--port", "8000"]
