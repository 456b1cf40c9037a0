"""The part of a batch that losses are computed on; mostly it is all of it.

A batch is computed in parts one after another where memory is short, and side by side in several
processes. Averaged, the losses of the parts are those of the whole batch: what is drawn for a
picture follows from its place in the batch, and what a sample weighs from the samples of all parts.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from smnas.seeding import derive_seed

Pool = Callable[[Tensor], tuple[Tensor, int]]
"""Takes a part's count to the sum over all parts of the batch, and their number."""


def alone(count: Tensor) -> tuple[Tensor, int]:
    """Pool the counts of a batch that is computed as a whole."""
    return count, 1


class BatchPart:
    """What losses need to know beside the pictures of the part.

    Args:
        seed: Of what the losses of this batch draw.
        first: Place in the batch of the part's first picture.
        pool: Sums counts over the parts.
    """

    def __init__(self, seed: int, first: int = 0, pool: Pool = alone) -> None:
        self._seed = seed
        self._first = first
        self._pool = pool
        self._streams: list[torch.Generator] = []

    def draw(self, pictures: int, numbers: int) -> Tensor:
        """Return numbers in [0, 1), (B, N), on the CPU, so that all devices draw equally.

        Each picture has a stream of its own, which further calls go on with.
        """
        for place in range(self._first + len(self._streams), self._first + pictures):
            stream = torch.Generator().manual_seed(derive_seed(self._seed, place))
            self._streams.append(stream)
        drawn_BN = torch.empty(pictures, numbers)
        for row, stream in zip(drawn_BN, self._streams, strict=False):
            row.uniform_(generator=stream)
        return drawn_BN

    def weigh(self, count: Tensor | int, device: torch.device) -> Tensor:
        """Return what one sample weighs in a mean over the whole batch, a scalar on ``device``.

        Args:
            count: Samples of this part; all parts ask for the same counts in the same order.
            device: Where the losses are.
        """
        total, parts = self._pool(torch.as_tensor(count, dtype=torch.float32, device=device))
        return parts / total.clamp(min=1)
