"""A run as Optuna sees it: right, live, and never written to."""

import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from smnas.archive.archive import Archive
from smnas.archive.optuna_view import OptunaView
from smnas.errors import ArchiveError
from smnas.trial.front import Objective
from smnas.trial.trial import Failure, Outcome

OBJECTIVES = (Objective(metric="ap", maximise=True), Objective(metric="macs_g", maximise=False))


@pytest.fixture
def driver(folder, header):
    archive = Archive.create(folder, header)
    yield archive
    archive.close()


@pytest.fixture
def view(driver):
    reader = Archive.open(driver.folder)
    yield OptunaView(reader, OBJECTIVES)
    reader.close()


def test_trials_of_each_budget_are_a_study(driver, view, make_proposal, outcome, failed):
    refused = Outcome(
        measurements=outcome.measurements[2:], failure=Failure(stage="constraint", reason="x")
    )
    for proposal in [make_proposal(0)] * 4 + [make_proposal(0, "final"), make_proposal(2)]:
        driver.start(proposal)
    driver.record(0, outcome)
    driver.record(1, failed)
    driver.record(2, refused)
    driver.record(4, outcome)
    study = optuna.load_study(study_name="candidates, 1 epoch", storage=view)
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert study.metric_names == ["ap", "macs_g"]
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "FAIL", "PRUNED", "RUNNING"]
    assert study.trials[0].values == [driver.trials()[0].value(m) for m in ("ap", "macs_g")]
    assert study.trials[0].user_attrs["ap50"] == 1 / 3
    assert study.trials[1].user_attrs["failure"].startswith("training: step 3")
    assert study.trials[0].params["input"] == "160x160"
    assert [trial.number for trial in study.best_trials] == [0]
    names = [each.study_name for each in optuna.get_all_study_summaries(view)]
    assert names == ["candidates, 1 epoch", "finals, 1 epoch", "candidates, 3 epochs"]
    assert view.get_trial(4).user_attrs["trial"] == 4


def test_it_is_live(driver, view, make_proposal, outcome):
    assert view.get_all_studies() == []
    driver.start(make_proposal())
    assert view.get_all_trials(0)[0].state == TrialState.RUNNING
    driver.record(0, outcome)
    assert view.get_all_trials(0)[0].state == TrialState.COMPLETE
    assert view.get_all_trials(0, states=(TrialState.RUNNING,)) == []


def test_nothing_is_written(driver, view, make_proposal):
    driver.start(make_proposal())
    study = optuna.load_study(study_name="candidates, 1 epoch", storage=view)
    before = driver.trials()
    for write in (
        lambda: study.ask(),
        lambda: study.set_user_attr("note", "x"),
        lambda: optuna.delete_study(study_name=study.study_name, storage=view),
        lambda: optuna.create_study(storage=view),
    ):
        with pytest.raises(ArchiveError, match="can only be read"):
            write()
    assert Archive.open(driver.folder).trials() == before


def test_unknown_study_and_trial(view):
    with pytest.raises(KeyError, match="no study 3"):
        view.get_all_trials(3)
    with pytest.raises(KeyError, match="no trial 3"):
        view.get_trial(3)
