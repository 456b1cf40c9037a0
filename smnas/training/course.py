"""``Course``: how far a training goes, along which schedule."""

import math
from dataclasses import dataclass
from typing import Self

from smnas.errors import TrainingError
from smnas.training.optimizer import rate_share
from smnas.training.recipe import ScheduleSettings


@dataclass(frozen=True)
class Course:
    """How far a training goes.

    A rung ends before its schedule does. Its *trunk* follows the schedule of the longest training
    and can be continued; its weights are those of a copy of the trunk that has cooled down.

    Attributes:
        epochs: Passes over the dataset; the last batch of a pass is dropped where it is not full,
            unless it is the only one.
        horizon_epochs: Epochs that the schedule is drawn for; None where they are ``epochs``.
        cooldown_epochs: Epochs in which the learning rate of the copy then falls to its end. They
            come on top of ``epochs``, and only where the schedule goes on after them.
        batch_parts: Parts that each batch is computed in, one after another, where memory is short.
    """

    epochs: int
    horizon_epochs: int | None = None
    cooldown_epochs: float = 0.0
    batch_parts: int = 1

    @classmethod
    def of(cls, epochs: "int | Course") -> "Course":
        """Return the plain course of so many epochs; a course is returned as it is.

        Raises:
            TrainingError: A course that cannot be taken.
        """
        course = epochs if isinstance(epochs, Course) else cls(epochs)
        course._check()
        return course

    def _check(self) -> None:
        if self.epochs < 1:
            raise TrainingError(f"epochs: expected at least 1; got {self.epochs}")
        if self.horizon_epochs is not None and self.horizon_epochs < self.epochs:
            raise TrainingError(
                f"horizon_epochs: expected at least the {self.epochs} epochs that are trained; "
                f"got {self.horizon_epochs}"
            )
        if not 0.0 <= self.cooldown_epochs < math.inf:
            raise TrainingError(f"cooldown_epochs: expected 0 or more; got {self.cooldown_epochs}")
        if self.batch_parts < 1:
            raise TrainingError(f"batch_parts: expected at least 1; got {self.batch_parts}")


@dataclass(frozen=True)
class Steps:
    """The steps of a course, numbered from 0: those of the trunk, then those that cool down.

    Attributes:
        per_epoch: Steps of one epoch.
        trunk: Steps of the trunk, all of the training where it is no rung.
        total: With those that cool down.
        horizon: Steps that the schedule is drawn for.
        schedule: Warm-up and end of the learning rate.
    """

    per_epoch: int
    trunk: int
    total: int
    horizon: int
    schedule: ScheduleSettings

    @classmethod
    def of(cls, course: Course, per_epoch: int, schedule: ScheduleSettings) -> Self:
        """Return the steps of ``course``."""
        trunk = course.epochs * per_epoch
        horizon = (course.horizon_epochs or course.epochs) * per_epoch
        cooldown = 0
        if horizon > trunk and course.cooldown_epochs > 0:
            cooldown = max(1, round(course.cooldown_epochs * per_epoch))
        return cls(per_epoch, trunk, trunk + cooldown, horizon, schedule)

    @property
    def is_rung(self) -> bool:
        """Whether the trunk can be continued."""
        return self.trunk < self.horizon

    def rate_share(self, step: int) -> float:
        """Return the learning rate of one step as a share of the peak.

        The trunk follows ``optimizer.rate_share`` over the horizon. Behind it the rate falls in a
        straight line from where the trunk stopped to the schedule's end, which the last step has.
        """
        if step < self.trunk:
            return rate_share(step, self.horizon, self.schedule)
        start, end = self.rate_share(self.trunk - 1), self.schedule.final_fraction
        done = (step + 1 - self.trunk) / (self.total - self.trunk)
        return start + (min(start, end) - start) * done
