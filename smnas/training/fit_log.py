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


class CurveState(_Value):
    """A loss curve on its way."""

    points: tuple[LossPoint, ...] = ()
    sums: dict[str, float] = {}
    """Of the steps since the last point."""
    count: int = 0


class FitLog(_Value):
    """What a training did."""

    curve: tuple[LossPoint, ...]
    steps: int
    pictures: int
    """Pictures seen, repeats counted."""
    steps_before: int = 0
    """Steps that a lower rung had taken; they are in the curve and in the counts."""
    seconds: float
    """Of this training alone, interruptions left out."""
    precision: Precision
    initial_weights: InitReport | None = None
    notes: tuple[str, ...] = ()
    """What a person should know, such as where an interrupted training went on."""
    checkpoint_seconds: float = 0.0
    """Of the seconds, what writing checkpoints took since the last start."""

    @property
    def final_loss(self) -> float:
        """Mean loss at the end of the curve."""
        return self.curve[-1].loss


class LossCurve:
    """Gathers losses step by step into means, at most ``MAX_POINTS`` over ``steps`` steps."""

    def __init__(self, steps: int) -> None:
        self.points: list[LossPoint] = []
        self._window = -(-steps // MAX_POINTS)
        self._sums: dict[str, float] = {}
        self._count = 0

    @property
    def state(self) -> CurveState:
        """What it holds."""
        return CurveState(points=tuple(self.points), sums=dict(self._sums), count=self._count)

    def go_on(self, state: CurveState) -> None:
        """Hold what ``state`` says."""
        self.points, self._sums = list(state.points), dict(state.sums)
        self._count = state.count

    def add(self, step: int, learning_rate: float, parts: dict[str, float], *, last: bool) -> None:
        """Take in the losses of ``step``, counted from 1; after the ``last`` none follow."""
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if self._count == self._window or last:
            means = {name: total / self._count for name, total in self._sums.items()}
            self.points.append(
                LossPoint(
                    step=step, learning_rate=learning_rate, loss=sum(means.values()), parts=means
                )
            )
            self._sums, self._count = {}, 0
