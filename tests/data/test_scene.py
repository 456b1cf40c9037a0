"""Scenes as tiles: the grid, the tiles' ids and boxes, and what training sees."""

import numpy as np
import pytest

from smnas.data.annotations import Annotations
from smnas.data.dataset import Category
from smnas.data.scene import Scene, SceneDataset, TileGrid


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (100, 130, 3), dtype=np.uint8)


@pytest.fixture
def scene(picture):
    boxes = Annotations.of([[10, 10, 20, 20], [35, 5, 55, 25], [90, 70, 99, 79]])
    return Scene("place", (130, 100), boxes, lambda: picture, "content")


def dataset_of(scene, side=40, stride=40):
    return SceneDataset("scenes", [scene], TileGrid(side, stride), (Category(1, "tree"),))


def test_tiles_lie_on_a_grid_and_show_something(scene):
    dataset = dataset_of(scene)
    ids = [dataset.picture_id(index) for index in range(len(dataset))]
    assert ids == ["place-0-0", "place-40-0", "place-80-40"]
    assert len(dataset_of(scene, stride=20)) > len(dataset)
    assert dataset.picture_size(1) == (40, 40)


def test_a_tile_is_its_part_of_the_scene(scene, picture):
    tile, found = dataset_of(scene).read(1)
    np.testing.assert_array_equal(tile, picture[:40, 40:80])
    np.testing.assert_array_equal(found.boxes_xyxy, [[0, 5, 15, 25]])
    tile[:] = 0
    assert picture[:40, 40:80].any()  # the tile was a copy


def test_a_box_that_is_mostly_in_the_next_tile_is_ignored(scene):
    found = dataset_of(scene).annotations(0)
    assert found.ignore.tolist() == [False, True]
    np.testing.assert_array_equal(found.boxes_xyxy[1], [35, 5, 40, 25])


def test_training_sees_the_surroundings_of_a_tile(scene):
    dataset = dataset_of(scene)
    rng = np.random.default_rng(0)
    views = [dataset.draw(0, rng, zoom=1.0) for _ in range(50)]
    assert all(view.picture.shape == (40, 40, 3) for view in views)
    assert len({view.picture.tobytes() for view in views}) > 25
    assert all((view.width, view.height, view.left, view.top) == (40, 40, 0, 0) for view in views)
    assert any(view.annotations.objects.any() for view in views)


@pytest.mark.parametrize(("zoom", "side"), [(2.0, 20), (0.5, 80), (0.25, 160)])
def test_zoom_changes_the_side_of_what_is_seen(scene, zoom, side):
    view = dataset_of(scene).draw(2, np.random.default_rng(1), zoom)
    assert (view.width, view.height) == (side, side)
    assert view.picture.shape == (min(side, 100), min(side, 130), 3)


def test_the_id_changes_with_content_boxes_and_grid(scene, picture):
    first = dataset_of(scene).data_id
    assert dataset_of(scene).data_id == first
    others = [
        dataset_of(scene, stride=20),
        dataset_of(Scene("place", (130, 100), scene.annotations, lambda: picture, "other")),
        dataset_of(
            Scene("place", (130, 100), Annotations.of([[1, 1, 9, 9]]), lambda: picture, "content")
        ),
    ]
    assert len({first, *(dataset.data_id for dataset in others)}) == 4
