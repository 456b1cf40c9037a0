"""The table of classes: test where that was read, validation otherwise, nothing for one class."""

from pathlib import Path

import pytest

from smnas.report.by_class import class_table
from smnas.report.tables import front_rows


def add(trial, *found):
    return trial.model_copy(update={"later": (*trial.later, *found)})


@pytest.fixture(name="trials")
def fixture_trials(make_trial, make_accuracy):
    finals = [make_trial(0, "final", 0.3, 4.0), make_trial(1, "yardstick", 0.2, 8.0)]
    return [add(trial, make_accuracy("ap:cat", 0.1 * trial.number)) for trial in finals]


def test_classes_are_rows_and_detectors_columns(trials):
    table = class_table(trials, front_rows(trials, Path()), ("cat", "dog"))
    assert table.split == "val"
    assert table.heads == ("trial 0, recommended", "trial 1, yardstick")
    ((name, values),) = table.rows
    assert name == "cat"
    assert [item.value for item in values] == [0.0, 0.1]


def test_the_test_split_comes_first(trials, make_accuracy):
    trials[1] = add(trials[1], make_accuracy("ap:dog", 0.7, "test"))
    table = class_table(trials, front_rows(trials, Path()), ("cat", "dog"))
    assert table.split == "test"
    assert [(name, [v and v.value for v in values]) for name, values in table.rows] == [
        ("dog", [None, 0.7])
    ]


def test_one_class_alone_has_no_table(make_trial):
    trials = [make_trial(0, "final", 0.3)]
    assert class_table(trials, front_rows(trials, Path()), ("tree",)) is None
