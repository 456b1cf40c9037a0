"""The loop: what it promises when it is left alone, killed, or short of room."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.errors import RunBusyError, StorageFullError
from smnas.experiment.observer import SilentObserver
from smnas.experiment.resume import open_run
from smnas.experiment.room import with_room
from smnas.experiment.run import run
from smnas.search import SmNas
from smnas.space.known import known_space
from smnas.trial.trial import Trial

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "stand_in_search.py"
TRIALS = 12


def start(folder: Path, seconds: float, *storage: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), str(seconds), str(TRIALS), *storage]
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


def kill_and_go_on(folder: Path, moments: list[float], *storage: str) -> None:
    """Kill a search after each of ``moments`` seconds of trials, then let it end.

    Checks meanwhile that no finished trial is trained again, and that at most one is unfinished.
    """
    finished: set[int] = set()
    for moment in [*moments, None]:
        with start(folder, 0.05, *storage) as process:
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
@pytest.mark.parametrize("seed", range(5))
def test_search_killed_ten_times_ends_like_an_undisturbed_one(tmp_path, undisturbed, seed):
    draw = random.Random(100 + seed)
    kill_and_go_on(tmp_path / "run", [draw.uniform(0.0, 0.3) for _ in range(10)])
    assert read(tmp_path / "run") == read(undisturbed)


def test_killed_on_postgres_it_ends_like_an_undisturbed_one(tmp_path, undisturbed, postgres):
    kill_and_go_on(tmp_path / "run", [0.1, 0.2], postgres.url)
    assert read(tmp_path / "run") == read(undisturbed)


def test_restart_of_postgres_in_mid_run_loses_nothing(tmp_path, undisturbed, postgres):
    with start(tmp_path / "run", 0.05, postgres.url) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        postgres.stop("immediate")
        time.sleep(0.3)
        postgres.start()
        said += process.stdout.readlines()
        assert process.wait() == 0
    assert said[-1] == "finished\n"
    assert len(set(said)) == len(said), "a trial was trained twice"
    assert read(tmp_path / "run") == read(undisturbed)


def test_second_driver_is_refused_at_once_and_the_first_goes_on(tmp_path, undisturbed):
    with start(tmp_path / "run", 0.1) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(RunBusyError, match=f"in use by process {first.pid} on"):
            Archive.drive(tmp_path / "run")
        assert first.stdout.readlines()[-1] == "finished\n"
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
            self.share = share
            self.executor = stand_in.direct_executor

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


def test_full_disk_pauses_the_search_and_it_goes_on(world, tmp_path):
    world.broken_at = 2
    said: list[str] = []
    free_mib = iter([1.0, 1.0, 1000.0])
    archive = with_room(
        world.run, tmp_path, said.append, sleep=lambda _: None, free=lambda _: next(free_mib)
    )
    assert [sentence.split()[0] for sentence in said] == ["PAUSED:", "The"]
    assert archive.unfinished() == []
    assert archive.trials() == world.run().trials()


def test_full_disk_under_the_archive_loses_nothing(world, tmp_path):
    """SQLite says "disk is full" at a page limit as it does without room."""
    world.settings = world.settings.model_copy(update={"trials": 40})
    whole = world.run().trials()
    trained: list[int] = []
    first_pages = stops = 0

    def evaluate(trial: Trial):
        trained.append(trial.number)
        return world.evaluate(trial)

    while stops < 20:
        archive = open_run(tmp_path / "full", world.header)
        finished = {t.number for t in archive.trials() if t.outcome is not None}
        began = len(trained)
        with archive._storage.engine.connect() as connection:
            first_pages = first_pages or connection.exec_driver_sql("PRAGMA page_count").scalar()
            pages = first_pages + 2 * stops
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        algorithm = SmNas(known_space("micro"), world.settings)
        try:
            run(archive, algorithm, world.executor(evaluate), SilentObserver(), world.share)
            break
        except StorageFullError:
            stops += 1
        finally:
            archive.close()
        assert not finished & set(trained[began:])
    assert stops > 2
    assert read(tmp_path / "full") == whole


def test_clock_set_back_changes_nothing(world, tmp_path, monkeypatch):
    whole = world.run().trials()
    hours = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(hours)))
    archive = open_run(tmp_path / "back", world.header)
    algorithm = SmNas(known_space("micro"), world.settings)
    run(archive, algorithm, world.executor(world.evaluate), SilentObserver(), world.share)
    archive.close()
    assert read(tmp_path / "back") == whole


def test_with_several_slots_the_order_of_completion_is_kept_and_replayed(world, tmp_path):
    class Shuffled:
        """Four slots, whose trials end in an order of their own."""

        def __init__(self) -> None:
            self.running: list[Trial] = []
            self.draw = random.Random(7)

        def free_slots(self) -> int:
            return 4 - len(self.running)

        def submit(self, trial: Trial) -> None:
            self.running.append(trial)

        def idle(self) -> bool:
            return not self.running

        def wait(self):
            done = self.running.pop(self.draw.randrange(len(self.running)))
            return [(done.number, world.evaluate(done))]

    settings = world.settings.model_copy(update={"trials": 24})
    archive = open_run(tmp_path / "slots", world.header)
    algorithm = SmNas(known_space("micro"), settings)
    run(archive, algorithm, Shuffled(), SilentObserver(), world.share)
    archive.close()
    again = Archive.open(tmp_path / "slots")
    again.close()
    order = again._records.outcome_order
    assert order != sorted(order)
    fresh = SmNas(known_space("micro"), settings)
    for trial in again.trials():
        assert fresh.ask(again.as_seen_by(trial.number), 1) == [trial.proposal]
        assert SmNas(known_space("micro"), settings).ask(again.as_seen_by(trial.number), 1) == [
            trial.proposal
        ]


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
