from smnas.execution.inline import InlineExecutor
from smnas.trial.trial import Failure, Outcome


def test_trials_run_in_order_and_only_when_waited_for(make_trial):
    ran: list[int] = []

    def evaluate(trial):
        ran.append(trial.number)
        return Outcome(failure=Failure(stage="build", reason="none"))

    executor = InlineExecutor(evaluate)
    for number in (2, 0, 1):
        executor.submit(make_trial(number))
    assert ran == []
    assert [number for number, _ in executor.wait()] == [2]
    assert ran == [2]
    executor.wait()
    executor.wait()
    assert ran == [2, 0, 1]
    assert executor.wait() == []
