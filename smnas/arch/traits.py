"""What the paper's figure 5 holds accuracy against: depth, early widening, input size."""

from smnas.arch.detector_arch import DetectorArch
from smnas.arch.parts import CodedBackbone, NamedBackbone
from smnas.arch.reference_codes import REFERENCE_CODES


def built_blocks(arch: DetectorArch) -> str | None:
    """Return the digits of all blocks that are built, without hyphens.

    A backbone by name counts as its code; None for timm's others, which have none.
    """
    backbone = arch.backbone
    if isinstance(backbone, NamedBackbone):
        backbone = REFERENCE_CODES[backbone.name]
    if not isinstance(backbone, CodedBackbone):
        return None
    return "".join(backbone.code.split("-")[: arch.roi_levels[-1]])


def depth(arch: DetectorArch) -> float | None:
    """Return the number of blocks of the backbone, or None where it has no code."""
    blocks = built_blocks(arch)
    return None if blocks is None else float(len(blocks))


def early_widening(arch: DetectorArch) -> float | None:
    """Return how early the backbone doubles its channels: 1 in the first blocks, 0 in the last.

    It is the mean over the doublings; None where there is none, or a single block.
    """
    blocks = built_blocks(arch)
    if blocks is None or "2" not in blocks or len(blocks) < 2:
        return None
    places = [at for at, digit in enumerate(blocks) if digit == "2"]
    return 1.0 - sum(places) / len(places) / (len(blocks) - 1)


def input_megapixels(arch: DetectorArch) -> float:
    """Return width times height of the input, in millions of pixels."""
    return arch.input.width * arch.input.height / 1e6
