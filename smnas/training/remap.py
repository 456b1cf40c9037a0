"""From a detector of one arch to one of another, by depth, width and classes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.detector.blocks import start_as_shortcut
from smnas.detector.detector import Detector
from smnas.errors import WeightsError
from smnas.training.init_report import InitReport, fill, learned_tensors
from smnas.training.part_match import match_parts
from smnas.training.resize import fit_tensor, match_classes, move_classes


def fill_from_own(
    detector: Detector,
    categories: Sequence[Category],
    tensors: Mapping[str, Tensor],
    arch: DetectorArch,
    their_categories: Sequence[Category],
    source: str,
) -> InitReport:
    """Fill ``detector`` with the weights of a detector of ours, which may be of another arch.

    The same arch and classes are taken over as they are. Otherwise new residual blocks start as
    their shortcut, so that the deeper network computes what the other one did; for layers of
    another width see ``resize.py``.

    Args:
        detector: The network to fill, in place.
        categories: What its labels stand for; empty where that is not known.
        tensors: The other detector's.
        arch: What it is.
        their_categories: What its labels stand for.
        source: Where it comes from, for people.

    Raises:
        WeightsError: The two have no part in common.
    """
    ours = learned_tensors(detector)
    matched = match_parts(tensors, arch, detector.arch, ours)
    names = [item.name for item in their_categories]
    wanted = [item.name for item in categories] or names[: detector.num_classes]
    places = match_classes(names, wanted)
    values: dict[str, Tensor] = {}
    resized: dict[str, int] = {}
    for name, known in matched.tensors.items():
        moved = move_classes(ours[name], known, name, places, len(names))
        fitted = fit_tensor(ours[name], moved, name)
        if fitted is None:
            continue
        values[name] = fitted
        if moved is not known or known.shape != fitted.shape:
            # Ones among zeros stand where numbers come from the other detector.
            blank = torch.zeros_like(ours[name])
            ones = move_classes(blank, torch.ones_like(known), name, places, len(names))
            count = fit_tensor(blank, ones, name)
            resized[name] = 0 if count is None else int(count.sum())
    if not values:
        raise WeightsError(
            f"{source}: no part of {arch} fits {detector.arch}; choose weights of a detector with "
            "the same kind of blocks or head, or train from scratch"
        )
    shortcuts = [b for b in matched.new_blocks if start_as_shortcut(detector.get_submodule(b))]
    if arch != detector.arch:
        source = f"{source} ({arch})"
    return fill(ours, values, source, resized, shortcuts)
