"""``Team``: the processes that compute one training together, mostly a single one."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed


class Team:
    """This process among those of ``torch.distributed``; alone where that is not started.

    Attributes:
        rank: Number of this process, from 0 on.
        size: How many there are.
    """

    def __init__(self) -> None:
        started = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if started else 0
        self.size = distributed.get_world_size() if started else 1

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes files and reports."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of ``values`` over the processes; all of them have to call it."""
        if self.size == 1:
            return values
        total = values.clone()
        distributed.all_reduce(total)
        return total

    def pool(self, count: Tensor) -> tuple[Tensor, int]:
        """Return the sum of ``count`` over the processes, and how many they are."""
        return self.sum(count), self.size

    def agree(self, number: int) -> int:
        """Return what the leading process has for ``number``."""
        if self.size == 1:
            return number
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        value = torch.tensor(number, dtype=torch.int64, device=device)
        distributed.broadcast(value, src=0)
        return int(value)


@contextmanager
def joined(rendezvous: str, rank: int, size: int, device: torch.device) -> Generator[None]:
    """Be one of the processes of a team inside the block.

    Args:
        rendezvous: Where the processes meet, as ``init_process_group`` takes it: ``env://`` or
            ``file://PATH``.
        rank: Number of this process.
        size: How many there are.
        device: Where this process computes: nccl connects GPUs, gloo the rest.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(backend, init_method=rendezvous, rank=rank, world_size=size)
    try:
        yield
    finally:
        distributed.destroy_process_group()


@contextmanager
def joined_by_torchrun(device: str) -> Generator[str]:
    """Be one of the processes that ``torchrun`` has started, or alone where it has not.

    Args:
        device: Kind of device, or one of them where the process is alone.

    Yields:
        The device of this process: under ``torchrun``, the GPU of its local rank.
    """
    environment = os.environ
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        yield device
        return
    kind = torch.device(device).type
    own = f"cuda:{environment['LOCAL_RANK']}" if kind == "cuda" else device
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    with joined("env://", rank, size, torch.device(own)):
        yield own
