"""Metrics by name, and the two families."""

import pytest
from pydantic import TypeAdapter, ValidationError

from smnas.errors import ConfigError
from smnas.trial.metrics import (
    ObjectiveNames,
    false_alarms,
    find_metric,
    make_objective,
    split_class,
)


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("ap", "accuracy", "AP"),
        ("macs_g", "count", "G multiply-adds"),
        ("ap:traffic light", "accuracy", "AP of traffic light"),
        ("ap50:a:b", "accuracy", "AP50 of a:b"),
        ("recall@fppi=0.10", "accuracy", "recall at 0.1 false alarms a picture"),
    ],
)
def test_what_a_metric_is(name, kind, title):
    found = find_metric(name)
    assert (found.kind, found.title) == (kind, title)
    assert make_objective(name).maximise == (kind == "accuracy")


@pytest.mark.parametrize("name", ["app", "ap:", "latency_ms:car", "recall@fppi=0", "recall@fppi="])
def test_what_is_none(name):
    with pytest.raises(ConfigError, match=r"is no metric of a search.*ap:CLASS, recall@fppi=0\.1"):
        find_metric(name)


def test_the_families():
    assert split_class("ap75:cat") == ("ap75", "cat")
    assert split_class("ap") is None
    assert false_alarms("recall@fppi=1e-2") == 0.01
    assert false_alarms("recall") is None


def test_objectives_as_text():
    read = TypeAdapter(ObjectiveNames).validate_python
    assert read("ap:traffic light, params_m") == ("ap:traffic light", "params_m")
    with pytest.raises(ValidationError, match="expected an accuracy"):
        read("macs_g,params_m")
