"""How long each part of a search trains, also where the user does not say."""

from pydantic import BaseModel, ConfigDict

from smnas.trial.budget import Budget

CANDIDATE_PICTURES = 1_600
"""Pictures that a candidate of a small space learns from, repeats counted (docs/decisions/0003)."""
FINAL_FACTOR = 4
"""How many times as long a final trains."""


class Budgets(BaseModel):
    """How long each part of the search trains; None lets the number of pictures decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage_one: Budget | None = None
    stage_two: Budget | None = None
    final: Budget | None = None

    def for_pictures(self, count: int) -> tuple[Budget, Budget, Budget]:
        """Return the budgets of stage one, of stage two and of the finals.

        Learning takes steps, not passes: three passes are enough over hundreds of pictures, and
        nothing over fifty.

        Args:
            count: Training pictures.
        """
        candidate = max(1, round(CANDIDATE_PICTURES / max(count, 1)))
        short = Budget(epochs=candidate)
        long = Budget(epochs=FINAL_FACTOR * candidate)
        return self.stage_one or short, self.stage_two or short, self.final or long
