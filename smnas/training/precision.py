"""In which precision a training computes, on this device."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from smnas.errors import ConfigError
from smnas.training.recipe import PrecisionChoice

Precision = Literal["bf16", "float32"]


def choose_precision(device: torch.device, choice: PrecisionChoice) -> Precision:
    """Return the precision that ``choice`` means on ``device``.

    ``auto`` is bf16 where the hardware computes in it; elsewhere bf16 is emulated, and slower than
    float32. An explicit choice is taken at its word.

    Raises:
        ConfigError: bf16 is asked for on a device that torch has no autocast for.
    """
    if choice == "bf16" and not torch.amp.is_autocast_available(device.type):
        raise ConfigError(
            f"precision 'bf16': torch has no autocast on device {device.type!r}; use 'float32'"
        )
    if choice != "auto":
        return choice
    return "bf16" if _computes_in_bf16(device) else "float32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context in which the forward pass and the losses run.

    Losses, boxes and weight standardisation leave autocast by themselves, in their modules.
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _computes_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    # Newer torch only; an older one cannot tell, and float32 is never wrong.
    get_capabilities = getattr(torch.cpu, "get_capabilities", dict)
    # avx512_bf16 and amx_bf16 on x86, bf16 on ARM.
    return any(value is True for name, value in get_capabilities().items() if "bf16" in name)
