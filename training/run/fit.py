"""The one training loop: early stopping, checkpoints, resume after a kill.

A fit is its inputs: one that goes on has the data, start weights, configuration and code that it began with, and gives
the losses of one that was never stopped (``training.run.batches``). On a CUDA device the forward pass runs in bfloat16
unless the configuration says otherwise; its exponent is that of float32, so that no loss scaling is needed. TF32 is
off: its ten bits would spoil the variances that judges compute.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from training.run.batches import checking_batches, on_device, parts_of, training_batches
from training.run.checkpoint import BEST, HISTORY, RECORD, Standing, read_checkpoint, save, write_checkpoint
from training.run.config import ExperimentConfig
from training.run.errors import NotFiniteError
from training.run.fingerprint import Fingerprint, fingerprint
from training.run.optimiser import build_optimiser, clip_gradients
from training.run.processes import Processes, joined_processes
from training.run.progress import say, track
from training.run.record import write_run_record

BatchLoss = Callable[[nn.Module, Any], Tensor]
"""Network and one collated batch in, scalar loss out."""


class Losses(nn.Module):
    """The loss of a batch as a module, so that all of a network is seen whatever part of it a loss asks."""

    def __init__(self, network: nn.Module, loss: BatchLoss) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, batch: Any) -> Tensor:
        """Scalar."""
        return self.loss(self.network, batch)


@dataclass(slots=True)
class Fit:
    """What goes on while a network is fitted."""

    network: nn.Module
    losses: nn.Module
    config: ExperimentConfig
    processes: Processes
    made_from: Fingerprint
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    precision: Callable[[], torch.autocast]
    standing: Standing
    saved: float = field(default_factory=time.monotonic)

    def save(self) -> None:
        """Write the checkpoint, if this process leads; a loss that is no number is never kept."""
        standing = self.standing
        if not np.isfinite(standing.loss):
            raise NotFiniteError(f"{self.config.name}: the loss is {standing.loss} in epoch {standing.epoch + 1}")
        if self.processes.leads:
            write_checkpoint(self.config.checkpoints, self.made_from, standing, self._states())
        self.saved = time.monotonic()

    def restart_warm(self) -> None:
        """Go on from the best weights so far, with a new optimiser at the beginning of the next fall."""
        self.processes.meet()
        self.network.load_state_dict(_best_weights(self.config))
        self.optimiser, self.schedule = build_optimiser(self.network, self.config.fit, self.standing.epoch)

    def _states(self) -> dict[str, Any] | None:
        """To go on with; none at the end."""
        if self.standing.finished:
            return None
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }


def seed_everything(seed: int) -> None:
    """Seed numpy's legacy state and torch, whose kernels on CUDA then give the same twice."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True


def fit_network(
    network: nn.Module, train: Dataset[Any], validate: Dataset[Any], loss: BatchLoss, config: ExperimentConfig
) -> nn.Module:
    """Fit in place and return ``network`` with the weights of the best validation loss.

    Goes on from ``checkpoint.pt`` in ``config.checkpoints`` as if it had not stopped, or returns at once what was
    fitted to its end. Beside it lie the best weights, ``best.pt``, and the losses of each epoch, ``history.json``.
    Raises: OtherInputsError where those come of other inputs; NoStepsError; NotFiniteError.
    """
    processes = joined_processes()
    seed_everything(config.seed)
    torch.set_num_threads(config.threads)
    config.checkpoints.mkdir(parents=True, exist_ok=True)
    made_from = fingerprint(config, network, train, validate, processes.count)
    batches, places = training_batches(train, config.fit, config.seed, processes)
    checks = checking_batches(validate, config.fit, processes)
    fit = _begun(network.to(processes.device), loss, config, processes, made_from)
    standing = fit.standing
    while not standing.finished:
        started, places.epoch, places.first = time.perf_counter(), standing.epoch, standing.step
        _train_epoch(fit, batches, places.steps)
        fit.schedule.step()
        validation_loss = _validate(fit, checks)
        say(
            f"{config.name} epoch {standing.epoch + 1}/{config.fit.all_epochs}: "
            f"train {standing.history[-1][0]:.4f} validation {validation_loss:.4f} "
            f"({time.perf_counter() - started:.0f} s)"
        )
        _end_epoch(fit, validation_loss)
    processes.meet()
    return load_best(network, config)


