"""Files of a fit: ``checkpoint.pt``, ``best.pt``, ``history.json``, the record ``run.json``; of one set of inputs."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from training.run.errors import OtherInputsError
from training.run.fingerprint import Fingerprint, differences

CHECKPOINT, BEST, HISTORY, RECORD = "checkpoint.pt", "best.pt", "history.json", "run.json"


@dataclass(slots=True)
class Standing:
    """How far a fit has come: ``step`` batches of epoch ``epoch``, whose losses sum to ``loss``; what was best."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    best: float = float("inf")
    best_epoch: int = 0
    history: list[list[float]] = field(default_factory=list)
    finished: bool = False


def read_checkpoint(folder: Path, made_from: Fingerprint, *, restart: bool) -> tuple[Standing, dict[str, Any] | None]:
    """Where a fit stands and the states of its parts, none before the first checkpoint and after the end.

    Weights without a checkpoint are nobody's. What comes of other inputs is refused, or thrown away for ``restart``.
    Raises: OtherInputsError that says what is not the same.
    """
    path = folder / CHECKPOINT
    kept = torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else {}
    if kept and kept.get("made_from") == made_from:
        return Standing(**kept["standing"]), kept["states"]
    if kept and not restart:
        changed = "; ".join(differences(kept.get("made_from", {}), made_from)[:8])
        raise OtherInputsError(f"{folder} holds a fit of other inputs: {changed}. --restart throws it away")
    discard(folder)
    return Standing(), None


def discard(folder: Path) -> None:
    """Remove the files of a fit."""
    for name in (CHECKPOINT, BEST, HISTORY, RECORD):
        (folder / name).unlink(missing_ok=True)


def write_checkpoint(folder: Path, made_from: Fingerprint, standing: Standing, states: dict[str, Any] | None) -> None:
    """In the place of the one before; without ``states``, which are several times the weights, once it is finished."""
    save(folder / CHECKPOINT, {"made_from": made_from, "standing": asdict(standing), "states": states})
    (folder / HISTORY).write_text(json.dumps(standing.history))


def save(path: Path, content: Any) -> None:
    """Whole or not at all."""
    temporary = path.with_suffix(".new")
    torch.save(content, temporary)
    temporary.replace(path)
