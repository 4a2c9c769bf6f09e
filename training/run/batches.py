"""Batches of a data set, the same whatever makes them: how many processes, or how often the fit was interrupted.

Order and every random number of an item come from seed, epoch and place. So a data set draws with torch's numbers alone
(``torch.randint``, or numpy's generator seeded by one of them), and a fit that goes on in the middle of an epoch sees
what it would have seen.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from training.run.config import FitConfig
from training.run.errors import NoStepsError
from training.run.processes import Processes

Draw = tuple[int, int]
"""Index of an item, and the seed of what it draws."""

PREFETCHED = 4
"""Batches that each worker has ready."""


class DrawnItems(Dataset[Any]):
    """The items of a data set, each with random numbers of its own; torch's own state is left as it was."""

    def __init__(self, items: Dataset[Any]) -> None:
        self.items = items

    def __getitem__(self, draw: Draw) -> Any:
        index, seed = draw
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)
        try:
            return self.items[index]
        finally:
            torch.set_rng_state(before)


class EpochBatches(Sampler[list[Draw]]):
    """The share of one process in the whole batches of an epoch, from batch ``first`` on; ``epoch`` and ``first`` move.

    Raises: NoStepsError where ``length`` items are less than a batch.
    """

    def __init__(self, length: int, batch_size: int, seed: int, processes: Processes) -> None:
        if length < batch_size or batch_size < processes.count:
            raise NoStepsError(
                f"{length} items do not make one batch of {batch_size} in {processes.count} processes: "
                "nothing would be learned"
            )
        self.length, self.batch_size, self.seed, self.processes = length, batch_size, seed, processes
        self.epoch = self.first = 0

    @property
    def steps(self) -> int:
        """Batches of a whole epoch."""
        return self.length // self.batch_size

    def __len__(self) -> int:
        return self.steps - self.first

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = rng.permutation(self.length)
        seeds = rng.integers(2**62, size=self.length)
        for step in range(self.first, self.steps):
            batch = slice(step * self.batch_size, (step + 1) * self.batch_size)
            share = slice(self.processes.rank, None, self.processes.count)
            yield list(zip(order[batch][share].tolist(), seeds[batch][share].tolist(), strict=True))


def training_batches(items: Any, fit: FitConfig, seed: int, processes: Processes) -> tuple[Any, EpochBatches]:
    """A loader of collated batches of ``items``, and the sampler that says of which epoch."""
    batches = EpochBatches(len(items), fit.batch_size, seed, processes)
    return _loader(items, batches, fit, processes), batches


def checking_batches(items: Any, fit: FitConfig, processes: Processes) -> Any:
    """A loader of all items of a data set in order, drawn alike each time, in batches and shares of this process.

    Raises: NoStepsError for an empty one.
    """
    if not len(items):
        raise NoStepsError("there is nothing to choose the best weights by: the validation set is empty")
    places = [
        [(index, index) for index in range(start, min(start + fit.batch_size, len(items)))]
        for start in range(0, len(items), fit.batch_size)
    ]
    return _loader(items, places[processes.rank :: processes.count], fit, processes)


def _loader(items: Dataset[Any], places: Any, fit: FitConfig, processes: Processes) -> DataLoader[Any]:
    return DataLoader(
        DrawnItems(items),
        batch_sampler=places,
        num_workers=fit.workers,
        prefetch_factor=PREFETCHED if fit.workers else None,
        persistent_workers=fit.workers > 0,
        pin_memory=processes.device.type == "cuda",
        generator=torch.Generator(),  # not that of the network
        worker_init_fn=_one_thread,
    )


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def on_device(batch: Any, device: torch.device) -> Any:
    """A collated batch there; from pinned memory the copy goes on while the device works."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    return [on_device(part, device) for part in batch]


def parts_of(batch: Any, count: int) -> list[tuple[float, Any]]:
    """A batch in up to ``count`` parts of its items: the share of each, and the part in the form of the batch."""
    first = batch if isinstance(batch, Tensor) else batch[0]
    if count == 1:
        return [(1.0, batch)]
    items = len(first)
    cuts = [batch.chunk(count)] if isinstance(batch, Tensor) else [part.chunk(count) for part in batch]
    parts = cuts[0] if isinstance(batch, Tensor) else [list(part) for part in zip(*cuts, strict=True)]
    sizes = [len(part) for part in first.chunk(count)]
    return [(size / items, part) for size, part in zip(sizes, parts, strict=True)]
