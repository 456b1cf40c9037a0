"""How many threads torch computes with while a search runs."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from smnas.measure.standalone import usable_cores


@contextmanager
def threads(count: int | None) -> Generator[None]:
    """Let torch use ``count`` threads inside the block; None: as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_core_left() -> Generator[None]:
    """Let torch use one core less than there are, inside the block.

    The loader prepares the next batches on that core. With no core left for it, OpenMP's threads
    wait for each other in busy loops at the end of every operation: measured on two cores with two
    threads, a training took five times as long as with one, and a prediction up to a hundred
    times. A smaller number that the user has set (``OMP_NUM_THREADS``) is kept.
    """
    with threads(min(torch.get_num_threads(), max(1, usable_cores() - 1))):
        yield
