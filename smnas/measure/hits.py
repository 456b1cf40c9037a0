"""Which detections hit an object: COCO's rule, for all pictures and categories at once.

Faster-coco-eval does the same and keeps it inside: what it found in one picture cannot be read from
Python. The bootstrap needs exactly that, so that a picture can count twice or not at all without
being looked at again. The tests hold both to 1e-9 of each other.

Tensor letters here: D detections, G objects, A area ranges, T IoU thresholds, N pairs of a picture
and a category, P pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from smnas.data.dataset import DetectionDataset
from smnas.detector.contract import Prediction

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREA_RANGES = np.array([[0.0, 1e10], [0.0, 32.0**2], [32.0**2, 96.0**2], [96.0**2, 1e10]])
"""All, small, medium, large, in square pixels of the picture; both ends belong to the range."""
MAX_DETECTIONS = 100
"""The best-scored detections per picture and category that count."""
_CELLS_AT_ONCE = 1 << 23

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CategoryHits:
    """All detections of one category, best score first, and where its objects are."""

    picture_D: Ints
    hit_DAT: Bools
    """Found an object that counts."""
    counts_DAT: Bools
    """Is a hit or a false alarm; what lies on an ignored object, or is of another size, is not."""
    object_picture_G: Ints
    object_counts_GA: Bools
    score_D: Floats


@dataclass(frozen=True)
class Hits:
    """The detections of a whole set, judged; ``categories`` in the order of the dataset's."""

    pictures: int
    categories: tuple[CategoryHits, ...]


@dataclass(frozen=True)
class _Boxes:
    """The boxes of all pictures in one table, sorted by picture, then category."""

    picture_N: Ints
    label_N: Ints
    xywh_N4: Floats
    score_N: Floats
    """Detections only, falling within a picture and category."""
    ignored_N: Bools
    """Objects only."""
    region_N: Bools
    """Objects only: those of the ignored ones that may hold any number of things."""

    def at(self, rows: Ints) -> "_Boxes":
        """Return some of the boxes, in that order."""
        return _Boxes(*(getattr(self, item.name)[rows] for item in fields(self)))

    @property
    def outside_NA(self) -> Bools:
        """Whether the box's area lies outside each range."""
        area_N1 = (self.xywh_N4[:, 2] * self.xywh_N4[:, 3])[:, None]
        return (area_N1 < AREA_RANGES[:, 0]) | (area_N1 > AREA_RANGES[:, 1])


def find_hits(dataset: DetectionDataset, predictions: Sequence[Prediction]) -> Hits:
    """Judge every detection by COCO's rule.

    In order of score each detection takes, of the objects of its category that are still free, the
    one of highest IoU. Where none reaches the threshold it may fall on an ignored one, which stays
    free, and then counts neither way. With an ignored region (a crowd) IoU is the share of the
    detection that lies inside; with a single ignored object (VOC's difficult) it is IoU.

    Args:
        dataset: The pictures' objects.
        predictions: One per picture, in the dataset's order, category ids as the dataset has them.

    Returns:
        The judged detections by category.
    """
    objects = _read_objects(dataset)
    found = _keep_best(_read_detections(dataset, predictions))
    hit_DAT = np.zeros((len(found.picture_N), len(AREA_RANGES), len(IOU_THRESHOLDS)), np.bool_)
    taken_DAT = np.zeros_like(hit_DAT)
    for group in _pairs(found, objects, len(dataset.categories)):
        _judge(group, found, objects, hit_DAT, taken_DAT)
    counts_DAT = np.where(taken_DAT, hit_DAT, ~found.outside_NA[:, :, None])
    categories = _by_category(found, objects, hit_DAT, counts_DAT, len(dataset.categories))
    return Hits(len(dataset), categories)


def _read_objects(dataset: DetectionDataset) -> _Boxes:
    everything = [dataset.annotations(index) for index in range(len(dataset))]
    return _table(
        [item.boxes_xyxy for item in everything],
        [item.labels for item in everything],
        ignored=[item.ignore for item in everything],
        regions=[item.regions for item in everything],
    )


