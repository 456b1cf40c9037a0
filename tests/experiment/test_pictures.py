import io
import json

import numpy as np
from PIL import Image

from smnas.data.dataset import Annotations, Category
from smnas.detector.contract import Prediction
from smnas.experiment.judged import judge_picture
from smnas.experiment.pictures import choose_pictures, draw_picture, write_pictures
from smnas.report.pictures import load_pictures


class Pictures:
    """Grey pictures with as many objects as `counts` says."""

    name = "grey"
    categories = (Category(1, "thing"),)

    def __init__(self, counts: list[int]) -> None:
        self._counts = counts

    def __len__(self) -> int:
        return len(self._counts)

    def picture_id(self, index: int) -> int:
        return 100 + index

    def annotations(self, index: int) -> Annotations:
        return Annotations.of([(10 * i, 10, 10 * i + 8, 30) for i in range(self._counts[index])])

    def read(self, index: int):
        return np.full((60, 80, 3), 128, np.uint8), self.annotations(index)


def find(*boxes: tuple[float, float, float, float], score: float = 0.9) -> Prediction:
    count = len(boxes)
    return Prediction(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(count, score, np.float32),
        np.ones(count, np.int64),
    )


def test_pictures_shown_run_from_few_objects_to_many():
    assert choose_pictures(Pictures([5, 0, 1, 9, 3, 7, 2, 8, 4])) == [6, 8, 5, 3]
    assert choose_pictures(Pictures([0, 2, 1])) == [1, 2]
    assert choose_pictures(Pictures([0, 0])) == []


def colours_of(jpeg: bytes) -> dict[str, int]:
    image = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)
    kinds = {"hit": (0, 168, 107), "miss": (240, 162, 2), "alarm": (216, 27, 96)}
    return {
        name: int((np.abs(image - colour).max(axis=2) < 60).sum()) for name, colour in kinds.items()
    }


def test_hits_misses_and_false_alarms_have_their_own_colours():
    objects = Annotations.of([(5, 5, 25, 25), (40, 5, 60, 25)])
    picture = np.full((60, 80, 3), 128, np.uint8)
    categories = Pictures.categories
    seen = {
        name: colours_of(draw_picture(picture, objects, judge_picture(found, objects, categories)))
        for name, found in {
            "nothing": find(),
            "all": find((5, 5, 25, 25), (40, 5, 60, 25)),
            "wrong": find((5, 30, 25, 50)),
        }.items()
    }
    assert seen["nothing"]["miss"] > 500
    assert seen["nothing"]["hit"] == seen["nothing"]["alarm"] == 0
    assert seen["all"]["hit"] > 1000
    assert seen["all"]["miss"] == 0
    assert seen["wrong"]["alarm"] > 500
    assert seen["wrong"]["miss"] > 500


def test_small_pictures_are_enlarged_and_large_ones_kept():
    for shape, size in (((60, 80, 3), (480, 360)), ((500, 700, 3), (700, 500))):
        picture = np.zeros(shape, np.uint8)
        objects = Annotations.of([])
        judged = judge_picture(find(), objects, Pictures.categories)
        assert Image.open(io.BytesIO(draw_picture(picture, objects, judged))).size == size


def test_report_reads_what_is_written(tmp_path):
    dataset = Pictures([2, 3])
    good = [find((0, 10, 8, 30), (70, 40, 79, 59)), find((0, 10, 8, 30), score=0.1)]
    write_pictures(tmp_path, dataset, "test", {4: good}, {4: 0.5})
    (shown,) = load_pictures(tmp_path).values()
    assert list(load_pictures(tmp_path)) == [4]
    assert [(p.name, p.split, p.hits, p.misses, p.false_alarms) for p in shown] == [
        ("100", "test", 1, 1, 1),
        ("101", "test", 0, 3, 0),
    ]
    index = json.loads((tmp_path / "pictures" / "index.json").read_text())
    assert index["4"][0]["score"] == 0.5
