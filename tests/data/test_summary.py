"""The data summary: counts and quantiles, by hand."""

import pytest

from smnas.data.coco import load_coco
from smnas.data.summary import summarise


def test_counts_and_sizes(make_coco, coco_content):
    sizes = [(64, 48), (64, 48), (48, 64), (80, 40), (80, 40), (64, 48)]
    for image, (width, height) in zip(coco_content["images"], sizes, strict=True):
        image["width"], image["height"] = width, height
    items = coco_content["annotations"]
    for item, side in zip(items, (4, 8, 9, 10, 20, 30), strict=True):
        item["bbox"] = [1, 1, side, side]
    items[0]["iscrowd"] = 1
    summary = summarise(load_coco(make_coco()))
    assert (summary.name, summary.pictures, summary.empty_pictures) == ("my.json", 6, 1)
    assert (summary.boxes, summary.ignored_boxes) == (5, 1)
    assert summary.boxes_by_category == {"dog": 3, "cat": 2}
    assert summary.box_side_px == pytest.approx((8.2, 10.0, 28.0))
    assert summary.median_size == (64, 48)
    assert summary.median_aspect_ratio == pytest.approx(4 / 3)
