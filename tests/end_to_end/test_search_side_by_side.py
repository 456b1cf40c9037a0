"""Searches that run two trials at a time: in slots of this machine, and on a Ray of it."""

from importlib.util import find_spec

import pytest

from smnas.experiment.observer import SilentObserver
from smnas.experiment.search import search
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.trial import Trial

NEEDS_RAY = pytest.mark.skipif(not find_spec("ray"), reason="needs Ray")


class Crowd(SilentObserver):
    def __init__(self) -> None:
        self.started_numbers: list[int] = []

    def started(self, trial: Trial) -> None:
        self.started_numbers.append(trial.number)

    def progressed(self, number: int, share: float, note: str) -> None:
        assert number in self.started_numbers


@pytest.mark.parametrize("address", [None, pytest.param("local", marks=NEEDS_RAY)])
def test_several_trials_at_a_time_find_the_same_kind_of_front(
    pictures, config, tmp_path, capfd, read, address
):
    folder, listener = tmp_path / "run", Crowd()
    summary = search(
        pictures, config=config, out=folder, observer=listener, workers=2, address=address
    )
    trials = read(folder)
    assert sum(trial.proposal.is_candidate for trial in trials) == 4
    assert all(trial.succeeded for trial in trials)
    assert sorted(listener.started_numbers) == list(range(len(trials)))
    for trial in trials:
        weights = folder / trial.outcome.weights
        assert TrainedDetector.load(weights).arch == trial.proposal.arch
        assert {"log.json", "val.json"} <= {path.name for path in weights.parent.iterdir()}
    assert summary.recommended
    assert "".join(capfd.readouterr()) == "", "nothing was to be said"
