"""The text form of an arch: ``WxH/BACKBONE/NECK/PROPOSALS/HEAD[/KEY=VALUE...]``.

Exact in both directions and safe in a shell. Keys stand in alphabetical order and defaults are left
out, so that a new field changes no old text and no old ``arch_id``. Both directions start from the
plain arch, which the five fields alone describe, and differ from it in the keys.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from smnas.arch.keys import KEYS, get_field, with_field
from smnas.arch.known import KNOWN_DETECTORS
from smnas.arch.parts import (
    BLOCKS,
    DEFAULT_NORM,
    NAMED_BACKBONES,
    Backbone,
    Head,
    InputSize,
    Neck,
    Proposals,
)
from smnas.errors import ArchError, describe_validation_error, nearest

EXAMPLE = "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina"
_HEADS = ("retina", "rcnn", "cascade-2", "cascade-3", "cascade-4")
_PROPOSALS = ("none", "rpn", "ga-rpn")
_NECK = re.compile(r"fpn-p([0-9])-p([0-9])-([0-9]{1,6})")
_CODED = re.compile(r"([a-z]+)_([0-9]{1,6})_([0-9-]+)")
_SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")


def read_text(text: str) -> dict[str, Any]:
    """Return the fields of the arch that ``text`` names or describes, each part checked.

    Args:
        text: The text form, or a name from ``smnas.arch.known``.

    Returns:
        The data that ``DetectorArch`` is validated from, all defaults filled in.

    Raises:
        ArchError: An unknown part or key (the nearest is named), or a value out of range.
    """
    name = text.strip()
    text = KNOWN_DETECTORS.get(name, name)
    fields = text.split("/")
    if len(fields) < 5:
        hint = nearest(name, KNOWN_DETECTORS)
        raise ArchError(
            f"arch {text!r}: expected WxH/BACKBONE/NECK/PROPOSALS/HEAD[/KEY=VALUE...], such as "
            f"{EXAMPLE}, or a known name; {hint}"
        )
    data = _plain(fields[:5])
    keys = [item.partition("=")[0] for item in fields[5:]]
    if len(set(keys)) != len(keys):
        raise ArchError(f"arch {text!r}: a key stands twice; give each once")
    for item in fields[5:]:
        data = _apply_key(item, data)
    return data


def write_text(data: dict[str, Any]) -> str:
    """Return the text form of a dumped arch; ``read_text`` reads it back exactly."""
    fields = _plain_fields(data)
    plain = _plain(fields)
    for name, key in KEYS.items():
        value = get_field(data, key.path)
        if value != get_field(plain, key.path):
            fields.append(f"{name}={key.write(value)}")
    return "/".join(fields)


def read_backbone(text: str) -> dict[str, Any]:
    """Return the data of the backbone that one field of the text form describes.

    Raises:
        ArchError: An unknown name (the nearest is named).
    """
    match = _CODED.fullmatch(text)
    if text.startswith("timm:"):
        return {"kind": "timm", "name": text.removeprefix("timm:")}
    if match and match[1] in BLOCKS:
        return {"kind": "coded", "block": match[1], "base": int(match[2]), "code": match[3]}
    if text in NAMED_BACKBONES:
        return {"kind": "named", "name": text}
    block = text.split("_")[0]
    hint = nearest(block, BLOCKS) if "_" in text else nearest(text, NAMED_BACKBONES)
    raise ArchError(
        f"backbone {text!r}: expected a name, timm:NAME, or BLOCK_BASE_CODE such as "
        f"basicblock_16_1-21-21-21; {hint}"
    )


def _read_size(text: str) -> dict[str, Any]:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ArchError(f"input {text!r}: expected WIDTHxHEIGHT, such as 160x160")
    return {"width": int(match[1]), "height": int(match[2])}


def _read_neck(text: str) -> dict[str, Any]:
    if text == "none":
        return {"kind": "none"}
    match = _NECK.fullmatch(text)
    if match is None:
        raise ArchError(f"neck {text!r}: expected 'none' or fpn-pA-pB-WIDTH, such as fpn-p2-p5-64")
    first, last, width = (int(group) for group in match.groups())
    return {"kind": "fpn", "first": first, "last": last, "width": width}


def _read_proposals(text: str) -> dict[str, Any]:
    if text not in _PROPOSALS:
        raise ArchError(f"proposals {text!r}: unknown; {nearest(text, _PROPOSALS)}")
    return {"kind": text}


def _read_head(text: str) -> dict[str, Any]:
    if text not in _HEADS:
        raise ArchError(f"head {text!r}: unknown; {nearest(text, _HEADS)}")
    kind, _, stages = text.partition("-")
    return {"kind": kind, "stages": int(stages)} if stages else {"kind": kind}


_FIELDS: dict[str, tuple[Callable[[str], dict[str, Any]], TypeAdapter[Any]]] = {
    "input": (_read_size, TypeAdapter(InputSize)),
    "backbone": (read_backbone, TypeAdapter(Backbone)),
    "neck": (_read_neck, TypeAdapter(Neck)),
    "proposals": (_read_proposals, TypeAdapter(Proposals)),
    "head": (_read_head, TypeAdapter(Head)),
}
"""The five fields in their order, how each is read, and the part that it becomes."""


def _plain(fields: list[str]) -> dict[str, Any]:
    """Return the data of the arch that the five fields alone describe, defaults filled in."""
    parts = {name: _part(name, text) for name, text in zip(_FIELDS, fields, strict=True)}
    return {"norm": DEFAULT_NORM, **parts}


@lru_cache(maxsize=65_536)
def _part(name: str, text: str) -> dict[str, Any]:
    """Return the data of one field, defaults filled in; shared by all archs, and never changed."""
    read, part = _FIELDS[name]
    try:
        return part.validate_python(read(text)).model_dump()
    except ValidationError as error:
        raise ArchError(describe_validation_error(f"{name} {text!r}", error)) from None


def _plain_fields(data: dict[str, Any]) -> list[str]:
    size, backbone, neck, head = (data[name] for name in ("input", "backbone", "neck", "head"))
    fpn = neck["kind"] == "fpn"
    return [
        f"{size['width']}x{size['height']}",
        write_backbone(backbone),
        f"fpn-p{neck['first']}-p{neck['last']}-{neck['width']}" if fpn else "none",
        data["proposals"]["kind"],
        f"cascade-{head['stages']}" if head["kind"] == "cascade" else head["kind"],
    ]


def write_backbone(data: dict[str, Any]) -> str:
    """Return the field of the text form for a dumped backbone."""
    if data["kind"] == "coded":
        return f"{data['block']}_{data['base']}_{data['code']}"
    return f"timm:{data['name']}" if data["kind"] == "timm" else data["name"]


def _apply_key(item: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the dumped arch with one ``KEY=VALUE`` in it, or say why it cannot be."""
    name, equals, value = item.partition("=")
    if not equals or name not in KEYS or get_field(data, KEYS[name].path) is None:
        usable = [key for key, at in KEYS.items() if get_field(data, at.path) is not None]
        cause = "has no place in this arch" if name in KEYS and equals else "unknown key"
        raise ArchError(f"{item!r}: {cause}; {nearest(name, usable)}")
    try:
        return with_field(data, KEYS[name].path, KEYS[name].read(value))
    except ValueError:
        example = KEYS[name].example
        raise ArchError(f"{item!r}: expected a value such as {name}={example}") from None
