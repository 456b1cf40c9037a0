"""From a COCO file to front and report, for real, in a space small enough for seconds."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smnas.errors import RunMismatchError
from smnas.experiment.observer import Briefing, RunSummary, SilentObserver
from smnas.experiment.search import search
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.trial import Trial

ROOT = Path(__file__).parents[2]
COMMAND = """
import sys, torch
torch.set_num_threads(1)
from smnas.experiment.search import search
search(sys.argv[1], config=sys.argv[2], out=sys.argv[3])
"""


class Listener(SilentObserver):
    def __init__(self) -> None:
        self.briefing: Briefing | None = None
        self.summary: RunSummary | None = None
        self.started_numbers: list[int] = []
        self.shares: list[float] = []
        self.notes: set[str] = set()

    def announced(self, briefing: Briefing) -> None:
        self.briefing = briefing

    def started(self, trial: Trial) -> None:
        self.started_numbers.append(trial.number)

    def progressed(self, number: int, share: float, note: str) -> None:
        assert number == self.started_numbers[-1]
        assert 0.0 <= share <= 1.0
        self.notes.add(note.split(",")[0])

    def recorded(self, trial, trials, done_share: float) -> None:
        self.shares.append(done_share)

    def finished(self, summary: RunSummary) -> None:
        self.summary = summary


@pytest.fixture(scope="module")
def one_run(tmp_path_factory, pictures, config) -> tuple[Path, Listener]:
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    listener = Listener()
    search(pictures, config=config, out=folder, observer=listener)
    return folder, listener


def test_every_trial_is_measured_and_has_its_files(one_run, read):
    folder, _ = one_run
    trials = read(folder)
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert sum(trial.proposal.is_candidate for trial in trials) == 4
    for trial in trials:
        assert trial.succeeded, trial.outcome
        assert {"ap", "ap50", "macs_g", "params_m", "latency_ms"} <= {
            item.metric for item in trial.outcome.measurements
        }
        assert TrainedDetector.load(folder / trial.outcome.weights).arch == trial.proposal.arch
        assert (folder / "trials" / f"{trial.number:04d}" / "val.json").is_file()


def test_candidates_are_counted_as_the_finals_that_ship(one_run, read):
    folder, _ = one_run
    trials = read(folder)
    candidates = [t for t in trials if t.proposal.is_candidate]
    by_arch = {str(t.proposal.arch.replace(norm="gn")): t for t in candidates}
    finals = [trial for trial in trials if trial.proposal.stage == "final"]
    assert finals
    for final in finals:
        assert final.proposal.arch.norm == "gn"
        candidate = by_arch[str(final.proposal.arch)]
        assert candidate.proposal.arch.norm == "gn-ws"
        assert candidate.value("macs_g") == final.value("macs_g")
        assert candidate.value("params_m") == final.value("params_m")


def test_test_split_is_read_for_finals_and_their_yardstick_alone(one_run, read):
    folder, _ = one_run
    tested = {t.number for t in read(folder) if t.measurement("ap", "test")}
    last = {
        t.number
        for t in read(folder)
        if not t.proposal.is_candidate and t.proposal.budget.epochs == 2
    }
    assert tested == last


def test_finals_are_compared_with_the_yardstick_on_the_same_pictures(one_run, read):
    trials = read(one_run[0])
    finals = [t for t in trials if t.succeeded and t.proposal.stage == "final"]
    yardstick = [t for t in trials if t.proposal.stage == "yardstick"][-1]
    assert finals
    for trial in finals:
        for split in ("val", "test"):
            lead = trial.measurement("ap50_over_yardstick", split)
            alone = trial.value("ap50", split) - yardstick.value("ap50", split)
            assert lead.value == pytest.approx(alone)
            assert lead.interval[0] <= lead.interval[1]


def test_the_chance_to_be_on_the_front_is_told_of_every_final(one_run, read):
    folder, _ = one_run
    trials = {trial.number: trial for trial in read(folder)}
    finals = [t.number for t in trials.values() if t.proposal.stage == "final"]
    for split in ("val", "test"):
        chances = {n: t.measurement("front_chance", split) for n, t in trials.items()}
        assert {n for n, found in chances.items() if found is not None} == set(finals)
        assert all(0.0 <= chances[number].value <= 1.0 for number in finals)
        # In every redraw something is on the front.
        assert sum(chances[number].value for number in finals) >= 1.0
    rows = json.loads((folder / "front.json").read_text())
    for row in rows:
        found = trials[row["trial"]].measurement("front_chance", "test")
        assert row["front_chance_test"] == (None if found is None else found.value)
    assert "On front" in (folder / "report.html").read_text()


def test_front_has_one_recommended_and_its_weights(one_run):
    folder, listener = one_run
    rows = json.loads((folder / "front.json").read_text())
    assert [row["ap"] for row in rows] == sorted((row["ap"] for row in rows), reverse=True)
    assert sum(row["recommended"] for row in rows) == 1
    assert all(row["final"] and Path(row["weights"]).is_file() for row in rows)
    assert all(row["ap_test"] is not None for row in rows)
    assert listener.summary is not None
    assert list(listener.summary.rows) == rows
    assert listener.summary.candidates == 4


def test_report_and_pictures_are_there(one_run):
    folder, _ = one_run
    html = (folder / "report.html").read_text()
    assert "square" in html
    index = json.loads((folder / "pictures" / "index.json").read_text())
    assert all(entry["split"] == "test" for entries in index.values() for entry in entries)
    assert all((folder / "pictures" / e["file"]).is_file() for es in index.values() for e in es)


def test_observer_is_told_data_plan_and_progress(one_run, read):
    folder, listener = one_run
    assert listener.briefing is not None
    assert listener.briefing.trainings == len(listener.started_numbers) == len(read(folder))
    assert any(
        "16 pictures" in line and "split by picture" in line for line in listener.briefing.data
    )
    assert any("means nothing" in line for line in listener.briefing.data)
    assert any("estimated" in line for line in listener.briefing.plan)
    assert {"training", "measuring accuracy", "measuring time"} <= listener.notes
    assert listener.shares[-1] == 1.0
    assert listener.shares == sorted(listener.shares)
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["trainings"] == len(read(folder))
    assert plan["hours"] > 0


def test_same_call_again_trains_nothing_and_mends_what_is_missing(one_run, pictures, config, read):
    folder, _ = one_run
    before, front = read(folder), (folder / "front.json").read_text()
    for name in ("front.json", "report.html", "pictures/index.json"):
        (folder / name).unlink()
    listener = Listener()
    search(pictures, config=config, out=folder, observer=listener)
    assert listener.started_numbers == []
    assert listener.briefing is not None
    assert listener.briefing.resumed == len(before)
    assert read(folder) == before
    assert (folder / "front.json").read_text() == front
    assert (folder / "report.html").is_file()


def test_other_seed_or_other_data_is_refused(one_run, pictures, config, tmp_path):
    folder, _ = one_run
    with pytest.raises(RunMismatchError, match="seed: was 0, is 1"):
        search(pictures, config=config, out=folder, seed=1)
    changed = json.loads(pictures.read_text())
    changed["annotations"][0]["bbox"][2] -= 4
    other = tmp_path / "other.json"
    other.write_text(json.dumps(changed))
    with pytest.raises(RunMismatchError, match="the content of"):
        search(other, images=pictures.parent, config=config, out=folder)


def test_more_trials_go_on_from_what_is_there(one_run, pictures, config, tmp_path, read):
    folder = tmp_path / "more"
    shutil.copytree(one_run[0], folder)
    before = read(folder)
    listener = Listener()
    search(pictures, config=config, out=folder, trials=5, observer=listener)
    after = read(folder)
    for old, new in zip(before, after, strict=False):
        assert numbers(new)[:3] == numbers(old)[:3]
        assert new.later[: len(old.later)] == old.later
        further = {item.metric for item in new.later[len(old.later) :]}
        assert further <= {"front_chance"}, "among more finals it is another"
    assert sum(trial.proposal.is_candidate for trial in after) == 5
    assert min(listener.started_numbers) == len(before)


def test_call_that_stopped_between_final_test_and_report_goes_on(
    one_run, pictures, config, tmp_path, read
):
    class Stopper(Listener):
        def noted(self, sentence: str) -> None:
            read_before = sum("test split" in note for note in self.notes)
            self.notes.add(sentence)
            if read_before:
                raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        search(pictures, config=config, out=folder, observer=Stopper())
    assert sum(bool(t.measurement("ap", "test")) for t in read(folder)) == 1
    assert not (folder / "front.json").exists()
    listener = Listener()
    search(pictures, config=config, out=folder, observer=listener)
    assert listener.started_numbers == []
    assert [numbers(t) for t in read(folder)] == [numbers(t) for t in read(one_run[0])]
    assert without_paths(folder) == without_paths(one_run[0])


@pytest.mark.slow
def test_killed_search_ends_like_an_undisturbed_one(pictures, config, tmp_path, read):
    command = [sys.executable, "-c", COMMAND, str(pictures), str(config)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(whole)], cwd=ROOT, check=True)
    draw = random.Random(0)
    for _ in range(4):
        with subprocess.Popen([*command, str(killed)], cwd=ROOT) as process:
            time.sleep(6.0 + draw.uniform(0.0, 3.0))  # past the imports
            process.send_signal(signal.SIGKILL)
    subprocess.run([*command, str(killed)], cwd=ROOT, check=True)
    assert [numbers(trial) for trial in read(killed)] == [numbers(trial) for trial in read(whole)]
    assert without_paths(killed) == without_paths(whole)


def numbers(trial: Trial) -> tuple[object, ...]:
    """All of a trial but how many seconds it took."""
    assert trial.outcome is not None
    return trial.proposal, trial.outcome.measurements, trial.outcome.failure, trial.later


def without_paths(folder: Path) -> list[dict[str, object]]:
    rows = json.loads((folder / "front.json").read_text())
    return [{key: value for key, value in row.items() if key != "weights"} for row in rows]


def test_pictures_go_when_they_may_not_be_shown(one_run, pictures, config, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(one_run[0], folder)
    search(pictures, out=folder, config=config, pictures=False)
    assert not (folder / "pictures").exists()
    assert "data:image/jpeg" not in (folder / "report.html").read_text()
    assert not [path for path in folder.rglob("*") if path.suffix in (".jpg", ".png")]
    search(pictures, out=folder, config=config)
    assert "data:image/jpeg" in (folder / "report.html").read_text()


def test_a_measure_of_ones_own_is_searched_and_shown(pictures, config, tmp_path, read):
    found = search(pictures, out=tmp_path / "run", config=config, metric="recall@fppi=2")
    for trial in read(tmp_path / "run"):
        assert trial.measurement("recall@fppi=2").interval is not None
        per_class = trial.measurement("ap:circle") is not None
        assert per_class == (not trial.proposal.is_candidate)
    row = next(row for row in found.rows if row["recommended"])
    assert row["accuracy_metric"] == "recall@fppi=2"
    assert list(row["objectives"]) == ["recall@fppi=2", "latency_ms"]
    assert row["accuracy_test"] is not None
    page = (tmp_path / "run" / "report.html").read_text()
    assert "recall at 2 false alarms a picture test" in page
    assert "Class by class" in page
