import itertools

import pytest

from smnas.errors import TrainingError
from smnas.training.course import Course, Steps
from smnas.training.optimizer import rate_share
from smnas.training.recipe import ScheduleSettings

SCHEDULE = ScheduleSettings()


def steps(course: Course) -> Steps:
    return Steps.of(course, 10, SCHEDULE)


def test_plain_course_follows_its_own_schedule() -> None:
    plain = steps(Course.of(3))
    assert (plain.trunk, plain.total, plain.is_rung) == (30, 30, False)
    shares = [plain.rate_share(step) for step in range(30)]
    assert shares == [rate_share(step, 30, SCHEDULE) for step in range(30)]


def test_rungs_of_one_horizon_share_their_trunk() -> None:
    whole = steps(Course(9))
    for epochs in (1, 3, 9):
        rung = steps(Course(epochs, horizon_epochs=9, cooldown_epochs=0.2 * epochs))
        assert rung.trunk == 10 * epochs
        for step in range(rung.trunk):
            assert rung.rate_share(step) == whole.rate_share(step)


def test_a_rungs_copy_cools_down_in_a_straight_line() -> None:
    rung = steps(Course(3, horizon_epochs=9, cooldown_epochs=0.6))
    assert rung.total - rung.trunk == 6
    shares = [rung.rate_share(step) for step in range(29, 36)]
    falls = [a - b for a, b in itertools.pairwise(shares)]
    assert falls == pytest.approx([falls[0]] * 6)
    assert falls[0] > 0
    assert shares[-1] == pytest.approx(SCHEDULE.final_fraction)


def test_short_cooldowns_take_a_step_and_whole_schedules_none() -> None:
    assert steps(Course(1, horizon_epochs=3, cooldown_epochs=0.01)).total == 11
    assert steps(Course(3, horizon_epochs=3, cooldown_epochs=0.5)).total == 30
    assert steps(Course(1, horizon_epochs=3)).total == 10


@pytest.mark.parametrize(
    ("course", "name"),
    [
        (0, "epochs"),
        (Course(4, horizon_epochs=3), "horizon_epochs"),
        (Course(1, cooldown_epochs=-1.0), "cooldown_epochs"),
        (Course(1, cooldown_epochs=float("nan")), "cooldown_epochs"),
        (Course(1, batch_parts=0), "batch_parts"),
    ],
)
def test_courses_that_cannot_be_taken(course, name) -> None:
    with pytest.raises(TrainingError, match=f"^{name}: expected"):
        Course.of(course)
