"""Weights of one width in layers of another, so that what was learned goes on as far as it can.

The first channels keep their weights. Of a wider layer the new channels stay at their random start,
and what was there before does not read from them: a wider network computes in its first channels
what the narrower one did (exactly with batch norms; group norms and weight standardisation look at
several channels at once, so with them nearly). Of a narrower layer the last channels are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassLayout:
    """How the rows of a last layer stand for classes: (outer, classes, inner) in this order.

    Attributes:
        background: Whether the row after the last class stands for background.
        inner: Rows per class, such as the four offsets of its box.
    """

    background: bool
    inner: int


CLASS_LAYERS = {
    "head.class_tower.last": ClassLayout(background=False, inner=1),
    "head.roi_head.predictor.logits": ClassLayout(background=True, inner=1),
    "head.roi_head.predictor.offsets": ClassLayout(background=True, inner=4),
    **{
        f"head.roi_head.predictors.{stage}.logits": ClassLayout(background=True, inner=1)
        for stage in range(4)
    },
}
"""Layers whose rows stand for classes, by name; a cascade's offsets fit all classes."""
_OUTPUTS = (".last", ".objectness", ".offsets", ".logits", ".location", ".sizes")
"""Ends of the names of last layers: their rows have meanings, and are taken all or none."""


def fit_tensor(fresh: Tensor, known: Tensor, name: str) -> Tensor | None:
    """Return ``known`` in the shape of ``fresh``: what overlaps of the first two axes.

    Args:
        fresh: Our tensor at its random start: (out, in, ...), or one number per channel.
        known: Theirs.
        name: Of our tensor.

    Returns:
        None where nothing can be taken over: kernels of another size, or a last layer with other
        rows.
    """
    if fresh.ndim != known.ndim or fresh.shape[2:] != known.shape[2:] or fresh.ndim == 0:
        return None
    if fresh.shape[0] != known.shape[0] and _layer(name).endswith(_OUTPUTS):
        return None
    overlap = tuple(slice(min(pair)) for pair in zip(fresh.shape, known.shape, strict=True))
    fitted = fresh.clone()
    fitted[overlap[0]] = 0 if fresh.ndim > 1 else fitted[overlap[0]]
    fitted[overlap] = known[overlap].to(fresh)
    return fitted


def match_classes(theirs: Sequence[str], ours: Sequence[str]) -> list[int | None]:
    """Return for each of our classes the place of theirs.

    Classes are matched by name. Where no name is shared, by position if there are as many.

    >>> match_classes(["cat", "dog"], ["Dog", "bird"])
    [1, None]
    """
    places = {name.casefold(): place for place, name in enumerate(theirs)}
    found = [places.get(name.casefold()) for name in ours]
    if len(ours) == len(theirs) and all(place is None for place in found):
        return list(range(len(ours)))
    return found


def move_classes(
    fresh: Tensor, known: Tensor, name: str, places: Sequence[int | None], classes: int
) -> Tensor:
    """Return the rows of ``known`` in the order of our classes; new classes have ``fresh``'s.

    Args:
        fresh: Our tensor at its random start.
        known: Theirs; returned as it is where ``name`` is no layer of ``CLASS_LAYERS``, or where
            the layers around it do not agree.
        name: Of our tensor.
        places: For each of our classes the place of theirs.
        classes: How many they have.
    """
    layout = CLASS_LAYERS.get(_layer(name))
    if layout is None or list(places) == list(range(classes)):
        return known
    ours_, theirs_ = len(places) + layout.background, classes + layout.background
    outer = known.shape[0] // (theirs_ * layout.inner)
    if fresh.shape[0] != outer * ours_ * layout.inner:
        return known
    rows = torch.arange(len(fresh)).view(outer, ours_, layout.inner)
    source = torch.arange(len(known)).view(outer, theirs_, layout.inner)
    moved = _random_rows(fresh, known)
    pairs = [(our, their) for our, their in enumerate(places) if their is not None]
    if layout.background:
        pairs.append((len(places), classes))
    for our, their in pairs:
        moved[rows[:, our].flatten()] = known[source[:, their].flatten()]
    return moved


def _random_rows(fresh: Tensor, known: Tensor) -> Tensor:
    """Return rows as many as ours and as long as theirs, at our random start."""
    shape = (len(fresh), *known.shape[1:])
    rows = torch.zeros(shape, dtype=known.dtype)
    overlap = tuple(slice(min(pair)) for pair in zip(fresh.shape, shape, strict=True))
    rows[overlap] = fresh[overlap].to(known)
    return rows


def _layer(name: str) -> str:
    return name.rpartition(".")[0]
