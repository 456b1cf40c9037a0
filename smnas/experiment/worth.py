"""Whether a candidate is worth a training, as far as that is known before it."""

from collections.abc import Callable, Sequence

from smnas.arch import DetectorArch
from smnas.experiment.forecast import Forecast
from smnas.trial.constraint import (
    Constraint,
    describe_breaches,
    describe_prediction,
    describe_unlikely,
)
from smnas.trial.measurement import Measurement
from smnas.trial.trial import FailureStage, Proposal

Measured = tuple[Measurement, ...]


class NotWorthTrainingError(Exception):
    """A candidate is not worth a training; holds what was found out before it."""

    def __init__(
        self, stage: FailureStage, reason: str, measurements: tuple[Measurement, ...]
    ) -> None:
        super().__init__(reason)
        self.stage: FailureStage = stage
        self.measurements = measurements


class Worth:
    """The constraints of a search and the pruning rule of one proposal.

    Attributes:
        of_candidate: Whether it may be refused.
        asked: The metrics that they speak of; nothing of what is trained in any case.
    """

    def __init__(self, constraints: Sequence[Constraint], proposal: Proposal) -> None:
        self._constraints, self._rule = constraints, proposal.pruning
        self.of_candidate = proposal.is_candidate
        self.asked = set[str]()
        if proposal.is_candidate and proposal.continues is None:
            self.asked |= {constraint.metric for constraint in constraints}
            self.asked |= set() if self._rule is None else {self._rule.metric}

    def settle(
        self,
        shipped: DetectorArch,
        count: Callable[[], Measured],
        time: Callable[[Measured], Measured],
        make_forecast: Callable[[], Forecast | None],
    ) -> Measured:
        """Return what was counted, predicted and timed to decide; nothing where nothing was asked.

        Args:
            shipped: The form that is deployed.
            count: Counts it.
            time: Times it, given what was counted.
            make_forecast: Makes what predicts its time, where that can be done.

        Raises:
            NotWorthTrainingError: It breaks a constraint or is pruned; what can be counted is not
                timed, nor what can be predicted well enough.
        """
        if not self.asked:
            return ()
        cost = count()
        self.require(cost)
        if "latency_ms" not in self.asked:
            return ()
        forecast = make_forecast()
        predicted = () if forecast is None else forecast.predict(shipped)
        self.require_likely(predicted, cost)
        timed = time(cost)
        if forecast is not None:
            forecast.learn(shipped, timed)
        cost = (*cost, *timed, *predicted)
        self.require(cost)
        return cost

    def require(self, measured: tuple[Measurement, ...]) -> None:
        """Make sure that what was counted or timed speaks for a training.

        Raises:
            NotWorthTrainingError: It breaks a constraint, or is pruned.
        """
        reason = describe_breaches(self._constraints, measured)
        if reason is not None:
            raise NotWorthTrainingError("constraint", reason, measured)
        if self._rule is not None and self._rule.prunes(measured):
            raise NotWorthTrainingError("pruning", self._rule.reason, measured)

    def require_likely(
        self, predicted: tuple[Measurement, ...], counted: tuple[Measurement, ...]
    ) -> None:
        """Make sure that what was predicted does not speak against timing it.

        Args:
            predicted: Its time, if that can be told.
            counted: What is kept beside the prediction.

        Raises:
            NotWorthTrainingError: All that its time is expected to be breaks a constraint, or has
                it pruned.
        """
        both, reason = (*counted, *predicted), describe_unlikely(self._constraints, predicted)
        if reason is not None:
            raise NotWorthTrainingError("constraint", reason, both)
        if self._rule is not None and self._rule.likely_prunes(predicted):
            told = "; ".join(map(describe_prediction, predicted))
            raise NotWorthTrainingError("pruning", f"{self._rule.reason} ({told})", both)
