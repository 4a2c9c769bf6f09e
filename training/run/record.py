"""What a checkpoint was made from: commit, configuration, versions, hardware, data checksums."""

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from training.run.config import ExperimentConfig


def write_run_record(path: Path, config: ExperimentConfig, data_checksums: dict[str, str]) -> None:
    """Write a JSON record beside a checkpoint."""
    record = {
        "commit": _commit(),
        "config": config.model_dump(mode="json", exclude={"data", "work"}),
        "versions": {name: version(name) for name in ("torch", "numpy", "onnx", "ssimulacra2")},
        "python": platform.python_version(),
        "hardware": {
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.is_available(),
        },
        "data": data_checksums,
    }
    path.write_text(json.dumps(record, indent=2) + "\n")


def kept_metrics(config: ExperimentConfig) -> dict[str, Any]:
    """What the last evaluation wrote to ``metrics.json``; empty before one."""
    file = config.checkpoints / "metrics.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"
