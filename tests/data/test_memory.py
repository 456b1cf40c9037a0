"""Pictures kept in memory: shrunk, with their boxes, within a limit."""

import numpy as np
import pytest
from PIL import Image

from smnas.arch.parts import InputSize
from smnas.data.coco import load_coco
from smnas.data.memory import KeptInMemory

SIZE = InputSize(width=32, height=32)


def test_pictures_are_shrunk_to_what_the_largest_zoom_needs(make_coco):
    dataset = load_coco(make_coco())
    kept = KeptInMemory(dataset, SIZE, zoom=1.5)
    picture, found = kept.read(0)
    assert picture.shape == (36, 48, 3)
    assert kept.picture_size(0) == (48, 36)
    np.testing.assert_allclose(found.boxes_xyxy, [[3, 3.75, 18, 15.75]])
    np.testing.assert_array_equal(kept.annotations(0).boxes_xyxy, found.boxes_xyxy)


def test_small_pictures_are_left_alone(make_coco):
    dataset = load_coco(make_coco())
    kept = KeptInMemory(dataset, InputSize(width=640, height=480), zoom=0.5)
    np.testing.assert_array_equal(kept.read(1)[0], dataset.read(1)[0])
    np.testing.assert_array_equal(kept.read(1)[1].boxes_xyxy, dataset.read(1)[1].boxes_xyxy)


def test_it_is_the_same_data(make_coco):
    dataset = load_coco(make_coco())
    kept = KeptInMemory(dataset, SIZE)
    assert (kept.data_id, kept.name, kept.categories) == (
        dataset.data_id,
        dataset.name,
        dataset.categories,
    )
    assert (len(kept), kept.picture_id(3), kept.in_memory) == (6, 13, True)


@pytest.mark.parametrize(("limit_mib", "kept_pictures"), [(10, 3), (1, 1), (0, 0)])
def test_what_goes_beyond_the_limit_is_decoded_again(
    make_coco, coco_content, limit_mib, kept_pictures
):
    coco_content["images"] = coco_content["images"][:3]
    coco_content["annotations"] = coco_content["annotations"][:3]
    for image in coco_content["images"]:
        image["width"], image["height"] = 640, 512
    dataset = load_coco(make_coco())
    kept = KeptInMemory(dataset, InputSize(width=640, height=640), limit_mib=limit_mib)
    before = [kept.read(index)[0] for index in range(3)]
    for file in map(dataset.picture_file, range(len(dataset))):
        Image.new("RGB", (640, 512)).save(file)
    unchanged = [np.array_equal(kept.read(index)[0], before[index]) for index in range(3)]
    assert unchanged == [index < kept_pictures for index in range(3)]
