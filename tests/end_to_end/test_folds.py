"""A search on a small data set, whose finals are judged on folds."""

from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.errors import RunMismatchError
from smnas.experiment.config import make_config
from smnas.experiment.observer import Briefing, SilentObserver
from smnas.experiment.prepare import ADVICE_ON_FOLDS, prepare
from smnas.experiment.search import search
from smnas.trial.metrics import over_yardstick
from smnas.trial.trial import Trial


class Listener(SilentObserver):
    def __init__(self) -> None:
        self.briefing: Briefing | None = None
        self.shares: list[float] = []

    def announced(self, briefing: Briefing) -> None:
        self.briefing = briefing

    def recorded(self, trial: Trial, trials, done_share: float) -> None:
        self.shares.append(done_share)


def test_finals_are_judged_on_all_pictures_of_train_and_val(pictures, config, tmp_path):
    out, listener = tmp_path / "run", Listener()
    found = search(pictures, config=config, out=out, observer=listener, folds=3, metric="ap50")
    assert all((row["folds"], row["final"]) == (3, True) for row in found.rows)
    archive = Archive.open(out)
    archive.close()
    trials, notes = archive.trials(), " ".join(archive.header.notes)
    assert "Finals and the yardsticks beside them are trained 3 times" in notes
    assert "--folds" not in notes
    # Of 16 pictures 2 are the test's and 2 the val of the candidates.
    for trial in trials:
        ap, tested = trial.measurement("ap"), trial.measurement("ap", "test")
        long = trial.proposal.budget.epochs == 2
        assert (ap.protocol.folds, ap.protocol.pictures) == ((3, 14) if long else (1, 2))
        assert (tested is not None) == long
        assert tested is None or (tested.protocol.folds, tested.protocol.pictures) == (1, 2)
    finals = [trial for trial in trials if trial.proposal.stage == "final"]
    lead = finals[0].measurement(over_yardstick("ap50"))
    assert lead is not None
    assert lead.protocol.pictures == 14
    assert "trained 3\n  times" in Path(found.report).read_text()
    briefing = listener.briefing
    assert briefing is not None
    assert briefing.trainings == 4 + 1 + 3 * (2 + 1)
    assert listener.shares[-1] == pytest.approx(1.0)

    again = Listener()
    search(pictures, config=config, out=out, observer=again, folds=3, metric="ap50")
    assert again.shares == []
    assert again.briefing is not None
    assert again.briefing.resumed == again.briefing.trainings
    with pytest.raises(RunMismatchError, match=r"data\.folds: was 3, is not set"):
        search(pictures, config=config, out=out, metric="ap50")


def test_folds_are_proposed_where_val_is_too_small(pictures, config):
    assert ADVICE_ON_FOLDS in prepare(make_config(pictures, config)).notes
    own = prepare(make_config(pictures, config, val=pictures))
    assert ADVICE_ON_FOLDS not in own.notes