def _read_detections(dataset: DetectionDataset, predictions: Sequence[Prediction]) -> _Boxes:
    ids = np.array([category.id for category in dataset.categories], np.int64)
    order = np.argsort(ids)
    return _table(
        [item.boxes_xyxy for item in predictions],
        [order[np.searchsorted(ids[order], item.labels)] for item in predictions],
        scores=[item.scores for item in predictions],
    )


def _table(
    boxes: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.int64]],
    scores: Sequence[NDArray[np.float32]] | None = None,
    ignored: Sequence[Bools] | None = None,
    regions: Sequence[Bools] | None = None,
) -> _Boxes:
    """Put the boxes of all pictures into one sorted table; ties keep their order."""
    total = sum(map(len, boxes))
    picture_N = np.repeat(np.arange(len(boxes)), [len(item) for item in boxes])
    xyxy_N4 = np.concatenate([np.zeros((0, 4)), *boxes]).astype(np.float64)
    label_N = np.concatenate([np.zeros(0, np.int64), *labels]).astype(np.int64)
    score_N = (
        np.concatenate([np.zeros(0), *scores]).astype(np.float64) if scores else np.zeros(total)
    )
    ignored_N, region_N = (
        np.concatenate(marks).astype(np.bool_) if marks else np.zeros(total, np.bool_)
        for marks in (ignored, regions)
    )
    order = np.lexsort((-score_N, label_N, picture_N))
    xywh_N4 = np.concatenate([xyxy_N4[:, :2], xyxy_N4[:, 2:] - xyxy_N4[:, :2]], axis=1)
    return _Boxes(picture_N, label_N, xywh_N4, score_N, ignored_N, region_N).at(order)


def _keep_best(found: _Boxes) -> _Boxes:
    """Keep the first ``MAX_DETECTIONS`` of each picture and category."""
    changes = np.flatnonzero(np.diff(found.picture_N) | np.diff(found.label_N)) + 1
    starts = np.concatenate([[0], changes]).astype(np.int64)
    lengths = np.diff(np.append(starts, len(found.picture_N)))
    keep = np.arange(len(found.picture_N)) - np.repeat(starts, lengths) < MAX_DETECTIONS
    return found.at(np.flatnonzero(keep))


@dataclass(frozen=True)
class _Pairs:
    """Pictures and categories that have detections and objects, most detections first."""

    first_detection_N: Ints
    detections_N: Ints
    object_NG: Ints
    """Rows of the objects, padded."""
    valid_NG: Bools


