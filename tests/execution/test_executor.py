"""The contract of an executor, run against every one that there is."""

import pytest

from smnas.errors import StorageFullError
from smnas.execution.executor import Executor
from smnas.execution.inline import InlineExecutor
from smnas.trial.trial import Failure, Outcome, Trial

EXECUTORS = {"inline": InlineExecutor}


def evaluate(trial: Trial) -> Outcome:
    return Outcome(failure=Failure(stage="build", reason=f"trial {trial.number}"), seconds=1.0)


@pytest.fixture(params=sorted(EXECUTORS))
def make_executor(request):
    return EXECUTORS[request.param]


def drain(executor: Executor) -> dict[int, Outcome]:
    ended: dict[int, Outcome] = {}
    while not executor.idle():
        for number, outcome in executor.wait():
            assert number not in ended
            ended[number] = outcome
    return ended


class TestExecutorContract:
    def test_new_executor_is_idle_and_free(self, make_executor):
        executor = make_executor(evaluate)
        assert executor.idle()
        assert executor.free_slots() >= 1

    def test_submitted_trial_takes_a_slot_until_it_is_waited_for(self, make_executor, make_trial):
        executor = make_executor(evaluate)
        slots = executor.free_slots()
        executor.submit(make_trial(0))
        assert executor.free_slots() == slots - 1
        assert not executor.idle()
        assert drain(executor) == {0: evaluate(make_trial(0))}
        assert executor.free_slots() == slots

    def test_more_trials_than_slots_queue_up(self, make_executor, make_trial):
        executor = make_executor(evaluate)
        trials = [make_trial(number) for number in range(executor.free_slots() + 5)]
        for trial in trials:
            executor.submit(trial)
        assert executor.free_slots() == 0
        assert drain(executor) == {trial.number: evaluate(trial) for trial in trials}

    def test_error_of_our_own_is_raised(self, make_executor, make_trial):
        def broken(trial: Trial) -> Outcome:
            raise StorageFullError("full")

        executor = make_executor(broken)
        executor.submit(make_trial(0))
        with pytest.raises(StorageFullError, match="full"):
            drain(executor)
