"""The one training loop: AdamW, cosine schedule, early stopping, checkpoint after every epoch, resume after a kill.

On a CUDA device the forward pass runs in bfloat16 unless the configuration says otherwise; its exponent is that of
float32, so that no loss scaling is needed. TF32 is off: its ten bits would spoil the variances that judges compute.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from training.run.config import ExperimentConfig

BatchLoss = Callable[[nn.Module, Any], Tensor]
"""Network and one collated batch in, scalar loss out."""

HISTORY = "history.json"


def seed_everything(seed: int) -> None:
    """Seed numpy's legacy state and torch; data generators take their own ``Generator``."""
    np.random.seed(seed)
    torch.manual_seed(seed)


def fit_network(
    network: nn.Module, train: Dataset[Any], validate: Dataset[Any], loss: BatchLoss, config: ExperimentConfig
) -> nn.Module:
    """Fit in place and return ``network`` with the weights of the best validation loss.

    Resumes from ``checkpoint.pt`` in ``config.checkpoints`` when it is there, as if it had not stopped: a data set that
    draws by a generator of its own holds it as ``rng``. Beside it the best weights are kept in ``best.pt`` and the
    losses of each epoch in ``history.json``.
    """
    seed_everything(config.seed)
    torch.set_num_threads(config.threads)
    config.checkpoints.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.allow_tf32 = False
    network.to(device)
    fit = config.fit
    precision = partial(torch.autocast, device.type, torch.bfloat16, fit.mixed_precision and device.type == "cuda")
    optimiser = torch.optim.AdamW(network.parameters(), lr=fit.learning_rate, weight_decay=fit.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fit.epochs, eta_min=fit.learning_rate / 50)
    batches = DataLoader(train, batch_size=fit.batch_size, shuffle=True, drop_last=True)
    checks = DataLoader(validate, batch_size=fit.batch_size)
    rng: np.random.Generator | None = getattr(train, "rng", None)
    state = _resume(config.checkpoints / "checkpoint.pt", network, optimiser, schedule, rng)
    for epoch in range(state["epoch"], fit.epochs):
        started = time.perf_counter()
        train_loss = _epoch(network, batches, loss, device, optimiser, f"epoch {epoch + 1}/{fit.epochs}", precision)
        schedule.step()
        validation_loss = _validate(network, checks, loss, device, precision)
        print(
            f"{config.name} epoch {epoch + 1}/{fit.epochs}: train {train_loss:.4f} validation {validation_loss:.4f} "
            f"({time.perf_counter() - started:.0f} s)",
            flush=True,
        )
        state["history"].append([train_loss, validation_loss])
        if validation_loss < state["best"]:
            state |= {"best": validation_loss, "best_epoch": epoch}
            torch.save(network.state_dict(), config.checkpoints / "best.pt")
        (config.checkpoints / HISTORY).write_text(json.dumps(state["history"]))
        _save(config.checkpoints / "checkpoint.pt", network, optimiser, schedule, state | {"epoch": epoch + 1}, rng)
        if epoch - state["best_epoch"] >= fit.patience:
            break
    return load_best(network, config)


def load_best(network: nn.Module, config: ExperimentConfig) -> nn.Module:
    """``network`` with the best weights, evaluating, on the CPU. Raises: FileNotFoundError before a fit."""
    network.load_state_dict(torch.load(config.checkpoints / "best.pt", map_location="cpu", weights_only=True))
    return network.cpu().eval()


def load_history(config: ExperimentConfig) -> list[tuple[float, float]]:
    """Training and validation loss of each epoch so far; empty before a fit."""
    path = config.checkpoints / HISTORY
    return [(train, validation) for train, validation in json.loads(path.read_text())] if path.is_file() else []


def channels_last(network: nn.Module) -> nn.Module:
    """The same network with its weights laid out channels last, which nearly halves a convolution's time on a CPU."""
    moved: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def _to(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    return [_to(part, device) for part in batch]


def _epoch(
    network: nn.Module,
    batches: DataLoader[Any],
    loss: BatchLoss,
    device: torch.device,
    optimiser: torch.optim.Optimizer,
    title: str,
    precision: Callable[[], torch.autocast],
) -> float:
    network.train()
    total = 0.0
    for batch in track(batches, description=title, transient=True):
        optimiser.zero_grad(set_to_none=True)
        with precision():
            value = loss(network, _to(batch, device))
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        total += float(value.detach())
    return total / max(1, len(batches))


@torch.inference_mode()
def _validate(
    network: nn.Module,
    batches: DataLoader[Any],
    loss: BatchLoss,
    device: torch.device,
    precision: Callable[[], torch.autocast],
) -> float:
    network.eval()
    with precision():
        return sum(float(loss(network, _to(batch, device))) for batch in batches) / max(1, len(batches))


def _save(
    path: Path,
    network: nn.Module,
    optimiser: Any,
    schedule: Any,
    state: dict[str, Any],
    rng: np.random.Generator | None,
) -> None:
    parts = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
    temporary = path.with_suffix(".new")
    torch.save(parts | {"state": state, "random": _random_state(rng)}, temporary)
    temporary.replace(path)


def _random_state(rng: np.random.Generator | None) -> dict[str, Any]:
    """Of torch on each device, from which batches are shuffled, and of the data set's own generator as JSON."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "data": None if rng is None else json.dumps(rng.bit_generator.state),
    }


def _restore_random_state(random: dict[str, Any], rng: np.random.Generator | None) -> None:
    torch.set_rng_state(random["torch"])
    if random["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(random["cuda"])
    if rng is not None and random["data"] is not None:
        rng.bit_generator.state = json.loads(random["data"])


def _resume(
    path: Path, network: nn.Module, optimiser: Any, schedule: Any, rng: np.random.Generator | None
) -> dict[str, Any]:
    if not path.is_file():
        return {"epoch": 0, "best": float("inf"), "best_epoch": 0, "history": []}
    parts = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(parts["network"])
    optimiser.load_state_dict(parts["optimiser"])
    schedule.load_state_dict(parts["schedule"])
    if "random" in parts:  # not in checkpoints of before it was kept
        _restore_random_state(parts["random"], rng)
    state: dict[str, Any] = parts["state"]
    return state