def _pairs(found: _Boxes, objects: _Boxes, categories: int) -> Iterator[_Pairs]:
    """Yield the pairs in groups of about equally many objects, so that little is padding."""
    of_found = np.unique(found.picture_N * categories + found.label_N, True, False, True)
    of_objects = np.unique(objects.picture_N * categories + objects.label_N, True, False, True)
    _, at_found, at_objects = np.intersect1d(of_found[0], of_objects[0], True, True)
    first_D, many_D = of_found[1][at_found], of_found[2][at_found]
    first_G, many_G = of_objects[1][at_objects], of_objects[2][at_objects]
    room_N = 1 << np.ceil(np.log2(np.maximum(many_G, 1))).astype(np.int64)
    for room in np.unique(room_N):
        members = np.flatnonzero(room_N == room)
        members = members[np.argsort(-many_D[members], kind="stable")]
        cells = int(room) * len(AREA_RANGES) * len(IOU_THRESHOLDS)
        for chunk in np.array_split(members, 1 + len(members) * cells // _CELLS_AT_ONCE):
            offsets = np.arange(room)
            valid_NG = offsets < many_G[chunk, None]
            object_NG = np.where(valid_NG, first_G[chunk, None] + offsets, first_G[chunk, None])
            yield _Pairs(first_D[chunk], many_D[chunk], object_NG, valid_NG)


def _judge(pairs: _Pairs, found: _Boxes, objects: _Boxes, hit_DAT: Bools, taken_DAT: Bools) -> None:
    """Judge the detections of ``pairs`` into the tables; round r takes the r-th of each pair."""
    exempt_NG = objects.ignored_N[pairs.object_NG]
    region_NG = objects.region_N[pairs.object_NG]
    outside_NAG = objects.outside_NA[pairs.object_NG].transpose(0, 2, 1)
    ignored_NAG = outside_NAG | exempt_NG[:, None, :]
    room = pairs.object_NG.shape[1]
    free_NATG = np.ones((*ignored_NAG.shape[:2], len(IOU_THRESHOLDS), room), np.bool_)
    for rank in range(pairs.detections_N.max(initial=0)):
        n = np.searchsorted(-pairs.detections_N, -rank)  # pairs that have a detection of this rank
        rows = pairs.first_detection_N[:n] + rank
        iou_NG = _iou(
            found.xywh_N4[rows, None], objects.xywh_N4[pairs.object_NG[:n]], region_NG[:n]
        )
        iou_NG[~pairs.valid_NG[:n]] = -1.0
        near_NTG = iou_NG[:, None, :] >= IOU_THRESHOLDS[:, None]
        open_NATG = near_NTG[:, None] & (free_NATG[:n] | exempt_NG[:n, None, None, :])
        # Best first: objects that count, then the higher IoU, then the later one, as COCO has it.
        order_NG = np.argsort(np.argsort(iou_NG, axis=1, kind="stable"), axis=1)
        wish_NAG = order_NG[:, None, :] + room * ~ignored_NAG[:n]
        choice_NAT1 = np.where(open_NATG, wish_NAG[:, :, None, :], -1).argmax(-1, keepdims=True)
        took_NAT1 = np.take_along_axis(open_NATG, choice_NAT1, -1)
        ignored_NAT1 = np.take_along_axis(ignored_NAG[:n, :, None, :], choice_NAT1, -1)
        still_free = np.take_along_axis(free_NATG[:n], choice_NAT1, -1) & ~took_NAT1
        np.put_along_axis(free_NATG[:n], choice_NAT1, still_free, -1)
        taken_DAT[rows] = took_NAT1[..., 0]
        hit_DAT[rows] = (took_NAT1 & ~ignored_NAT1)[..., 0]


def _by_category(
    found: _Boxes, objects: _Boxes, hit_DAT: Bools, counts_DAT: Bools, categories: int
) -> tuple[CategoryHits, ...]:
    """Sort the judged detections by category, then score; of equal ones the earlier picture's."""
    by_score = np.lexsort((-found.score_N, found.label_N))
    starts_K1 = np.searchsorted(found.label_N[by_score], np.arange(categories + 1))
    object_counts_GA = ~(objects.outside_NA | objects.ignored_N[:, None])
    sorted_in: list[CategoryHits] = []
    for label in range(categories):
        mine = by_score[starts_K1[label] : starts_K1[label + 1]]
        of_label = objects.label_N == label
        sorted_in.append(
            CategoryHits(
                picture_D=found.picture_N[mine],
                hit_DAT=hit_DAT[mine],
                counts_DAT=counts_DAT[mine],
                object_picture_G=objects.picture_N[of_label],
                object_counts_GA=object_counts_GA[of_label],
                score_D=found.score_N[mine],
            )
        )
    return tuple(sorted_in)


def _iou(one_N14: Floats, many_NG4: Floats, region_NG: Bools) -> Floats:
    """Return the IoU of one box with many; with a region, the share of the box that is inside."""
    left_top = np.maximum(one_N14[..., :2], many_NG4[..., :2])
    ends_1, ends_G = one_N14[..., :2] + one_N14[..., 2:], many_NG4[..., :2] + many_NG4[..., 2:]
    overlap = np.clip(np.minimum(ends_1, ends_G) - left_top, 0.0, None).prod(-1)
    own_area = one_N14[..., 2] * one_N14[..., 3]
    both = own_area + many_NG4[..., 2] * many_NG4[..., 3] - overlap
    whole = np.where(region_NG, np.broadcast_to(own_area, overlap.shape), both)
    return np.divide(overlap, whole, out=np.zeros_like(overlap), where=whole > 0)
