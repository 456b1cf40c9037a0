"""What a trial may use, so that one that hangs does not hold up the search."""

from collections.abc import Callable, Sequence

from smnas.execution.work import Limits
from smnas.experiment.plan import Plan
from smnas.experiment.recipes import Recipes
from smnas.experiment.workplace import Workplace
from smnas.trial.budget import Budget
from smnas.trial.trial import Trial

PATIENCE = 20.0
"""How many times as long as the slowest so far, or as planned, a trial may take."""
LEAST_S = 1800.0
"""What every trial may take: a short one is mostly start and measuring."""


class TrialLimits:
    """The limits of each trial, from what has been planned and seen.

    Args:
        workplace: What the user says.
        plan: What trials were expected to take.
        trials: Returns those that the run knows.
        recipes: Say how many pictures a batch has: into so many parts it can be split.
        final_budget: Tells finals and what stands beside them.
    """

    def __init__(
        self,
        workplace: Workplace,
        plan: Plan,
        trials: Callable[[], Sequence[Trial]],
        recipes: Recipes,
        final_budget: Budget,
    ) -> None:
        self._workplace = workplace
        self._plan = plan
        self._trials = trials
        self._recipes, self._final_budget = recipes, final_budget

    def __call__(self, trial: Trial) -> Limits:
        """Return what ``trial`` may use."""
        recipe = self._recipes.of(trial.proposal, self._final_budget)
        return Limits(self._seconds(trial), self._workplace.memory_mib, recipe.batch)

    def _seconds(self, trial: Trial) -> float | None:
        """Return the time that ``trial`` may take; None where nothing is known of such trials."""
        if self._workplace.trial_hours is not None:
            return 3600 * self._workplace.trial_hours
        seen = [
            known.outcome.seconds / self._epochs(known)
            for known in self._trials()
            if known.outcome is not None and known.succeeded
        ]
        planned = self._plan.seconds_per_epoch
        known_s = [*seen, *([] if planned is None else [planned])]
        if not known_s:
            return None
        return max(LEAST_S, PATIENCE * max(known_s) * self._epochs(trial))

    def _epochs(self, trial: Trial) -> int:
        return self._plan.trainings_in(trial) * trial.proposal.budget.epochs
