"""What a checkpoint or a result was made from: its inputs, commit, versions, hardware."""

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from training.run.config import ExperimentConfig
from training.run.fingerprint import Fingerprint


def write_run_record(path: Path, made_from: Fingerprint) -> None:
    """Write a JSON record beside a checkpoint."""
    path.write_text(json.dumps({"made_from": made_from, **circumstances()}, indent=2) + "\n")


def circumstances() -> dict[str, Any]:
    """Commit, versions and hardware of this process."""
    return {
        "commit": _commit(),
        "versions": {name: version(name) for name in ("torch", "numpy", "onnx", "ssimulacra2")},
        "python": platform.python_version(),
        "hardware": {
            "machine": platform.machine(),
            "threads": torch.get_num_threads(),
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def kept_metrics(config: ExperimentConfig) -> dict[str, Any]:
    """What the last evaluation wrote to ``metrics.json``; empty before one."""
    file = config.checkpoints / "metrics.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def _commit() -> str:
    folder = Path(__file__).parent
    answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"
