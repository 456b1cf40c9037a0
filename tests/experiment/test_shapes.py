"""Spaces shaped after the pictures: inputs, and anchors when asked for."""

import pytest

from smnas.arch import DetectorArch
from smnas.data.sources import DataSpec, load_splits
from smnas.data.summary import inputs_aspect_ratio
from smnas.errors import ConfigError
from smnas.experiment.config import make_config
from smnas.experiment.shapes import load_spaces


@pytest.fixture(name="make_splits")
def fixture_make_splits(make_coco, coco_content):
    """Six pictures of the given sizes, each with a box of the given width and height."""

    def make(sizes, box=(20, 16)):
        for image, annotation, (width, height) in zip(
            coco_content["images"], coco_content["annotations"], sizes, strict=True
        ):
            image |= {"width": width, "height": height}
            annotation["bbox"] = [1, 1, *box]
        coco_content["images"] = coco_content["images"][: len(sizes)]
        return load_splits(DataSpec(source=str(make_coco())), seed=0)

    return make


def ratios(spaces):
    return [size.width / size.height for size in spaces.structural.input_sizes]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(128, 64)] * 6, 2.0),
        ([(64, 128)] * 6, 0.5),
        ([(96, 72)] * 3 + [(72, 96)] * 3, 1.0),
        ([(64, 64)] * 6, 1.0),
    ],
)
def test_inputs_follow_the_pictures(make_splits, sizes, expected):
    splits = make_splits(sizes)
    spaces = load_spaces("micro", splits)
    for ratio in ratios(spaces):
        assert ratio == pytest.approx(expected, rel=0.3)
    assert spaces.yardstick.input in spaces.structural.input_sizes


def test_a_few_turned_pictures_change_nothing(make_coco, coco_content):
    splits = load_splits(DataSpec(source=str(make_coco())), seed=0)

    class Sized:
        def __init__(self, sizes):
            self.sizes = sizes

        def __len__(self):
            return len(self.sizes)

        def picture_size(self, index):
            return self.sizes[index]

    assert inputs_aspect_ratio(splits.train) == pytest.approx(4 / 3)
    few = Sized([(40, 30)] * 9 + [(30, 40)])
    assert inputs_aspect_ratio(few) == pytest.approx(4 / 3)
    many = Sized([(40, 30)] * 6 + [(30, 40)] * 4)
    assert inputs_aspect_ratio(many) == pytest.approx((4 / 3) ** 0.2)


def test_the_users_inputs_win(make_splits):
    config = make_config("trees", inputs="96x64, 64x64,128x96")
    spaces = load_spaces("micro", make_splits([(64, 128)] * 6), config.inputs)
    assert spaces.structural.inputs == ("96x64", "64x64", "128x96")
    assert str(spaces.yardstick).startswith("96x64/")
    with pytest.raises(ConfigError, match="inputs"):
        load_spaces("micro", make_splits([(64, 128)] * 6), ("96 by 64",))


def test_published_sizes_stay(make_splits):
    spaces = load_spaces("paper", make_splits([(64, 128)] * 6))
    assert spaces.structural.inputs[0] == "512x512"


def test_anchors_follow_the_boxes_when_asked_for(make_splits):
    splits = make_splits([(96, 96)] * 6, box=(10, 60))
    published, fitted = (load_spaces("micro", splits, anchors=how) for how in ("published", "data"))
    assert published.structural.heads != fitted.structural.heads
    assert published.yardstick == fitted.yardstick
    assert len(fitted.structural.heads) == len(published.structural.heads)
    retina, rpn = (
        DetectorArch.parse(f"64x64/resnet18/fpn-p2-p5-64/{head}")
        for head in fitted.structural.heads
    )
    assert retina.head.anchors.ratios == rpn.proposals.anchors.ratios == (6.0,)
    assert (retina.head.anchors.octaves, rpn.proposals.anchors.octaves) == (3, 2)
    assert (retina.head.convs, rpn.head.fc) == (2, 256)


def test_guided_anchors_shape_their_own(make_splits):
    fitted = load_spaces("paper", make_splits([(96, 96)] * 6, box=(10, 60)), anchors="data")
    guided = [head for head in fitted.structural.heads if head.startswith("ga-rpn")]
    assert len(guided) == 4
    assert not any("anchor" in head for head in guided)
