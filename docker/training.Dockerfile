# PyTorch: labels, networks, export. `--build-arg TORCH_INDEX=...` chooses another index of PyTorch builds (CPU, CUDA version).
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
ARG TORCH_INDEX=""
WORKDIR /src
RUN python3 -m venv /opt/limen
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY models models
COPY training training
RUN /opt/limen/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} ".[training]"
# What is inside, for those who have to know.
RUN python3 -m venv /opt/sbom \
    && /opt/sbom/bin/python -m pip install --no-cache-dir --disable-pip-version-check cyclonedx-bom==7.5.0 \
    && /opt/sbom/bin/cyclonedx-py environment /opt/limen/bin/python --output-reproducible \
        --output-file /opt/limen/sbom.cdx.json

FROM ${BASE_IMAGE}
COPY --from=build /opt/limen /opt/limen
ENV PATH=/opt/limen/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/work/.cache \
    MPLCONFIGDIR=/work/.cache
RUN useradd --no-log-init --uid 10001 --no-create-home --shell /usr/sbin/nologin limen \
    && install --directory --owner=limen --group=limen /work
USER 10001
WORKDIR /work
# A training run has no service to ask; the run record beside its checkpoint tells how far it is.
HEALTHCHECK NONE
VOLUME ["/work"]
ENTRYPOINT ["limen-train"]
CMD ["--help"]
