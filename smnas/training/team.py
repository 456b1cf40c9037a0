"""``Team``: the processes that compute one training together, mostly a single one."""

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
