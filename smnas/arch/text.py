"""The text form of an arch: ``WxH/BACKBONE/NECK/PROPOSALS/HEAD[/KEY=VALUE...]``.

Exact in both directions and safe in a shell. Keys stand in alphabetical order and defaults are left
out, so that a new field changes no old text and no old ``arch_id``. Both directions start from the
plain arch, which the five fields alone describe, and differ from it in the keys.
"""

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from smnas.arch.detector_arch import DetectorArch, describe_validation_error
from smnas.arch.keys import KEYS, get_field, set_field
from smnas.arch.known import KNOWN_DETECTORS
from smnas.arch.parts import (
    BLOCKS,
    NAMED_BACKBONES,
    Backbone,
    CodedBackbone,
    FpnNeck,
    NamedBackbone,
    TimmBackbone,
)
from smnas.errors import ArchError, nearest

EXAMPLE = "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina"
_HEADS = ("retina", "rcnn", "cascade-2", "cascade-3", "cascade-4")
_PROPOSALS = ("none", "rpn", "ga-rpn")
_NECK = re.compile(r"fpn-p([0-9])-p([0-9])-([0-9]{1,6})")
_CODED = re.compile(r"([a-z]+)_([0-9]{1,6})_([0-9-]+)")
_SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")
_BACKBONE: TypeAdapter[NamedBackbone | TimmBackbone | CodedBackbone] = TypeAdapter(Backbone)


def parse_arch(text: str) -> DetectorArch:
    """Return the arch that ``text`` names or describes (see ``DetectorArch.parse``)."""
    name = text.strip()
    text = KNOWN_DETECTORS.get(name, name)
    fields = text.split("/")
    if len(fields) < 5:
        hint = nearest(name, KNOWN_DETECTORS)
        raise ArchError(
            f"arch {text!r}: expected WxH/BACKBONE/NECK/PROPOSALS/HEAD[/KEY=VALUE...], such as "
            f"{EXAMPLE}, or a known name; {hint}"
        )
    plain = _parse_plain(fields[:5], text)
    data = plain.model_dump()
    for item in fields[5:]:
        _apply_key(item, data, text)
    arch = _validate(data, text)
    if len({item.split("=")[0] for item in fields[5:]}) != len(fields[5:]):
        raise ArchError(f"arch {text!r}: a key stands twice; give each once")
    return arch


def format_arch(arch: DetectorArch) -> str:
    """Return the text form of ``arch``."""
    fields = _plain_fields(arch)
    plain, data = _parse_plain(fields, "/".join(fields)).model_dump(), arch.model_dump()
    for name, key in KEYS.items():
        value = get_field(data, key.path)
        if value != get_field(plain, key.path):
            fields.append(f"{name}={key.write(value)}")
    return "/".join(fields)


def parse_backbone(text: str) -> NamedBackbone | TimmBackbone | CodedBackbone:
    """Return the backbone that one field of the text form describes.

    Raises:
        ArchError: An unknown name (the nearest is named) or a faulty code.
    """
    match = _CODED.fullmatch(text)
    data: dict[str, Any]
    if text.startswith("timm:"):
        data = {"kind": "timm", "name": text.removeprefix("timm:")}
    elif match and match[1] in BLOCKS:
        data = {"kind": "coded", "block": match[1], "base": int(match[2]), "code": match[3]}
    elif text in NAMED_BACKBONES:
        data = {"kind": "named", "name": text}
    else:
        block = text.split("_")[0]
        hint = nearest(block, BLOCKS) if "_" in text else nearest(text, NAMED_BACKBONES)
        raise ArchError(
            f"backbone {text!r}: expected a name, timm:NAME, or BLOCK_BASE_CODE such as "
            f"basicblock_16_1-21-21-21; {hint}"
        )
    try:
        return _BACKBONE.validate_python(data)
    except ValidationError as error:
        raise ArchError(describe_validation_error(f"backbone {text!r}", error)) from None


def format_backbone(backbone: NamedBackbone | TimmBackbone | CodedBackbone) -> str:
    """Return the field of the text form that describes ``backbone``."""
    if isinstance(backbone, CodedBackbone):
        return f"{backbone.block}_{backbone.base}_{backbone.code}"
    return f"timm:{backbone.name}" if isinstance(backbone, TimmBackbone) else backbone.name


def _parse_plain(fields: list[str], text: str) -> DetectorArch:
    size, backbone, neck, proposals, head = fields
    match = _SIZE.fullmatch(size)
    if match is None:
        raise ArchError(f"arch {text!r}: input {size!r}: expected WIDTHxHEIGHT, such as 160x160")
    if proposals not in _PROPOSALS:
        hint = nearest(proposals, _PROPOSALS)
        raise ArchError(f"arch {text!r}: proposals {proposals!r}: unknown; {hint}")
    if head not in _HEADS:
        raise ArchError(f"arch {text!r}: head {head!r}: unknown; {nearest(head, _HEADS)}")
    kind, _, stages = head.partition("-")
    return _validate(
        {
            "input": {"width": int(match[1]), "height": int(match[2])},
            "backbone": parse_backbone(backbone).model_dump(),
            "neck": _parse_neck(neck, text),
            "proposals": {"kind": proposals},
            "head": {"kind": kind, "stages": int(stages)} if stages else {"kind": kind},
        },
        text,
    )


def _plain_fields(arch: DetectorArch) -> list[str]:
    neck, head = arch.neck, arch.head
    return [
        f"{arch.input.width}x{arch.input.height}",
        format_backbone(arch.backbone),
        f"fpn-p{neck.first}-p{neck.last}-{neck.width}" if isinstance(neck, FpnNeck) else "none",
        arch.proposals.kind,
        f"cascade-{head.stages}" if head.kind == "cascade" else head.kind,
    ]


def _parse_neck(neck: str, text: str) -> dict[str, Any]:
    if neck == "none":
        return {"kind": "none"}
    match = _NECK.fullmatch(neck)
    if match is None:
        raise ArchError(
            f"arch {text!r}: neck {neck!r}: expected 'none' or fpn-pA-pB-WIDTH, "
            "such as fpn-p2-p5-64"
        )
    first, last, width = (int(group) for group in match.groups())
    return {"kind": "fpn", "first": first, "last": last, "width": width}


def _apply_key(item: str, data: dict[str, Any], text: str) -> None:
    """Write one ``KEY=VALUE`` into the dumped arch, or say why it cannot be."""
    name, equals, value = item.partition("=")
    usable = [key for key, at in KEYS.items() if get_field(data, at.path) is not None]
    if not equals or name not in usable:
        cause = "has no place in this arch" if name in KEYS and equals else "unknown key"
        raise ArchError(f"arch {text!r}: {item!r}: {cause}; {nearest(name, usable)}")
    try:
        set_field(data, KEYS[name].path, KEYS[name].read(value))
    except ValueError:
        expected = KEYS[name].example
        raise ArchError(f"arch {text!r}: {item!r}: expected a value such as {expected}") from None


def _validate(data: dict[str, Any], text: str) -> DetectorArch:
    try:
        return DetectorArch.model_validate(data)
    except ValidationError as error:
        raise ArchError(describe_validation_error(f"arch {text!r}", error)) from None
