"""Whose turn it is to propose something new: stage one, or one of the groups of stage two."""

from collections.abc import Hashable, Iterator, Sequence

from smnas.search.allocation import rank_arms
from smnas.search.groups import Group, Groups
from smnas.search.history import History
from smnas.search.settings import SearchSettings
from smnas.search.stopping import stage_one_is_over
from smnas.trial.trial import Trial

HALF = 0.5
"""Of its share stage one has so much before groups compete with it for the budget."""


class Turns:
    """Divides what is new between stage one and the groups; keeps nothing of its own."""

    def __init__(self, history: History, groups: Groups, settings: SearchSettings) -> None:
        """Take what was tried, and what chooses the groups."""
        self._history, self._groups, self._settings = history, groups, settings

    def order(self, front: Sequence[Trial]) -> Iterator[Group | None]:
        """Yield whose turn it is, and who follows where that one has nothing: None, stage one.

        Where all groups are used up, further ones follow, and then stage one beyond its share.

        Args:
            front: The structures that groups are chosen from.
        """
        yield from self._planned(front)
        if front and self.may_search_groups():
            yield from self._groups.others(front)
            yield None

    def _planned(self, front: Sequence[Trial]) -> Iterator[Group | None]:
        history, settings = self._history, self._settings
        used = history.spent[1].epochs / (settings.stage_one_trials * settings.stage_one.epochs)
        if settings.parts.allocation == "gain" and used >= HALF and front:
            yield from self._by_gain(self._groups.choose(front))
            return
        if not stage_one_is_over(history, settings):
            yield None
        if self.may_search_groups():
            groups = self._groups.choose(front)
            yield from sorted(groups, key=lambda group: history.in_group[group[1].frame])

    def may_search_groups(self) -> bool:
        """Return whether groups can be chosen: what stage one has found is known."""
        spent = self._history.spent[2]
        return bool(spent.trials + spent.refused) or not self._history.unfinished(1)

    def _by_gain(self, groups: Sequence[Group]) -> Iterator[Group | None]:
        history, settings = self._history, self._settings
        arms: dict[Hashable, Group | None] = {1: None, **{g[1].frame: g for g in groups}}
        budgets = dict.fromkeys((*settings.ladder(1), *settings.ladder(2)))
        found = [item for budget in budgets for item in history.gains.of(budget)]
        found.sort(key=lambda item: item[0].number)
        finished = ((history.arm_of(t), gain, float(history.epochs_of(t))) for t, gain in found)
        running = [(history.arm_of(t), float(history.epochs_of(t))) for t in history.running()]
        yield from (arms[arm] for arm in rank_arms(list(arms), finished, running))
