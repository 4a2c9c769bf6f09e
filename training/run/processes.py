"""One process, or one for each device of this host: ``torchrun --no-python --nproc-per-node N limen-train fit``.

PyTorch's own distributed data parallel: each process learns from its share of every batch, and gradients are averaged.
"""

import atexit
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Processes:
    """``rank`` of this process among ``count``, and the device it works on."""

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this one writes files and speaks."""
        return self.rank == 0

    def parallel(self, network: nn.Module) -> nn.Module:
        """``network``, or it with gradients averaged over the processes."""
        if self.count == 1:
            return network
        # A loss may leave out a part of a network where a batch has nothing for it.
        return nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)

    def mean(self, values: Tensor) -> Tensor:
        """Over the processes, each with ``values`` of the same shape."""
        if self.count > 1:
            values = values.clone()
            dist.all_reduce(values)
        return values / self.count

    def meet(self) -> None:
        """Wait for the others."""
        if self.count > 1:
            dist.barrier()


def processors() -> int:
    """How many this process may use: so many further processes make labels and features."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def joined_processes() -> Processes:
    """Those that ``torchrun`` started, this one joined to them; this one alone where it did not."""
    on_cuda = torch.cuda.is_available()
    count = int(os.environ.get("WORLD_SIZE", "1"))
    place = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", place) if on_cuda else torch.device("cpu")
    if count == 1:
        return Processes(0, 1, device)
    if not dist.is_initialized():
        if on_cuda:
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if on_cuda else "gloo")
        atexit.register(dist.destroy_process_group)
    return Processes(dist.get_rank(), count, device)
