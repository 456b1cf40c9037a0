"""``FitLog``: what a training did, as a value that goes to disk as JSON."""

from pydantic import BaseModel, ConfigDict

from smnas.training.init_report import InitReport
from smnas.training.precision import Precision

MAX_POINTS = 200
"""Points that a loss curve keeps; each is the mean over the steps since the one before."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LossPoint(_Value):
    """The losses around one step."""

    step: int
    """Last step that went into the mean, counted from 1."""
    learning_rate: float
    loss: float
    """Sum of all losses."""
    parts: dict[str, float]
    """The weighted losses by the names that the detector gives them."""


class FitLog(_Value):
    """What a training did."""

    curve: tuple[LossPoint, ...]
    steps: int
    pictures: int
    """Pictures seen, repeats counted."""
    seconds: float
    precision: Precision
    initial_weights: InitReport | None = None

    @property
    def final_loss(self) -> float:
        """Mean loss at the end of the curve."""
        return self.curve[-1].loss


class LossCurve:
    """Gathers losses step by step into at most ``MAX_POINTS`` means."""

    def __init__(self, steps: int) -> None:
        self.points: list[LossPoint] = []
        self._steps = steps
        self._window = -(-steps // MAX_POINTS)
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, step: int, learning_rate: float, parts: dict[str, float]) -> None:
        """Take in the losses of ``step``, counted from 1."""
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if self._count == self._window or step == self._steps:
            means = {name: total / self._count for name, total in self._sums.items()}
            self.points.append(
                LossPoint(
                    step=step, learning_rate=learning_rate, loss=sum(means.values()), parts=means
                )
            )
            self._sums, self._count = {}, 0
