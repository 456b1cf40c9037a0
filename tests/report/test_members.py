"""Which trials are on the front, and whether the final is over."""

from collections.abc import Callable

from smnas.report.members import front_members, is_final
from smnas.trial.budget import Budget
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]


def test_the_final_is_over_when_no_final_and_no_yardstick_is_running(
    finished_trials: list[Trial], make_trial: MakeTrial
) -> None:
    assert is_final(finished_trials)
    assert not is_final(finished_trials[:6])
    assert not is_final([*finished_trials, make_trial(11, "final", running=True)])
    assert not is_final([*finished_trials[:10], make_trial(10, "yardstick", running=True)])


def test_a_yardstick_that_was_trained_first_as_long_as_the_finals_stands_beside_them(
    make_trial: MakeTrial,
) -> None:
    candidates = [make_trial(0, "yardstick", 0.1, 9.0), make_trial(1, 1, 0.2, 2.0)]
    final = make_trial(2, "final", 0.15, 2.0, parent=1)
    assert is_final([*candidates, final])
    assert front_members([*candidates, final]) == [final]
    shorter = candidates[0].proposal.model_copy(update={"budget": Budget(epochs=1)})
    candidates[0] = candidates[0].model_copy(update={"proposal": shorter})
    assert not is_final([*candidates, final])
