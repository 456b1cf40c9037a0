"""The end of a search: which candidates get the final training."""

from collections.abc import Sequence

import moocore
import numpy as np

from smnas.arch import DetectorArch
from smnas.search.settings import SearchSettings
from smnas.space.coding import as_built
from smnas.trial.budget import Budget
from smnas.trial.front import pareto_ranks, plausible, spread_along
from smnas.trial.repeats import merge_repeats
from smnas.trial.trial import Trial

_PLAUSIBLE = 1
"""The layer behind the fronts of what was trained to the end; ranks count by twos."""
_MARGIN = 0.05
"""By which the corner of the dominated area lies beyond the dearest, of the range of costs."""


def choose_finalists(trials: Sequence[Trial], settings: SearchSettings) -> list[Trial]:
    """Return the candidates to train again for longer, in rising order of cost.

    They are of the front of both stages on the objectives of the search: first its most accurate
    member, then, one by one, ``settings.finals`` in all, whoever adds most to the area that those
    chosen dominate in accuracy and cost (log latency, unless told otherwise). So nobody gets a
    place for being fast alone, as both ends of an even spread would. Where the stages had different
    budgets, each has a front of its own, the most accurate one is stage two's, and accuracies count
    as shares of the best of their budget. Repeats of a training count as one with their means; who
    was cut short at a rung is a finalist only where too few were trained to the end.

    A short training flatters the small networks, which learn sooner. So one place of four or more
    is kept for a candidate behind the front that no other is known to beat (``plausible``), where
    there is one; what the front does not fill goes to more of them, then to those next behind the
    front; always the most unlike in cost first, of those dearer than the cheapest chosen one.
    """
    layers = _layers(trials, settings)
    if not layers:
        return []
    members, *behind = layers.values()
    first = members[0].proposal.budget
    best = max(
        (trial for trial in members if trial.proposal.budget == first),
        key=lambda trial: (settings.merit.of(trial), settings.cost.of(trial), -trial.number),
    )
    places = settings.finals - (settings.finals > 3 and _PLAUSIBLE in layers)
    chosen = _cover(members, best, places, settings)
    for layer in behind:
        while layer and len(chosen) < settings.finals:
            chosen.append(layer.pop(_most_unlike(layer, chosen, settings)))
    return spread_along(chosen, settings.cost, len(chosen))


def _cover(
    members: Sequence[Trial], first: Trial, count: int, settings: SearchSettings
) -> list[Trial]:
    """Return ``count`` members, ``first`` among them, that dominate much of what all dominate."""
    best: dict[Budget, float] = {}
    for trial in members:
        merit, budget = settings.merit.of(trial), trial.proposal.budget
        best[budget] = max(merit, best.get(budget, 0.0))
    shares = [settings.merit.of(trial) / (best[trial.proposal.budget] or 1.0) for trial in members]
    costs_N = np.array([settings.cost.of(trial) for trial in members])
    rows_N2 = np.column_stack([shares, costs_N])
    corner = [0.0, costs_N.min() - _MARGIN * np.ptp(costs_N)]
    chosen, left = [members.index(first)], [*range(len(members))]
    while len(chosen) < min(count, len(members)):
        left = [at for at in left if at not in chosen]
        areas = [
            moocore.hypervolume(rows_N2[[*chosen, at]], ref=corner, maximise=True) for at in left
        ]
        chosen.append(left[int(np.argmax(areas))])
    return [members[at] for at in chosen]


def _layers(trials: Sequence[Trial], settings: SearchSettings) -> dict[int, list[Trial]]:
    """Return the fronts, then what is plausible, then the rest by rank; each network once."""
    candidates = merge_repeats([trial for trial in trials if trial.proposal.is_candidate])
    objectives = settings.stage_one_objectives
    layer_of: dict[int, int] = {}
    for steps_below in range(settings.parts.rungs):
        for budget in dict.fromkeys(settings.budgets_below_top(steps_below)):
            equals = [trial for trial in candidates if trial.proposal.budget == budget]
            unbeaten = {trial.number for trial in plausible(equals, objectives, settings.merit)}
            for trial, rank in zip(equals, pareto_ranks(equals, objectives), strict=True):
                if rank is not None:
                    layer = _PLAUSIBLE if rank and trial.number in unbeaten else 2 * rank
                    layer_of[trial.number] = layer + 2 * len(trials) * steps_below
    ranked = [trial for trial in candidates if trial.number in layer_of]
    ranked.sort(
        key=lambda t: (layer_of[t.number], t.proposal.budget.schedule != settings.stage_two)
    )
    layers: dict[int, list[Trial]] = {}
    for trial in _one_per_arch(ranked, settings):
        layers.setdefault(layer_of[trial.number], []).append(trial)
    return layers


def _most_unlike(layer: list[Trial], chosen: list[Trial], settings: SearchSettings) -> int:
    """Return the position of the trial that is farthest in cost from its nearest chosen one.

    What is cheaper than all chosen ones was not undersold by a short training, which flatters it.
    """
    taken = [settings.cost.of(trial) for trial in chosen]
    places = [settings.cost.of(trial) for trial in layer]
    gaps = [min(abs(place - other) for other in taken) for place in places]
    return max(range(len(layer)), key=lambda at: (places[at] < max(taken), gaps[at], -at))


def final_archs(arch: DetectorArch, settings: SearchSettings) -> list[DetectorArch]:
    """Return ``arch`` with each of the norms that ship: another norm is another detector."""
    return [arch.replace(norm=norm) for norm in settings.final_norms]


def _one_per_arch(members: list[Trial], settings: SearchSettings) -> list[Trial]:
    """Return the members without those whose final would build the network of an earlier one."""
    by_arch: dict[DetectorArch, Trial] = {}
    for trial in members:
        by_arch.setdefault(as_built(final_archs(trial.proposal.arch, settings)[0]), trial)
    return list(by_arch.values())
