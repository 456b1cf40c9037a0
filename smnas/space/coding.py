"""From structures to codes: how a named backbone enters stage two, and what of a code is built."""

from smnas.arch import DetectorArch
from smnas.arch.parts import (
    MAX_LATERAL_LEVEL,
    CodedBackbone,
    FpnNeck,
    NamedBackbone,
    NoNeck,
    TimmBackbone,
)
from smnas.arch.reference_codes import REFERENCE_CODES
from smnas.errors import SpaceError


def code_backbone(backbone: CodedBackbone | NamedBackbone | TimmBackbone) -> CodedBackbone:
    """Return the code that stands for ``backbone``.

    Raises:
        SpaceError: A timm backbone, whose blocks have no code.
    """
    if isinstance(backbone, CodedBackbone):
        return backbone
    if isinstance(backbone, NamedBackbone):
        return REFERENCE_CODES[backbone.name]
    raise SpaceError(
        f"backbone 'timm:{backbone.name}' has no code, so stage two cannot search around it: use "
        f"BLOCK_BASE_CODE or one of {', '.join(REFERENCE_CODES)}"
    )


def split_code(arch: DetectorArch) -> tuple[str, str]:
    """Return the code of ``arch`` in two: the groups that are built, and the rest with its hyphen.

    Stages above the highest level that feeds the neck (or, without one, above P3) are left out of
    the network.
    """
    groups, top = code_backbone(arch.backbone).code.split("-"), arch.roi_levels[-1]
    return "-".join(groups[:top]), "".join(f"-{group}" for group in groups[top:])


def as_built(arch: DetectorArch) -> DetectorArch:
    """Return the first of all archs that name the network that ``arch`` names.

    Two archs are duplicates when this is equal. The groups of a code that are never built are
    reduced to one block. Of backbones by name that differ only in stages that are never built, as
    ResNet-50 and -101 do above P2, the one that comes first in ``REFERENCE_CODES`` stands for all.
    """
    backbone, top = arch.backbone, arch.roi_levels[-1]
    if isinstance(backbone, CodedBackbone):
        built, rest = split_code(arch)
        code = built + "-1" * rest.count("-")
        return (
            arch if code == backbone.code else arch.replace(backbone=with_code(backbone, code=code))
        )
    if (
        isinstance(backbone, NamedBackbone)
        and (name := _ALIKE[backbone.name, top]) != backbone.name
    ):
        return arch.replace(backbone=backbone.model_copy(update={"name": name}))
    return arch


def _find_alike(name: str, top: int) -> str:
    """Return the first backbone that is equal to ``name`` up to level ``top``."""

    def built(name: str) -> tuple[str, int, list[str]]:
        coded = REFERENCE_CODES[name]
        return coded.block, coded.base, coded.code.split("-")[:top]

    return next(other for other in REFERENCE_CODES if built(other) == built(name))


_ALIKE = {
    (name, top): _find_alike(name, top)
    for name in REFERENCE_CODES
    for top in range(1, MAX_LATERAL_LEVEL + 1)
}


def with_code(
    backbone: CodedBackbone, *, code: str | None = None, base: int | None = None
) -> CodedBackbone:
    """Return ``backbone`` with another code or base width, checked."""
    return CodedBackbone(
        block=backbone.block, base=base or backbone.base, code=code or backbone.code
    )


def with_width(neck: FpnNeck | NoNeck, width: int) -> FpnNeck | NoNeck:
    """Return ``neck`` at another width; without a pyramid there is none to change."""
    if isinstance(neck, NoNeck):
        return neck
    return FpnNeck.model_validate({**dict(neck), "width": width})
