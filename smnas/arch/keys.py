"""The ``KEY=VALUE`` fields of the text form: where each value lives, how it is read and written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Key:
    """One key: the path of its value in a dumped arch, and its text form in both directions."""

    path: tuple[str, ...]
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    example: str


def _write_number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _read_numbers(text: str) -> tuple[float, ...]:
    return tuple(float(item) for item in text.split(","))


def _write_numbers(values: tuple[float, ...]) -> str:
    return ",".join(_write_number(value) for value in values)


def _read_levels(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"p([0-9])-p([0-9])", text)
    if match is None:
        raise ValueError(text)
    return int(match[1]), int(match[2])


def _write_levels(levels: tuple[int, int]) -> str:
    return f"p{levels[0]}-p{levels[1]}"


def _read_flag(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(text)
    return text == "yes"


def _write_flag(value: bool) -> str:
    return "yes" if value else "no"


def _count(*path: str, example: str) -> Key:
    return Key(path, int, str, example)


def _number(*path: str, example: str) -> Key:
    return Key(path, float, _write_number, example)


def _numbers(*path: str, example: str) -> Key:
    return Key(path, _read_numbers, _write_numbers, example)


def _flag(*path: str) -> Key:
    return Key(path, _read_flag, _write_flag, "yes or no")


KEYS: dict[str, Key] = {
    "anchor-octaves": _count("head", "anchors", "octaves", example="3"),
    "anchor-ratios": _numbers("head", "anchors", "ratios", example="0.5,1,2"),
    "anchor-rounded": _flag("head", "anchors", "rounded"),
    "anchor-scale": _number("head", "anchors", "scale", example="4"),
    "bn-eps": _number("backbone", "bn_eps", example="1e-5"),
    "box-stds": _numbers("head", "box_stds", example="0.1,0.1,0.2,0.2"),
    "convs": _count("head", "convs", example="4"),
    "detections": _count("head", "detections", example="100"),
    "extra": Key(("neck", "extra"), str, str, "pool, conv or conv-in"),
    "fc": _count("head", "fc", example="1024"),
    "in": Key(("neck", "inputs"), _read_levels, _write_levels, "p1-p3"),
    "min-side": _number("head", "min_side", example="0.01"),
    "nms": _number("head", "nms", example="0.5"),
    "norm": Key(("norm",), str, str, "bn, gn-ws or gn"),
    "pre-nms": _count("head", "pre_nms", example="1000"),
    "proposals": _count("proposals", "kept", example="1000"),
    "roi": _count("head", "roi", example="7"),
    "roi-aligned": _flag("head", "roi_aligned"),
    "rpn-anchor-octaves": _count("proposals", "anchors", "octaves", example="1"),
    "rpn-anchor-ratios": _numbers("proposals", "anchors", "ratios", example="0.5,1,2"),
    "rpn-anchor-rounded": _flag("proposals", "anchors", "rounded"),
    "rpn-anchor-scale": _number("proposals", "anchors", "scale", example="8"),
    "rpn-min-side": _number("proposals", "min_side", example="0.001"),
    "rpn-nms": _number("proposals", "nms", example="0.7"),
    "rpn-pre-nms": _count("proposals", "pre_nms", example="1000"),
    "score": _number("head", "score", example="0.05"),
}
"""In alphabetical order, which is their order in the text."""


def get_field(data: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Return the value at ``path``, or None where this arch has no such field."""
    value: Any = data
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def with_field(data: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a copy of ``data`` with another value at ``path``, whose parent must be there."""
    step, *rest = path
    return {**data, step: with_field(data[step], tuple(rest), value) if rest else value}
