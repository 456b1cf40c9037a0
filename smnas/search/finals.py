"""The end of a search: which candidates get the final training."""

from collections.abc import Sequence

from smnas.arch import DetectorArch
from smnas.search.settings import SearchSettings
from smnas.space.coding import as_built
from smnas.trial.front import pareto_ranks, plausible, spread_along
from smnas.trial.repeats import merge_repeats
from smnas.trial.trial import Trial

_PLAUSIBLE = 1
"""The layer behind the fronts of what was trained to the end; ranks count by twos."""


def choose_finalists(trials: Sequence[Trial], settings: SearchSettings) -> list[Trial]:
    """Return the candidates to train again for longer, in rising order of cost.

    They are the front of both stages on the objectives of the search, thinned to
    ``settings.finals`` evenly along its cost (log latency, unless told otherwise), with the most
    accurate member always among them. Where the stages had different budgets, each has a front of
    its own, and the most accurate one is stage two's. Repeats of a training count as one with their
    means; who was cut short at a rung is a finalist only where too few were trained to the end.

    A short training flatters the small networks, which learn sooner. So one place of three or more
    is kept for a candidate behind the front that no other is known to beat (``plausible``), where
    there is one; what the front does not fill goes to more of them, then to those next behind the
    front; always the most unlike in cost first.
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
    places = settings.finals - (settings.finals > 2 and _PLAUSIBLE in layers)
    chosen = _include(spread_along(members, settings.cost, places), best, settings)
    for layer in behind:
        while layer and len(chosen) < settings.finals:
            chosen.append(layer.pop(_most_unlike(layer, chosen, settings)))
    return spread_along(chosen, settings.cost, len(chosen))


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
    """Return the position of the trial that is farthest in cost from its nearest chosen one."""
    taken = [settings.cost.of(trial) for trial in chosen]
    gaps = [min(abs(settings.cost.of(trial) - place) for place in taken) for trial in layer]
    return gaps.index(max(gaps))


def final_archs(arch: DetectorArch, settings: SearchSettings) -> list[DetectorArch]:
    """Return ``arch`` with each of the norms that ship: another norm is another detector."""
    return [arch.replace(norm=norm) for norm in settings.final_norms]


def _one_per_arch(members: list[Trial], settings: SearchSettings) -> list[Trial]:
    """Return the members without those whose final would build the network of an earlier one."""
    by_arch: dict[DetectorArch, Trial] = {}
    for trial in members:
        by_arch.setdefault(as_built(final_archs(trial.proposal.arch, settings)[0]), trial)
    return list(by_arch.values())


def _include(chosen: list[Trial], wanted: Trial, settings: SearchSettings) -> list[Trial]:
    """Return ``chosen`` with ``wanted`` in the place of the member nearest to it in cost."""
    if any(trial.number == wanted.number for trial in chosen):
        return chosen

    place = settings.cost.of
    nearest = min(chosen, key=lambda trial: abs(place(trial) - place(wanted)))
    kept = [wanted if trial is nearest else trial for trial in chosen]
    return spread_along(kept, settings.cost, len(kept))
