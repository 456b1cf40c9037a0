"""What is removed, and in which order."""

from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.experiment.disk_quota import DiskQuota, kept_trials
from smnas.experiment.observer import SilentObserver
from smnas.experiment.run_folder import WEIGHTS, checkpoint_folder, trial_folder
from smnas.search import SearchSettings
from smnas.training.keeping import TRUNK
from smnas.trial.budget import Budget
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.trial import Failure, Origin, Outcome, Proposal, Trial

LOW, TOP = Budget(epochs=1, horizon_epochs=3), Budget(epochs=3)
SETTINGS = SearchSettings(
    trials=10,
    stage_one=TOP,
    stage_two=TOP,
    final=Budget(epochs=9),
    objectives=("ap", "macs_g"),
    seed=0,
)
ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")


def make_trial(
    number: int,
    ap: float | None = None,
    macs_g: float = 1.0,
    *,
    budget: Budget = TOP,
    stage: int | str = 1,
    continues: int | None = None,
    failed: bool = False,
) -> Trial:
    proposal = Proposal(
        arch=ARCH,
        stage=stage,
        origin=Origin(operator="sample"),
        budget=budget,
        seed=0,
        continues=continues,
    )
    outcome = None
    if failed:
        outcome = Outcome(failure=Failure(stage="training", reason="loss is not finite"))
    elif ap is not None:
        counted = CountProtocol(rule="given")
        outcome = Outcome(
            measurements=(
                Measurement(metric="ap", value=ap, unit="1", protocol=counted),
                Measurement(metric="macs_g", value=macs_g, unit="G", protocol=counted),
            )
        )
    return Trial(number=number, proposal=proposal, outcome=outcome)


TRIALS = [
    make_trial(0, 0.3, stage="yardstick"),
    make_trial(1, 0.2, 2.0),  # behind 3
    make_trial(2, 0.1, 0.5),  # on the front: the cheapest
    make_trial(3, 0.4, 1.0),  # on the front
    make_trial(4, failed=True),
    make_trial(5, 0.3, 1.5),  # behind 3
    make_trial(6, 0.2, 1.0, budget=LOW),  # on the front of its budget
    make_trial(7, 0.1, 1.0, budget=LOW),  # behind 6, but 8 goes on with it
    make_trial(8, continues=7),
    make_trial(9, 0.5, stage="final"),
]


def test_the_fronts_and_what_runs_are_kept() -> None:
    assert kept_trials(TRIALS, SETTINGS) == {0, 2, 3, 6, 7, 8, 9}


def fill(folder: Path, numbers=range(10)) -> None:
    """A MiB of weights for each, and as much of a trunk."""
    for number in numbers:
        for path in (
            trial_folder(folder, number) / WEIGHTS,
            checkpoint_folder(folder, number) / TRUNK,
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(2**20))
        (trial_folder(folder, number) / "val.json").write_text("[]")


def left(folder: Path) -> set[int]:
    return {int(path.parent.name) for path in folder.glob(f"trials/*/{WEIGHTS}")}


class Listener(SilentObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def noted(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.mark.parametrize(
    ("limit_mib", "gone"), [(None, set()), (20, set()), (18.5, {1}), (16, {1, 4}), (15, {1, 4, 5})]
)
def test_others_go_oldest_first_until_it_fits(tmp_path, limit_mib, gone) -> None:
    fill(tmp_path)
    limit_gib = None if limit_mib is None else limit_mib / 1024
    listener = Listener()
    DiskQuota(listener, tmp_path, SETTINGS, limit_gib).recorded(TRIALS[9], TRIALS, 0.5)
    assert left(tmp_path) == set(range(10)) - gone
    assert len(list(tmp_path.glob("trials/*/val.json"))) == 10
    assert listener.said == []


def test_a_quota_that_the_front_alone_breaks_is_said_once(tmp_path) -> None:
    fill(tmp_path)
    listener = Listener()
    quota = DiskQuota(listener, tmp_path, SETTINGS, 5 / 1024)
    quota.recorded(TRIALS[9], TRIALS, 0.5)
    quota.recorded(TRIALS[9], TRIALS, 0.5)
    assert left(tmp_path) == kept_trials(TRIALS, SETTINGS)
    assert len(listener.said) == 1
    assert "more than the disk quota" in listener.said[0]


def test_a_trunk_that_was_continued_goes_without_any_limit(tmp_path) -> None:
    fill(tmp_path)
    trials = [*TRIALS]
    trials[8] = make_trial(8, 0.5, continues=7)
    DiskQuota(SilentObserver(), tmp_path, SETTINGS, None).recorded(trials[8], trials, 0.5)
    gone = {n for n in range(10) if not (checkpoint_folder(tmp_path, n) / TRUNK).exists()}
    assert gone == {7}
    assert left(tmp_path) == set(range(10))


def test_a_trunk_whose_continuation_failed_is_kept(tmp_path) -> None:
    fill(tmp_path)
    failed = make_trial(8, continues=7, failed=True)
    DiskQuota(SilentObserver(), tmp_path, SETTINGS, None).recorded(failed, [*TRIALS], 0.5)
    assert (checkpoint_folder(tmp_path, 7) / TRUNK).exists()
