"""AP of many re-drawn sets at once: the bootstrap over pictures (Efron 1979).

A picture that is drawn twice is a picture of weight two. So every replicate is a row of weights,
detections are matched once, and COCO's accumulation runs over all rows together. Only hits move
recall, and only at hits can precision peak; the false alarms between two hits enter as one sum.
"""

import math
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding_bag

from smnas.measure.hits import AREA_RANGES, IOU_THRESHOLDS, CategoryHits, Hits
from smnas.seeding import generator

METRICS = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
RECALLS = np.linspace(0.0, 1.0, 101)
"""COCO reads precision at these recalls; kept as computed, for rounding decides some ties."""
CONFIDENCE = 0.95
_AT_75 = 5  # where 0.75 stands among the IoU thresholds; 0.5 comes first
_CELLS_AT_ONCE = 1 << 20
_FEWEST_SETS, _MOST_SETS = 64, 1024

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Weights = NDArray[np.float32]
"""Whole numbers, which float32 holds exactly up to sums of 2**24."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """Where 95 % of the replicates fall."""

    low: float
    high: float


def draw_weights(pictures: int, replicates: int, seed: int) -> Weights:
    """Draw sets of as many pictures, with replacement.

    Args:
        pictures: P, how many there are.
        replicates: B, how many sets to draw.
        seed: Same seed, same sets; so two detectors are compared on the same ones.

    Returns:
        B x P: how often each picture is in each set.
    """
    drawn_BP = generator(seed, "bootstrap").integers(0, pictures, (replicates, pictures))
    cells = drawn_BP + pictures * np.arange(replicates)[:, None]
    weights = np.bincount(cells.ravel(), minlength=replicates * pictures)
    return weights.reshape(replicates, pictures).astype(np.float32)


def weighted_ap(hits: Hits, weights_BP: Weights, *, by_size: bool = True) -> Floats:
    """Return COCO's metrics for pictures that count as often as their weights say.

    Args:
        hits: The judged detections of P pictures.
        weights_BP: Whole numbers, one row per set; a row of ones gives COCO's own result.
        by_size: Whether AP by object size is wanted; without it those rows stay NaN.

    Returns:
        6 x B, rows as in ``METRICS``; NaN where a set has no object of that size.
    """
    areas = range(len(AREA_RANGES) if by_size else 1)
    total_6B = np.zeros((len(METRICS), len(weights_BP)))
    number_6B = np.zeros_like(total_6B)
    with _one_thread():
        for sets, categories in _by_sets_at_once(hits.categories).items():
            for at in range(0, len(weights_BP), sets):
                chunk = slice(at, at + sets)
                weights_PB = np.ascontiguousarray(weights_BP[chunk].T)
                for category in categories:  # those that have an object in the set are averaged
                    values_6B = _one_category(category, weights_PB, areas)
                    total_6B[:, chunk] += np.nan_to_num(values_6B)
                    number_6B[:, chunk] += ~np.isnan(values_6B)
    return np.divide(total_6B, number_6B, out=np.full_like(total_6B, np.nan), where=number_6B > 0)


def percentile_interval(replicates_B: Floats) -> Interval | None:
    """Return the 95 % interval of the replicates that have a value; None if none has one."""
    values = replicates_B[~np.isnan(replicates_B)]
    if not len(values):
        return None
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return Interval(float(low), float(high))


@contextmanager
def _one_thread() -> Generator[None, None, None]:
    """Keep torch to one thread: on busy cores, waiting for the second cost 80 times the sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _by_sets_at_once(categories: Sequence[CategoryHits]) -> dict[int, list[CategoryHits]]:
    """Group the categories by how many sets are looked at together: fewer of many objects."""
    groups: dict[int, list[CategoryHits]] = defaultdict(list)
    for category in categories:
        room = _CELLS_AT_ONCE // max(len(category.object_picture_G), 1)
        groups[min(max(_FEWEST_SETS, 1 << room.bit_length()), _MOST_SETS)].append(category)
    return groups


def _one_category(category: CategoryHits, weights_PB: Weights, areas: range) -> Floats:
    values_6B = np.full((len(METRICS), weights_PB.shape[1]), np.nan)
    for area in areas:
        pictures_G = category.object_picture_G[category.object_counts_GA[:, area]]
        if not len(pictures_G):
            continue
        objects_B = weights_PB[pictures_G].sum(axis=0, dtype=np.float64)
        ap_TB = _one_area(category, area, weights_PB, objects_B)
        ap_TB[:, objects_B == 0] = np.nan
        if area == 0:
            values_6B[:3] = ap_TB.mean(axis=0), ap_TB[0], ap_TB[_AT_75]
        else:
            values_6B[2 + area] = ap_TB.mean(axis=0)
    return values_6B


