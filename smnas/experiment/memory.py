"""Running out of memory: how it is recognised, and what is done about it."""

import gc

import torch

from smnas.trial.measurement import Measurement


def means_out_of_memory(error: BaseException) -> bool:
    """Return whether torch or Python ran out of memory; torch says so only in words."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text


def check_predicted(memory: Measurement, limit_mib: float | None) -> None:
    """Make sure that a training is not begun which would be stopped for its memory.

    Raises:
        MemoryError: It is predicted to take more than it may.
    """
    if limit_mib is not None and memory.value > limit_mib:
        raise MemoryError(
            f"predicted to take {memory.value:.0f} MiB, more than its limit {limit_mib:.0f}"
        )


def release_memory() -> None:
    """Give back what a failed trial held, so that the next one does not fail of it too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
