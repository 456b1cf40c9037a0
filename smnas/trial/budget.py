"""How much training a trial may use. Only trials of equal budget are compared."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Budget(BaseModel):
    """An amount of training: passes over the training pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1, le=10_000)]

    def __str__(self) -> str:
        """Return the text that people read, such as ``5 epochs``."""
        return f"{self.epochs} epoch" + ("" if self.epochs == 1 else "s")
