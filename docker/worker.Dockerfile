# The process that runs the models, by ONNX Runtime; no PyTorch. `--build-arg VARIANT=gpu` makes the CUDA image.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
ARG VARIANT=worker
ARG EXTRAS=objects,otel
WORKDIR /src
RUN python3 -m venv /opt/limen
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY models models
COPY workers workers
# Whole seconds as file times: an image layer keeps no finer ones, and numba's cache compares them.
RUN /opt/limen/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt ".[${VARIANT},${EXTRAS}]" \
    && /opt/limen/bin/python -m pip uninstall --yes pip setuptools \
    && find /opt/limen -name '*.py' -exec touch --date=@1767225600 {} +
# What is inside, for those who have to know.
RUN python3 -m venv /opt/sbom \
    && /opt/sbom/bin/python -m pip install --no-cache-dir --disable-pip-version-check cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment /opt/limen/bin/python --output-reproducible \
        --output-file /opt/limen/sbom.cdx.json

FROM ${BASE_IMAGE}
COPY --from=build /opt/limen /opt/limen
# The kernels are compiled here, for any processor of this architecture, and found again in NUMBA_CACHE_DIR.
# A worker whose root is read-only needs a volume there, which starts as a copy of what the image holds.
ENV PATH=/opt/limen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/var/cache/limen \
    MPLCONFIGDIR=/var/cache/limen \
    MALLOC_ARENA_MAX=2 \
    LIMEN_BLOB_DIR=/var/lib/limen
RUN useradd --no-log-init --uid 10001 --no-create-home --shell /usr/sbin/nologin limen \
    && install --directory --owner=limen --group=limen /var/lib/limen /var/cache/limen
USER 10001
WORKDIR /tmp
# Opens every model, which checks it against the manifest, and runs the main job and the metrics: compiles all loops.
RUN python3 -c "import matplotlib.font_manager; from workers.run import loaded_models as m; from workers.settings import WorkerSettings; m.open_models(WorkerSettings(device='cpu')); m.warm_up()"
# Healthy while one of this container's processes says it is ready; each says so every few seconds.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["python3", "-c", "import socket; from workers.jobs.opened import open_job_store; from workers.settings import WorkerSettings; me = socket.gethostname() + '/'; raise SystemExit(not any(worker.name.startswith(me) for worker in open_job_store(WorkerSettings()).workers()))"]
VOLUME ["/var/lib/limen", "/var/cache/limen"]
CMD ["limen", "worker"]
