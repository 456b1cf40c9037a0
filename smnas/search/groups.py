"""The structures that stage two searches around."""

from collections.abc import Hashable, Sequence

from smnas.search.settings import SearchSettings
from smnas.space.modular import ModularSpace
from smnas.space.neighbourhood import Neighbourhood
from smnas.trial.front import spread_along
from smnas.trial.trial import Trial

Group = tuple[Trial, Neighbourhood]
"""The trial of stage one that stands for a neighbourhood, and the neighbourhood."""


class Groups:
    """Chooses structures from the front of stage one; what it keeps saves work."""

    def __init__(self, modular: ModularSpace, settings: SearchSettings) -> None:
        """Take where neighbourhoods come from, and how many are chosen."""
        self._modular, self._settings = modular, settings
        self._latest: tuple[list[int], list[Group]] = [], []

    def choose(self, best: Sequence[Trial]) -> list[Group]:
        """Return groups around members of the front ``best``, spread along log cost.

        Structures that differ in nothing but what stage two searches share a neighbourhood; the
        most accurate one stands for it.
        """
        return self._order(best)[: self._settings.groups]

    def others(self, best: Sequence[Trial]) -> list[Group]:
        """Return those that were not chosen; their turn comes once the chosen are used up."""
        return self._order(best)[self._settings.groups :]

    def _order(self, best: Sequence[Trial]) -> list[Group]:
        numbers = [trial.number for trial in best]
        if self._latest[0] != numbers:
            self._latest = numbers, self._find(best)
        return self._latest[1]

    def _find(self, best: Sequence[Trial]) -> list[Group]:
        """Return the groups around all of ``best``, those to be chosen first."""
        settings = self._settings
        groups: dict[Hashable, Group] = {}
        for trial in sorted(best, key=lambda t: (-settings.merit.of(t), t.number)):
            around = self._modular.around(trial.proposal.arch)
            groups.setdefault(around.frame, (trial, around))
        around_of = {trial.number: around for trial, around in groups.values()}
        representatives = [trial for trial, _ in groups.values()]
        chosen = spread_along(representatives, settings.cost, settings.groups)
        first = {trial.number for trial in chosen}
        others = [trial for trial in representatives if trial.number not in first]
        return [(trial, around_of[trial.number]) for trial in (*chosen, *others)]