def _one_area(category: CategoryHits, area: int, weights_PB: Weights, objects_B: Floats) -> Floats:
    """Return AP per IoU threshold and set."""
    picture_D = category.picture_D
    hit_DT, counts_DT = category.hit_DAT[:, area], category.counts_DAT[:, area]
    ap_TB = np.zeros((len(IOU_THRESHOLDS), len(objects_B)))
    # What counts hardly differs between thresholds: sum it once, correct each for its exceptions.
    usual_D = counts_DT[:, -1]
    stops_S = np.flatnonzero(hit_DT.any(axis=1))
    usual_SB = _sums_up_to(weights_PB, picture_D, usual_D, stops_S)
    for t in range(len(IOU_THRESHOLDS)):
        hits_M = np.flatnonzero(hit_DT[:, t])
        if not len(hits_M):
            continue
        counted_MB = usual_SB[np.searchsorted(stops_S, hits_M)]
        for extra_D, sign in ((counts_DT[:, t] & ~usual_D, 1), (usual_D & ~counts_DT[:, t], -1)):
            if extra_D.any():
                counted_MB += sign * _sums_up_to(weights_PB, picture_D, extra_D, hits_M)
        found_MB = _accumulate(np.add, weights_PB[picture_D[hits_M]])
        ap_TB[t] = _interpolated(found_MB, counted_MB, objects_B)
    return ap_TB


def _interpolated(found_MB: Weights, counted_MB: Weights, objects_B: Floats) -> Floats:
    """Return the mean over ``RECALLS`` of the best precision at that recall or a higher one."""
    envelope_MB = np.divide(found_MB, np.maximum(counted_MB, 1.0), dtype=np.float64)
    envelope_MB = _accumulate(np.maximum, envelope_MB[::-1])[::-1]
    recall_MB = np.divide(found_MB, np.maximum(objects_B, 1.0), dtype=np.float64)
    # How many of the recalls are reached: those below the nearest one, and that one or not.
    reached_MB = np.rint(recall_MB * (len(RECALLS) - 1))
    reached_MB += recall_MB >= reached_MB * RECALLS[1]  # to the last bit what stands in RECALLS
    sum_B = np.einsum("mb,mb->b", envelope_MB, reached_MB)
    sum_B -= np.einsum("mb,mb->b", envelope_MB[1:], reached_MB[:-1])
    return sum_B / len(RECALLS)


def _sums_up_to(weights_PB: Weights, picture_D: Ints, chosen_D: Bools, stops_S: Ints) -> Weights:
    """Return the summed weight of the chosen detections up to each stop, itself included, S x B."""
    if not len(stops_S):
        return np.zeros((0, weights_PB.shape[1]), np.float32)
    chosen = np.flatnonzero(chosen_D)
    ends_S = np.searchsorted(chosen, stops_S, side="right")
    starts_S = np.concatenate([[0], ends_S[:-1]])
    runs_SB = embedding_bag(  # the fast way to sum runs of gathered rows; nothing learns here
        torch.from_numpy(picture_D[chosen[: ends_S[-1]]]),
        torch.from_numpy(weights_PB),
        torch.from_numpy(starts_S),
        mode="sum",
    )
    return _accumulate(np.add, runs_SB.numpy())


def _accumulate(operation: np.ufunc, values_MB: NDArray[Any]) -> NDArray[Any]:
    """Accumulate down the rows, in place: within blocks of rows, all at once, then over these.

    NumPy's own goes down column by column, and takes many times as long.
    """
    rows, columns = values_MB.shape
    size = max(1, math.isqrt(rows))
    whole = rows - rows % size
    blocks = values_MB[:whole].reshape(-1, size, columns)
    for row in range(1, size):
        operation(blocks[:, row - 1], blocks[:, row], out=blocks[:, row])
    for block in range(1, len(blocks)):
        operation(blocks[block - 1, -1], blocks[block], out=blocks[block])
    for row in range(max(whole, 1), rows):
        operation(values_MB[row - 1], values_MB[row], out=values_MB[row])
    return values_MB
