"""Anchor shapes that suit the objects of a data set, when asked for.

Ratios are quantiles of the boxes' height over width on a logarithmic scale, each standing for an
equal share of the boxes: k-means in one dimension without its dependence on a start (Redmon and
Farhadi 2017, "YOLO9000", section 2, take k-means of whole shapes; here sizes belong to levels). The
scale is taken from a fixed grid by how much boxes and their best anchors overlap: the mean over
the objects, inputs and pyramids of the best IoU of shapes that share a corner. Since levels lie a
factor of two apart, many scales overlap about equally; the largest of them leaves objects to finer
maps, which have more positions for them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.arch.parts import Anchors, InputSize
from smnas.data.dataset import DetectionDataset
from smnas.data.picture import fit_scale
from smnas.seeding import generator

RATIOS = 3
_SCALES = 2.0 ** np.arange(0.0, 4.01, 0.25)
_AS_GOOD = 0.02
_ALIKE = 1.3
"""Ratios less than this factor apart are one: a second one would be the same anchor twice."""
_MOST_BOXES = 2000

Sides = NDArray[np.float64]
"""N x 2: width and height of boxes in pixels of a network input."""


def sides_at_inputs(dataset: DetectionDataset, inputs: Sequence[InputSize]) -> list[Sides]:
    """Return the sides of the objects at each input; of many boxes 2,000, drawn at random."""
    sides: list[tuple[float, float, int]] = []
    sizes = [dataset.picture_size(index) for index in range(len(dataset))]
    for index in range(len(dataset)):
        found = dataset.annotations(index)
        boxes = found.boxes_xyxy[found.objects].astype(np.float64)
        sides += [(w, h, index) for w, h in (boxes[:, 2:] - boxes[:, :2]).tolist()]
    chosen = generator(0, "anchors").permutation(len(sides))[:_MOST_BOXES]
    table = np.array([sides[row] for row in sorted(chosen.tolist())]).reshape(-1, 3)
    pictures = [sizes[index] for index in table[:, 2].astype(int).tolist()]
    return [
        table[:, :2] * np.array([[fit_scale(width, height, at)] for width, height in pictures])
        for at in inputs
    ]


def fit_anchors(
    anchors: Anchors, sides: Sequence[Sides], pyramids: Sequence[Sequence[int]]
) -> Anchors:
    """Return the anchors with scale and ratios that suit the objects.

    Args:
        anchors: What else they are: octaves, rounding.
        sides: The objects at each input; at least one object.
        pyramids: The strides of each pyramid's levels.
    """
    ratios = _fit_ratios(sides[0])

    def overlap(scale: float) -> float:
        tried = anchors.model_copy(update={"scale": scale, "ratios": ratios})
        return float(
            np.mean([best_overlap(at, tried, strides) for at in sides for strides in pyramids])
        )

    overlaps = {float(f"{scale:.3g}"): 0.0 for scale in _SCALES.tolist()}
    overlaps = {scale: overlap(scale) for scale in overlaps}
    scale = max(s for s in overlaps if overlaps[s] >= max(overlaps.values()) - _AS_GOOD)
    return Anchors(scale=scale, octaves=anchors.octaves, ratios=ratios, rounded=anchors.rounded)


def best_overlap(sides_N2: Sides, anchors: Anchors, strides: Sequence[int]) -> float:
    """Return the mean, over the objects, of the IoU with the anchor whose shape is nearest."""
    lengths = [
        anchors.scale * stride * 2 ** (octave / anchors.octaves)
        for stride in strides
        for octave in range(anchors.octaves)
    ]
    shapes_A2 = np.array(
        [(side / ratio**0.5, side * ratio**0.5) for side in lengths for ratio in anchors.ratios]
    )
    shared_NA = np.minimum(sides_N2[:, None], shapes_A2).prod(axis=2)
    areas_N, areas_A = sides_N2.prod(axis=1), shapes_A2.prod(axis=1)
    iou_NA = shared_NA / (areas_N[:, None] + areas_A - shared_NA)
    return float(iou_NA.max(axis=1).mean())


def _fit_ratios(sides_N2: Sides) -> tuple[float, ...]:
    logs = np.log(sides_N2[:, 1] / sides_N2[:, 0])
    shares = (2 * np.arange(RATIOS) + 1) / (2 * RATIOS)
    ratios = np.exp(np.quantile(logs, shares)).tolist()
    kept: list[float] = []
    for ratio in ratios:
        if not kept or ratio >= _ALIKE * kept[-1]:
            kept.append(float(f"{ratio:.2g}"))
    return tuple(kept)
