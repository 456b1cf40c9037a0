"""Arithmetic of boxes: areas, intersections, coding against a reference box, clipping.

Boxes are float32 ``(..., 4)``: left, top, right, bottom in pixels of the network input.
"""

from math import log

import torch
from torch import Tensor

from smnas.arch.parts import BoxStds

UNIT_STDS: BoxStds = (1.0, 1.0, 1.0, 1.0)
_MAX_LOG_SCALE = log(1000 / 16)
"""A decoded box is at most 62.5 times its reference, so that exp never overflows."""


def box_areas(boxes: Tensor) -> Tensor:
    """Return the areas, in square pixels: (..., 4) to (...)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def intersect(boxes_BG4: Tensor, others_BR4: Tensor) -> Tensor:
    """Return the area that each box shares with each other box of the same picture, (B, G, R)."""
    left, top, right, bottom = boxes_BG4[:, :, None].unbind(-1)
    left_R, top_R, right_R, bottom_R = others_BR4[:, None].unbind(-1)
    width = overlap(left, right, left_R, right_R)
    return width.mul_(overlap(top, bottom, top_R, bottom_R))


def overlap(start: Tensor, end: Tensor, other_start: Tensor, other_end: Tensor) -> Tensor:
    """Return the length that intervals share, broadcast against each other."""
    return torch.minimum(end, other_end).sub_(torch.maximum(start, other_start)).clamp_(min=0)


def encode_boxes(boxes: Tensor, references: Tensor, stds: BoxStds = UNIT_STDS) -> Tensor:
    """Return the offsets that lead from ``references`` to ``boxes`` (Girshick et al. 2014).

    Args:
        boxes: (..., 4), what should come out.
        references: (..., 4), anchors or proposals, of positive size.
        stds: What the offsets (x, y, log width, log height) are divided by.
    """
    x, y, width, height = _centre_form(boxes)
    x_ref, y_ref, width_ref, height_ref = _centre_form(references)
    offsets = torch.stack(
        (
            (x - x_ref) / width_ref,
            (y - y_ref) / height_ref,
            torch.log(width / width_ref),
            torch.log(height / height_ref),
        ),
        dim=-1,
    )
    return offsets / offsets.new_tensor(stds)


def decode_boxes(offsets: Tensor, references: Tensor, stds: BoxStds = UNIT_STDS) -> Tensor:
    """Return the boxes that ``offsets`` lead to from ``references``; undoes ``encode_boxes``.

    Args:
        offsets: (..., 4), in any float type; computed in float32.
        references: (..., 4).
        stds: As given to ``encode_boxes``.
    """
    offsets = offsets.float() * references.new_tensor(stds)
    x_ref, y_ref, width_ref, height_ref = _centre_form(references)
    x = x_ref + offsets[..., 0] * width_ref
    y = y_ref + offsets[..., 1] * height_ref
    half_width = torch.exp(offsets[..., 2].clamp(max=_MAX_LOG_SCALE)) * width_ref * 0.5
    half_height = torch.exp(offsets[..., 3].clamp(max=_MAX_LOG_SCALE)) * height_ref * 0.5
    return torch.stack((x - half_width, y - half_height, x + half_width, y + half_height), dim=-1)


def clip_boxes(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return the boxes cut off at the borders of a ``height`` x ``width`` picture."""
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack(
        (
            left.clamp(0, width),
            top.clamp(0, height),
            right.clamp(0, width),
            bottom.clamp(0, height),
        ),
        dim=-1,
    )


def _centre_form(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    left, top, right, bottom = boxes.unbind(-1)
    width, height = right - left, bottom - top
    return left + 0.5 * width, top + 0.5 * height, width, height
