"""The loop: what it promises when it is left alone, killed, or short of room."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.errors import StorageFullError
from smnas.experiment.observer import SilentObserver
from smnas.experiment.resume import open_run
from smnas.experiment.run import run
from smnas.search import SmNas
from smnas.space.known import known_space
from smnas.trial.trial import Trial

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "stand_in_search.py"
TRIALS = 12


def start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), str(seconds), str(TRIALS)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def read(folder: Path) -> tuple[Trial, ...]:
    archive = Archive.open(folder)
    archive.close()
    return tuple(archive.trials())


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    with start(folder, 0.0) as process:
        assert process.wait() == 0
    return folder


def kill_and_go_on(folder: Path, moments: list[float]) -> None:
    """Kill a search after each of ``moments`` seconds of trials, then let it end.

    Checks meanwhile that no finished trial is trained again, and that at most one is unfinished.
    """
    finished: set[int] = set()
    for moment in [*moments, None]:
        with start(folder, 0.05) as process:
            assert process.stdout is not None
            said = [process.stdout.readline()]  # it is under way
            if moment is not None:
                time.sleep(moment)
                process.send_signal(signal.SIGKILL)
            said += process.stdout.readlines()
        trained = [int(line.split()[1]) for line in said if line.startswith("trains")]
        assert not finished & set(trained)
        unfinished = {trial.number for trial in read(folder) if trial.outcome is None}
        assert len(unfinished) <= 1
        finished = {trial.number for trial in read(folder)} - unfinished
    assert said[-1] == "finished\n"


@pytest.mark.parametrize("seed", range(2))
def test_killed_search_ends_like_an_undisturbed_one(tmp_path, undisturbed, seed):
    draw = random.Random(seed)
    kill_and_go_on(tmp_path / "run", [draw.uniform(0.0, 0.35) for _ in range(2)])
    assert read(tmp_path / "run") == read(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_search_killed_ten_times_ends_like_an_undisturbed_one(tmp_path, undisturbed, seed):
    draw = random.Random(100 + seed)
    kill_and_go_on(tmp_path / "run", [draw.uniform(0.0, 0.3) for _ in range(10)])
    assert read(tmp_path / "run") == read(undisturbed)


def test_finished_search_is_not_trained_again(tmp_path, undisturbed):
    before = read(undisturbed)
    with start(undisturbed, 0.0) as process:
        assert process.stdout is not None
        assert process.stdout.readlines() == ["finished\n"]
    assert read(undisturbed) == before


def test_replayed_archive_proposes_what_was_proposed(undisturbed, stand_in):
    archive = Archive.open(undisturbed)
    archive.close()
    algorithm = SmNas(known_space("micro"), stand_in.settings(TRIALS))
    for trial in archive.trials():
        assert algorithm.ask(archive.as_seen_by(trial.number), 1) == [trial.proposal]
    assert algorithm.ask(archive.trials(), 1) == []


def test_failed_trials_have_a_reason_and_the_search_goes_on(undisturbed):
    trials = read(undisturbed)
    failed = [t for t in trials if t.outcome and t.outcome.failure]
    assert failed, "the stand-in world was to fail some"
    assert all(t.outcome.failure.reason == "step 3 of 9: the loss is not finite" for t in failed)
    assert sum(trial.proposal.is_candidate for trial in trials) == TRIALS
    assert trials[-1].succeeded


@pytest.fixture
def world(stand_in, tmp_path):
    """Archive, algorithm and an evaluation that can be told to go wrong once."""

    class World:
        def __init__(self) -> None:
            self.header = stand_in.RunHeader(smnas_version="0", created="-", config={}, data_ids={})
            self.settings = stand_in.settings(4)
            self.broken_at: int | None = None

        def evaluate(self, trial: Trial):
            if trial.number == self.broken_at:
                self.broken_at = None
                raise StorageFullError("disk is full")
            return stand_in.evaluate(trial)

        def run(self, observer=None) -> Archive:
            archive = open_run(tmp_path / "run", self.header)
            algorithm = SmNas(known_space("micro"), self.settings)
            executor = stand_in.direct_executor(self.evaluate)
            try:
                run(archive, algorithm, executor, observer or SilentObserver(), share)
            finally:
                archive.close()
            return archive

    def share(trials) -> float:
        return sum(trial.outcome is not None for trial in trials) / 100

    return World()


def test_full_disk_stops_the_search_and_the_trial_is_taken_up_again(world, tmp_path):
    world.broken_at = 2
    with pytest.raises(StorageFullError):
        world.run()
    assert [trial.outcome is None for trial in read(tmp_path / "run")] == [False, False, True]
    archive = world.run()
    assert archive.unfinished() == []
    assert [trial.number for trial in archive.trials()] == list(range(len(archive.trials())))


def test_observer_hears_every_start_and_outcome_once(world):
    class Listener(SilentObserver):
        def __init__(self) -> None:
            self.heard: list[tuple[str, int]] = []
            self.shares: list[float] = []

        def started(self, trial):
            self.heard.append(("started", trial.number))

        def recorded(self, trial, trials, done_share):
            assert trials[trial.number] == trial
            self.heard.append(("recorded", trial.number))
            self.shares.append(done_share)

    listener = Listener()
    count = len(world.run(listener).trials())
    assert listener.heard == [(what, n) for n in range(count) for what in ("started", "recorded")]
    assert listener.shares == [(n + 1) / 100 for n in range(count)]


def test_used_up_space_ends_the_search(stand_in, tmp_path):
    class Nothing:
        def ask(self, trials, slots):
            return []

        def done(self, trials):
            return False

    header = stand_in.RunHeader(smnas_version="0", created="-", config={}, data_ids={})
    archive = open_run(tmp_path / "run", header)
    run(
        archive,
        Nothing(),
        stand_in.direct_executor(stand_in.evaluate),
        SilentObserver(),
        lambda _: 0.0,
    )
    archive.close()
    assert archive.trials() == ()
