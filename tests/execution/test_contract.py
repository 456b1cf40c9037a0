"""The contract of an executor, run against every one that there is."""

import os
import signal
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from scripted_world import FolderStore, ScriptedWorld, keep_sent, succeed

from smnas.errors import StorageFullError
from smnas.execution.executor import Executor
from smnas.execution.faults import RETRIES
from smnas.execution.local import LocalExecutor
from smnas.execution.slot import Slot
from smnas.execution.work import Limits
from smnas.trial.trial import Failure, Outcome, Trial


class Bench:
    """Makes executors of one kind over a scripted world, and runs trials on them."""

    def __init__(self, kind: str, folder: Path, make_trial: Callable[[int], Trial]) -> None:
        self.kind = kind
        self.folder = folder / "run"
        self.notes = folder / "notes"
        self.heard: list[tuple[int, float, str]] = []
        self.make_trial = make_trial
        self.executors: list[Executor] = []
        for path in (self.folder, self.notes):
            path.mkdir()

    def make(self, actions: dict[int, str] | None = None, **limits) -> Executor:
        self.world = ScriptedWorld(self.notes, actions or {})
        parts = (lambda _: Limits(**limits), lambda *heard: self.heard.append(heard))
        executor: Executor
        if self.kind != "ray":
            slots = 1 if self.kind == "local" else 2
            places = [Slot.of(self.world, self.folder, 1 / slots) for _ in range(slots)]
            executor = LocalExecutor(places, *parts)
        else:
            from smnas.execution.ray_cluster import RayExecutor, Share

            store = FolderStore(self.folder)
            executor = RayExecutor(self.world, 2, Share(), store, *parts, keep_sent)
        self.executors.append(executor)
        return executor

    def run(self, *actions: str, **limits) -> dict[int, Outcome]:
        """Return the outcomes of one trial per action."""
        executor = self.make(dict(enumerate(actions)), **limits)
        for number in range(len(actions)):
            executor.submit(self.make_trial(number))
        return drain(executor)

    def attempts(self, number: int = 0) -> int:
        return len(self.world.attempts(number))


def drain(executor: Executor) -> dict[int, Outcome]:
    ended: dict[int, Outcome] = {}
    while not executor.idle():
        for number, outcome in executor.wait():
            assert number not in ended
            ended[number] = outcome
    return ended


NEEDS_RAY = pytest.mark.skipif(not find_spec("ray"), reason="needs Ray")
RAY = pytest.param("ray", marks=NEEDS_RAY)
ray_if_slow = pytest.mark.parametrize(
    "bench",
    ["local", pytest.param("ray", marks=[NEEDS_RAY, pytest.mark.slow])],
    indirect=True,
)
"""For what a slot does wherever it is: the fast tests look at it in one place."""


@pytest.fixture(params=["local", "side by side", RAY])
def bench(request, tmp_path, make_trial):
    if request.param == "ray":
        request.getfixturevalue("local_ray")
    request.getfixturevalue("nothing_left")  # Ray itself is not of this test.
    bench = Bench(request.param, tmp_path, make_trial)
    yield bench
    for executor in bench.executors:
        executor.close()


def test_new_executor_is_idle_and_free(bench):
    executor = bench.make()
    assert executor.idle()
    assert executor.free_slots() >= 1


def test_submitted_trial_takes_a_slot_until_it_is_waited_for(bench):
    executor = bench.make()
    slots = executor.free_slots()
    executor.submit(bench.make_trial(0))
    assert executor.free_slots() == slots - 1
    assert not executor.idle()
    assert drain(executor) == {0: succeed()}
    assert executor.free_slots() == slots


def test_more_trials_than_slots_queue_up(bench):
    executor = bench.make()
    trials = [bench.make_trial(number) for number in range(executor.free_slots() + 3)]
    for trial in trials:
        executor.submit(trial)
    assert executor.free_slots() == 0
    assert drain(executor) == {trial.number: succeed() for trial in trials}


@ray_if_slow
def test_every_trial_has_a_process_of_its_own(bench):
    bench.run("succeed", "succeed", "succeed")
    processes = {bench.world.attempts(number)[0][0] for number in range(3)}
    assert len(processes) == 3
    assert os.getpid() not in processes


