"""How much training a trial may use. Only trials of equal budget are compared."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Epochs = Annotated[int, Field(ge=1, le=10_000)]

COOLDOWN_SHARE = 0.2
"""Of a rung's epochs: how long the copy of it cools down that is scored."""


class Budget(BaseModel):
    """An amount of training: passes over the training pictures.

    A rung is a budget that ends before its schedule does: the learning rate is drawn for
    ``horizon_epochs``, and the training stops after ``epochs``, to be continued or not. The last
    rung, whose schedule ends with it, is the plain budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Epochs
    horizon_epochs: Epochs | None = None
    """Epochs that the schedule is drawn for; None where they are ``epochs``."""

    @model_validator(mode="before")
    @classmethod
    def _a_whole_schedule_is_no_rung(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("horizon_epochs") == data.get("epochs"):
            return {**data, "horizon_epochs": None}
        return data

    @model_validator(mode="after")
    def _schedule_reaches_the_end(self) -> "Budget":
        if self.horizon_epochs is not None and self.horizon_epochs < self.epochs:
            raise ValueError(
                f"horizon_epochs: expected at least the {self.epochs} epochs that are trained; got "
                f"{self.horizon_epochs}"
            )
        return self

    @property
    def is_rung(self) -> bool:
        """Whether it ends before its schedule does."""
        return self.horizon_epochs is not None

    @property
    def schedule(self) -> "Budget":
        """The budget that the schedule is drawn for: that of the last rung."""
        return self if self.horizon_epochs is None else Budget(epochs=self.horizon_epochs)

    @property
    def cooldown_epochs(self) -> float:
        """Epochs that are trained on top, by the copy of a rung that is scored."""
        return COOLDOWN_SHARE * self.epochs if self.is_rung else 0.0

    def epochs_beyond(self, lower: "Budget | None") -> float:
        """Return what a trial costs that goes on from ``lower``, or from nothing: all it trains."""
        before = 0 if lower is None else lower.epochs
        return self.epochs - before + self.cooldown_epochs

    def __str__(self) -> str:
        """Return the text that people read: ``5 epochs``, or ``1 of 9 epochs`` for a rung."""
        of = "" if self.horizon_epochs is None else f" of {self.horizon_epochs}"
        longest = self.horizon_epochs or self.epochs
        return f"{self.epochs}{of} epoch" + ("" if longest == 1 else "s")
