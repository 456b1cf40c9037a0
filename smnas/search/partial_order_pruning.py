"""Partial Order Pruning: what need not be trained (Li et al. 2019; paper.md 3.2).

A proposal m is pruned when it precedes a trained w, some trained y_w is more accurate than w by
more than the tie width, and m costs at least as much as y_w: then m is expected to be no more
accurate than w, and cannot move the front. What m costs is counted or timed when it runs, so the
search hands the condition along with the proposal (``PruneRule``).
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Hashable

from smnas.arch import DetectorArch
from smnas.space.partial_order import OrderPlace, order_place
from smnas.trial.front import GrowingFront, Objective
from smnas.trial.pruning import PruneRule
from smnas.trial.trial import Trial


class PartialOrder:
    """Trained candidates of one budget by accuracy and by place in the partial order."""

    def __init__(self, merit: Objective, cost: Objective) -> None:
        """Begin without a trial.

        Args:
            merit: Which accuracy the assumption is about; its tie width is that of the rule.
            cost: What is counted or timed before a training.
        """
        self._merit, self._cost = merit, cost
        self._plain = (_without_tie(merit), _without_tie(cost))
        self._front = GrowingFront(self._plain)
        self._by_frame: dict[Hashable, list[tuple[float, int, OrderPlace]]] = defaultdict(list)
        """Least accurate first."""

    def add(self, trial: Trial) -> None:
        """Take in a finished trial; one without numbers changes nothing."""
        if not trial.succeeded:
            return
        self._front.add(trial)
        place = order_place(trial.proposal.arch)
        entry = self._merit.of(trial), trial.number, place
        insort(self._by_frame[place.frame], entry, key=lambda item: item[:2])

    def rule_for(self, arch: DetectorArch) -> PruneRule | None:
        """Return what would have ``arch`` pruned, or None where nothing would.

        Of all w that it precedes, the least accurate one decides: it has the cheapest y_w.
        """
        place = order_place(arch)
        found = next(
            (item for item in self._by_frame.get(place.frame, ()) if place.precedes(item[2])), None
        )
        if found is None:
            return None
        enough = found[0] + self._merit.utility_tie
        able = [trial for trial in self._front.members if self._merit.of(trial) >= enough]
        better = max(able, key=self._cost.of, default=None)
        if better is None or better.number == found[1]:
            return None
        return PruneRule(
            larger=found[1],
            better=better.number,
            metric=self._cost.metric,
            limit=better.value(self._cost.metric),
            merit=self._merit.metric,
            bound=better.value(self._merit.metric),
        )


def _without_tie(objective: Objective) -> Objective:
    return objective.model_copy(update={"tie": 0.0})