def test_progress_is_heard_under_the_trials_number(bench):
    bench.run("succeed", "succeed")
    assert sorted(bench.heard)[:1] == [(0, 0.0, "starting")]
    assert {(0, 0.5, "parts 1"), (1, 0.5, "parts 1")} <= set(bench.heard)


def test_what_is_no_trials_fault_is_raised(bench):
    executor = bench.make({0: "fill"})
    executor.submit(bench.make_trial(0))
    with pytest.raises(StorageFullError, match="full"):
        drain(executor)
    assert not executor.idle()


@ray_if_slow
def test_failure_of_the_trials_own_is_final(bench):
    assert bench.run("fail")[0].failure == Failure(
        stage="training", reason="the loss is not finite"
    )
    assert bench.attempts() == 1


def test_crash_is_tried_once_more(bench):
    ended = bench.run("crash 1", "crash 2")
    assert ended[0] == succeed()
    assert ended[1].failure == Failure(
        stage="training",
        reason="crashed 2 times: its process ended with exit code 1: KeyError: 'ap'",
    )
    assert (bench.attempts(0), bench.attempts(1)) == (2, 2)


@ray_if_slow
def test_broken_process_costs_its_trial_alone(bench):
    ended = bench.run("die SIGSEGV 2", "exit", "succeed")
    assert "died of SIGSEGV" in ended[0].failure.reason
    assert "exit code 3" in ended[1].failure.reason
    assert ended[2] == succeed()


@ray_if_slow
def test_killed_trial_is_tried_again(bench):
    allowed = RETRIES["killed"]
    ended = bench.run(f"die SIGKILL {allowed}", f"die SIGKILL {allowed + 1}")
    assert ended[0] == succeed()
    reason = f"killed {allowed + 1} times: its process was killed from outside"
    assert ended[1].failure == Failure(stage="training", reason=reason)


@ray_if_slow
def test_hung_trial_is_killed_and_tried_once_more(bench):
    ended = bench.run("sleep 1000", "succeed", seconds=0.6)
    assert ended[1] == succeed()
    assert ended[0].failure.reason == "hung 2 times: ran longer than its limit of 0.6 s"
    assert ended[0].failure.stage == "training"
    assert bench.attempts() == 2


def test_lack_of_memory_halves_the_batch_until_it_fits(bench):
    ended = bench.run("run-out 4", "run-out 16", batch_parts=8)
    assert ended[0] == succeed()
    assert [note for number, _, note in bench.heard if number == 0 and "parts" in note] == [
        "parts 1", "parts 2", "parts 4",
    ]  # fmt: skip
    reason = "does not fit into memory in training, with batches in 8 parts: tried to"
    assert ended[1].failure.stage == "memory"
    assert ended[1].failure.reason.startswith(reason)


@ray_if_slow
def test_memory_is_watched(bench):
    ended = bench.run("swell 400", "swell 4000", memory_mib=300.0, batch_parts=4)
    assert ended[0] == succeed()
    assert ended[1].failure.stage == "memory"
    assert "more than its limit 300" in ended[1].failure.reason


def test_killed_nest_costs_no_trial(bench):
    executor = bench.make({0: "sleep 1.5"})
    executor.submit(bench.make_trial(0))

    def kill() -> None:
        while not (attempts := bench.world.attempts(0)):
            time.sleep(0.02)
        os.kill(attempts[0][1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert drain(executor) == {0: succeed()}
    killer.join()
    assert bench.attempts() == 2


def test_what_a_trial_leaves_is_in_the_run_folder_and_there_at_its_next_attempt(bench):
    ended = bench.run("write trials/0000/checkpoint")
    assert ended[0].weights == "trials/0000/checkpoint"
    assert (bench.folder / "trials/0000/checkpoint").read_text() == "xx"


def test_closing_ends_a_running_trial_and_all_that_it_has_started(bench, tmp_path, nothing_left):
    left = tmp_path / "left"
    executor = bench.make({0: f"leave {left}"})
    executor.submit(bench.make_trial(0))

    def interrupt() -> None:
        while not (left.exists() and left.read_text()):
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        drain(executor)
    interrupter.join()
    assert not executor.idle()
    executor.close()
