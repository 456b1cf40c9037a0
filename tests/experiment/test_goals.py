"""What a search can be judged by on given pictures."""

import pytest

from smnas.data.dataset import Subset
from smnas.data.sources import DataSpec, load_splits
from smnas.errors import ConfigError
from smnas.experiment.goals import check_objectives, settled_metric, tie_width
from smnas.measure.noise_floor import NoiseFloor


@pytest.fixture(name="train")
def fixture_train():
    return load_splits(DataSpec(source="trees"), seed=0).train


def test_an_objective_that_the_pictures_cannot_judge_is_refused_before_anything_runs(train):
    def largest(index):
        boxes = train.annotations(index).boxes_xyxy
        return (boxes[:, 2:] - boxes[:, :2]).prod(axis=1).max(initial=0.0)

    small = Subset(train, [i for i in range(len(train)) if 0 < largest(i) < 90**2], "small")
    check_objectives(("ap_small", "latency_ms"), small)
    with pytest.raises(ConfigError, match=r"objectives: ap_large: .*take one of: ap, ap50, ap75"):
        check_objectives(("ap_large", "latency_ms"), small)


def test_the_tie_width_is_the_noise_floor_of_the_accuracy_that_is_searched():
    floor = NoiseFloor(ap=0.03, ap50=0.06, sentence="")
    assert tie_width(("ap", "latency_ms"), floor) == 0.03
    assert tie_width(("ap50", "latency_ms"), floor) == 0.06
    assert tie_width(("ap50", "latency_ms"), NoiseFloor(0.9, 1.3, "")) < 1
    own = NoiseFloor(0.03, 0.06, "", own=0.1)
    assert tie_width(("recall@fppi=0.1", "latency_ms"), own) == 0.1


def test_a_class_that_is_not_there_is_refused(train):
    check_objectives(("ap:tree", "recall@fppi=0.1", "params_m"), train)
    with pytest.raises(ConfigError, match="ap:tre: no class of that name; did you mean 'tree'"):
        check_objectives(("ap:tre", "latency_ms"), train)


def test_the_first_accuracy_settles():
    assert settled_metric(("latency_ms", "ap50", "ap")) == "ap50"
