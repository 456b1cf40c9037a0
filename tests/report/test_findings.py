"""What a search found out: traits against accuracy, of candidates of equal budget."""

from collections.abc import Callable

import pytest

from smnas.archive.header import RunHeader
from smnas.report.findings import findings, plot_findings
from smnas.report.page import render_page
from smnas.trial.budget import Budget
from smnas.trial.metrics import make_objective
from smnas.trial.trial import Trial

AP = make_objective("ap")


@pytest.fixture
def deeper_is_better(make_trial: Callable[..., Trial]) -> list[Trial]:
    """Six candidates: the deeper the more accurate, whatever their multiply-adds."""
    arch = "160x160/basicblock_16_{}1-21-21-21/fpn-p2-p5-64/none/retina"
    macs = (5, 3, 8, 2, 9, 4)
    return [make_trial(n, 1, 0.1 + 0.05 * n, macs[n], arch=arch.format("1" * n)) for n in range(6)]


def test_each_trait_has_its_tau(deeper_is_better: list[Trial]) -> None:
    found = {item.trait: item for item in findings(deeper_is_better, AP)}
    assert set(found) == {"blocks of the backbone", "early widening, 0 to 1"}  # one input alone
    depth = found["blocks of the backbone"]
    assert (depth.candidates, depth.budget) == (6, "3 epochs")
    assert depth.tau == pytest.approx(1.0)
    assert depth.tau_beyond_macs == pytest.approx(1.0)
    assert found["early widening, 0 to 1"].tau == pytest.approx(
        -1
    )  # longer first groups widen later


def test_only_whole_trainings_of_one_budget_are_compared(deeper_is_better: list[Trial]) -> None:
    few = deeper_is_better[:4]
    assert findings(few, AP) == []
    rung = Budget(epochs=1, horizon_epochs=3)
    cut = [
        t.model_copy(update={"proposal": t.proposal.model_copy(update={"budget": rung})})
        for t in deeper_is_better
    ]
    assert findings(cut, AP) == []
    assert len(findings([*few, *cut, deeper_is_better[5]], AP)) == 2


def test_every_candidate_is_a_point_of_each_plot(deeper_is_better: list[Trial]) -> None:
    figure = plot_findings(deeper_is_better, AP)
    assert [len(trace.x) for trace in figure.data] == [6, 6, 6]
    assert list(figure.data[0].x) == [7, 8, 9, 10, 11, 12]
    assert list(figure.data[2].y) == pytest.approx([10, 15, 20, 25, 30, 35])
    assert figure.layout.xaxis3.title.text == "input, megapixels"


def test_the_page_shows_rungs_and_findings_where_there_are_some(
    deeper_is_better: list[Trial], header: RunHeader, finished_trials: list[Trial], tmp_path
) -> None:
    low = []
    for at, trial in enumerate(deeper_is_better):
        budget = Budget(epochs=1, horizon_epochs=3)
        proposal = trial.proposal.model_copy(update={"budget": budget})
        low.append(trial.model_copy(update={"proposal": proposal}))
        top = trial.proposal.model_copy(update={"continues": at})
        deeper_is_better[at] = trial.model_copy(update={"number": 6 + at, "proposal": top})
    html = render_page([*low, *deeper_is_better], header, tmp_path)
    assert "How far the rungs could be trusted" in html
    assert '<td class="text">1 of 3 epochs</td><td>6</td><td>6</td><td>1.00</td>' in html
    assert "What it found out" in html
    plain = render_page(finished_trials[6:], header, tmp_path)
    assert "How far the rungs" not in plain
    assert "What it found out" not in plain
