"""How far the rungs of a search could be trusted, from those that were trained to the end."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

from smnas.trial.budget import Budget
from smnas.trial.correlation import kendall, without
from smnas.trial.cost_bins import cost_bin
from smnas.trial.front import Objective, front, pareto_ranks
from smnas.trial.trial import Trial


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau of a rung's accuracies with those of the top, over so many trainings."""

    pairs: int
    tau: float | None


@dataclass(frozen=True)
class RungRecord:
    """What one rung said of the trainings that went from it to the top."""

    budget: Budget
    trials: int
    """That finished at the rung, whether they went up or not."""
    overall: Agreement
    families: dict[str, Agreement]
    """By kind of head."""
    beyond_macs: Agreement
    """Of what the logarithm of multiply-adds does not explain of both."""
    front: int
    """Members of the front of the top that have been at the rung."""
    dropped: int
    """Of these, those that had not been among the best of the rung, had all been there at once."""


def rung_records(
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    merit: Objective,
    cost: Objective,
    eta: int,
) -> list[RungRecord]:
    """Return the record of each rung from which trainings went to the top, lowest first.

    What was never sent up is not known at the top, so rungs look a little better here than they
    are. A member counts as dropped where so many were plainly ahead in its rung, by front rank
    inside their bins of cost, that one in ``eta`` would not have reached it.

    Args:
        trials: Of a run.
        objectives: What the front of the top is taken over.
        merit: The accuracy that is compared.
        cost: What bins are made of.
        eta: About one in so many goes up.
    """
    asked = [*objectives, merit, cost]
    known = [t for t in trials if t.succeeded and t.proposal.is_candidate and _holds(t, asked)]
    higher = {t.proposal.continues: t for t in known}
    by_budget: dict[Budget, list[Trial]] = defaultdict(list)
    for trial in known:
        by_budget[trial.proposal.budget].append(trial)
    records: list[RungRecord] = []
    for budget in sorted(
        (b for b in by_budget if b.is_rung), key=lambda b: (b.schedule.epochs, b.epochs)
    ):
        pairs = [(low, top) for low in by_budget[budget] if (top := _end(low, higher)) is not None]
        if pairs:
            best = front(by_budget[budget.schedule], objectives)
            records.append(_record(by_budget[budget], pairs, best, objectives, (merit, cost), eta))
    return records


def _record(
    rung: list[Trial],
    pairs: list[tuple[Trial, Trial]],
    best: list[Trial],
    objectives: Sequence[Objective],
    axes: tuple[Objective, Objective],
    eta: int,
) -> RungRecord:
    merit, cost = axes
    families: dict[str, list[tuple[Trial, Trial]]] = defaultdict(list)
    for pair in pairs:
        families[pair[0].proposal.arch.head.kind].append(pair)
    ranks = _ranks(rung, objectives, cost)
    members = {trial.number for trial in best}
    tops = [low for low, top in pairs if top.number in members]
    room = ceil(len(rung) / eta)
    ahead = [sum(rank < ranks[low.number] for rank in ranks.values()) for low in tops]
    return RungRecord(
        budget=rung[0].proposal.budget,
        trials=len(rung),
        overall=_agreement(pairs, merit),
        families={name: _agreement(found, merit) for name, found in sorted(families.items())},
        beyond_macs=_agreement_beyond_macs(pairs, merit),
        front=len(tops),
        dropped=sum(count >= room for count in ahead),
    )


def _end(trial: Trial, higher: dict[int | None, Trial]) -> Trial | None:
    """Return the whole training that began as ``trial``, or None where it was cut short."""
    while trial.proposal.budget.is_rung:
        if trial.number not in higher:
            return None
        trial = higher[trial.number]
    return trial


def _ranks(rung: list[Trial], objectives: Sequence[Objective], cost: Objective) -> dict[int, int]:
    bins: dict[int, list[Trial]] = defaultdict(list)
    for trial in rung:
        bins[cost_bin(trial, cost)].append(trial)
    return {
        trial.number: rank or 0
        for members in bins.values()
        for trial, rank in zip(members, pareto_ranks(members, objectives), strict=True)
    }


def _agreement(pairs: list[tuple[Trial, Trial]], merit: Objective) -> Agreement:
    low, top = ([merit.of(pair[side]) for pair in pairs] for side in (0, 1))
    return Agreement(len(pairs), kendall(low, top))


def _agreement_beyond_macs(pairs: list[tuple[Trial, Trial]], merit: Objective) -> Agreement:
    counted = [pair for pair in pairs if pair[0].measurement("macs_g") is not None]
    macs = [log(low.value("macs_g")) for low, _ in counted]
    low, top = (without([merit.of(pair[side]) for pair in counted], macs) for side in (0, 1))
    return Agreement(len(counted), kendall(low, top))


def _holds(trial: Trial, objectives: Sequence[Objective]) -> bool:
    return all(trial.measurement(o.metric, o.split) is not None for o in objectives)
