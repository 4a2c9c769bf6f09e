"""What every benchmark says of itself: on what machine, with which versions, at what load it ran."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("limen", "onnxruntime", "numpy", "numba", "pillow", "imagecodecs", "celery", "fastapi", "uvicorn")


def describe_machine() -> str:
    """Processor, cores, load, Python and library versions, in three lines."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"machine: {_processor()}, {os.cpu_count()} cores, load {load}\n"
        f"system:  {platform.system()} {platform.release()}, Python {platform.python_version()}\n"
        f"with:    {versions}"
    )


def percentile(values: list[float], percent: float) -> float:
    """The value that ``percent`` % of ``values`` do not exceed, nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(percent / 100 * len(ranked)) - 1))]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
