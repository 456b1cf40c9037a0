"""The end of a search: which candidates get the final training."""

from collections.abc import Sequence

from smnas.arch import DetectorArch
from smnas.search.settings import SearchSettings
from smnas.space.coding import as_built
from smnas.trial.front import front, spread_along
from smnas.trial.trial import Trial


def choose_finalists(trials: Sequence[Trial], settings: SearchSettings) -> list[Trial]:
    """Return the candidates to train again for longer, in rising order of cost.

    They are the front of both stages on the objectives of the search, thinned to
    ``settings.finals`` evenly along its cost (log latency, unless told otherwise), with the most
    accurate member always among them. Where the stages had different budgets, each has a front of
    its own, and the most accurate one is stage two's.
    """
    candidates = [trial for trial in trials if trial.proposal.is_candidate]
    members: list[Trial] = []
    for budget in dict.fromkeys([settings.stage_two.epochs, settings.stage_one.epochs]):
        equals = [trial for trial in candidates if trial.proposal.budget.epochs == budget]
        members += front(equals, settings.stage_one_objectives)
    members = _one_per_arch(members, settings)
    if not members:
        return []
    first = members[0].proposal.budget
    best = max(
        (trial for trial in members if trial.proposal.budget == first),
        key=lambda trial: (settings.merit.of(trial), settings.cost.of(trial), -trial.number),
    )
    return _include(spread_along(members, settings.cost, settings.finals), best, settings)


def final_arch(arch: DetectorArch, settings: SearchSettings) -> DetectorArch:
    """Return ``arch`` with the norm that ships."""
    return arch.replace(norm=settings.final_norm)


def _one_per_arch(members: list[Trial], settings: SearchSettings) -> list[Trial]:
    """Return the members without those whose final would build the network of an earlier one."""
    by_arch: dict[DetectorArch, Trial] = {}
    for trial in members:
        by_arch.setdefault(as_built(final_arch(trial.proposal.arch, settings)), trial)
    return list(by_arch.values())


def _include(chosen: list[Trial], wanted: Trial, settings: SearchSettings) -> list[Trial]:
    """Return ``chosen`` with ``wanted`` in the place of the member nearest to it in cost."""
    if any(trial.number == wanted.number for trial in chosen):
        return chosen

    place = settings.cost.of
    nearest = min(chosen, key=lambda trial: abs(place(trial) - place(wanted)))
    kept = [wanted if trial is nearest else trial for trial in chosen]
    return spread_along(kept, settings.cost, len(kept))
