"""What a candidate must keep to be trained at all: ``latency_ms <= 30``, ``params_m <= 5``."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from smnas.errors import ConfigError, nearest
from smnas.trial.measurement import Measurement, predicted
from smnas.trial.metrics import METRICS

_FORM = re.compile(r"\s*(\w+)\s*(<=|>=)\s*([-+.\w]+)\s*")
_CHECKED = [name for name, metric in METRICS.items() if metric.kind != "accuracy"]


class Constraint(BaseModel):
    """A limit on what is counted or timed, so that it can be checked before a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    relation: Literal["<=", ">="]
    limit: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """Return the constraint that ``text`` states.

        Raises:
            ConfigError: Not METRIC <= NUMBER or METRIC >= NUMBER, or a metric that needs training.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"{text!r}: expected METRIC <= NUMBER or METRIC >= NUMBER, such as 'params_m <= 5'"
            )
        metric, relation, number = match.groups()
        if metric in METRICS and metric not in _CHECKED:
            raise ConfigError(
                f"{text!r}: {metric} is known only after the training, and constraints are checked "
                f"before it; use one of: {', '.join(_CHECKED)}"
            )
        if metric not in _CHECKED:
            raise ConfigError(
                f"{text!r}: {metric!r} is no metric to limit; {nearest(metric, _CHECKED)}"
            )
        try:
            return cls.model_validate({"metric": metric, "relation": relation, "limit": number})
        except ValidationError:
            raise ConfigError(f"{text!r}: expected a number above 0; got {number!r}") from None

    def __str__(self) -> str:
        """Return the text form, which ``parse`` reads back."""
        return f"{self.metric} {self.relation} {repr(self.limit).removesuffix('.0')}"

    def allows(self, value: float) -> bool:
        """Return whether ``value`` keeps the limit."""
        return value <= self.limit if self.relation == "<=" else value >= self.limit


def describe_breaches(
    constraints: Sequence[Constraint], measurements: Sequence[Measurement]
) -> str | None:
    """Return in words which constraints ``measurements`` break, or None where they keep all.

    A constraint on what has not been measured is kept so far.
    """
    broken = [
        f"{item.metric} is {item.value:.4g}, expected {constraint}"
        for constraint in constraints
        for item in measurements
        if item.metric == constraint.metric and not constraint.allows(item.value)
    ]
    return "; ".join(broken) or None


def describe_unlikely(
    constraints: Sequence[Constraint], predictions: Sequence[Measurement]
) -> str | None:
    """Return in words which constraints are going to be broken, or None where each may be kept.

    One is where all of the interval that the measured value is expected in breaks it.
    """
    unlikely = [
        f"{describe_prediction(item)}, expected {constraint}"
        for constraint in constraints
        for item in predictions
        if item.metric == predicted(constraint.metric)
        and item.interval is not None
        and not any(map(constraint.allows, item.interval))
    ]
    return "; ".join(unlikely) or None


def describe_prediction(item: Measurement) -> str:
    """Return a prediction in words; it has an interval."""
    low, high = item.interval or (item.value, item.value)
    return f"{item.metric} is {item.value:.4g} ({low:.4g} to {high:.4g}), not measured"


def _read(value: Any) -> Any:
    return Constraint.parse(value) if isinstance(value, str) else value


ConstraintText = Annotated[Constraint, BeforeValidator(_read), PlainSerializer(str)]
"""A constraint that stands as its text in JSON."""