def _begun(
    network: nn.Module, loss: BatchLoss, config: ExperimentConfig, processes: Processes, made_from: Fingerprint
) -> Fit:
    """A fit at its beginning, or where its checkpoint stands."""
    standing, states = read_checkpoint(config.checkpoints, made_from, restart=config.restart)
    processes.meet()
    fit, device = config.fit, processes.device
    optimiser, schedule = build_optimiser(network, fit, standing.epoch)
    if states is not None:
        network.load_state_dict(states["network"])
        optimiser.load_state_dict(states["optimiser"])
        schedule.load_state_dict(states["schedule"])
    elif processes.leads and not standing.finished:
        write_run_record(config.checkpoints / RECORD, made_from)
    precision = partial(torch.autocast, device.type, torch.bfloat16, fit.mixed_precision and device.type == "cuda")
    losses = processes.parallel(Losses(network, loss))
    return Fit(network, losses, config, processes, made_from, optimiser, schedule, precision, standing)


def _train_epoch(fit: Fit, batches: Any, steps: int) -> None:
    """The rest of an epoch; losses are summed on the device, which is asked for them when a checkpoint is due."""
    fit.network.train()
    standing, settings, device = fit.standing, fit.config.fit, fit.processes.device
    total = torch.tensor(standing.loss, device=device, dtype=torch.float64)
    for batch in track(batches, f"epoch {standing.epoch + 1}/{settings.all_epochs}", steps - standing.step):
        _seed_step(fit)
        fit.optimiser.zero_grad(set_to_none=True)
        for share, part in parts_of(on_device(batch, device), settings.batch_parts):
            with fit.precision():
                value = fit.losses(part) * share
            value.backward()
            total += value.detach()
        clip_gradients(fit.network, settings)
        fit.optimiser.step()
        standing.step += 1
        if time.monotonic() - fit.saved >= 60 * settings.checkpoint_minutes and fit.processes.leads:
            standing.loss = float(total)
            fit.save()
    standing.loss = float(total)
    mean = fit.processes.mean(total / steps)
    standing.history.append([float(mean)])


def _seed_step(fit: Fit) -> None:
    """What a network draws, as for dropout, hangs on seed, epoch, step and process alone."""
    place = [fit.config.seed, fit.standing.epoch, fit.standing.step, fit.processes.rank]
    torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> 1))


@torch.inference_mode()
def _validate(fit: Fit, checks: Any) -> float:
    """Mean loss over the batches of all processes."""
    fit.network.eval()
    sums = torch.zeros(2, device=fit.processes.device, dtype=torch.float64)
    with fit.precision():
        for batch in checks:
            value = fit.losses.module if isinstance(fit.losses, nn.parallel.DistributedDataParallel) else fit.losses
            sums += torch.stack([value(on_device(batch, fit.processes.device)).double(), sums.new_ones(())])
    total, count = fit.processes.mean(sums).tolist()
    return float(total / count)


def _end_epoch(fit: Fit, validation_loss: float) -> None:
    """Note the losses, keep the weights if they are the best, stop where nothing more is to be had."""
    standing, settings = fit.standing, fit.config.fit
    if not np.isfinite([standing.history[-1][0], validation_loss]).all():
        raise NotFiniteError(f"{fit.config.name}: a loss is no number after epoch {standing.epoch + 1}")
    standing.history[-1].append(validation_loss)
    if validation_loss < standing.best:
        standing.best, standing.best_epoch = validation_loss, standing.epoch
        if fit.processes.leads:
            save(fit.config.checkpoints / BEST, fit.network.state_dict())
    standing.finished = standing.epoch - standing.best_epoch >= settings.patience
    standing.epoch, standing.step, standing.loss = standing.epoch + 1, 0, 0.0
    standing.finished |= standing.epoch == settings.all_epochs
    if not standing.finished and settings.fall_of(standing.epoch)[0] == standing.epoch:
        fit.restart_warm()
    fit.save()


def load_best(network: nn.Module, config: ExperimentConfig) -> nn.Module:
    """``network`` with the best weights, evaluating, on the CPU. Raises: FileNotFoundError before a fit."""
    network.load_state_dict(_best_weights(config))
    return network.cpu().eval()


def _best_weights(config: ExperimentConfig) -> dict[str, Any]:
    weights: dict[str, Any] = torch.load(config.checkpoints / BEST, map_location="cpu", weights_only=True)
    return weights


def load_history(config: ExperimentConfig) -> list[tuple[float, float]]:
    """Training and validation loss of each epoch so far; empty before a fit."""
    path = config.checkpoints / HISTORY
    return [(train, validation) for train, validation in json.loads(path.read_text())] if path.is_file() else []


def channels_last(network: nn.Module) -> nn.Module:
    """The same network with its weights laid out channels last, which nearly halves a convolution's time on a CPU."""
    moved: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved
