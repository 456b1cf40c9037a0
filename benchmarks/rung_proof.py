"""How far rungs can be trusted, told by the whole closed table; nothing is searched.

.venv/bin/python benchmarks/rung_proof.py

For each rung, by validation AP of one training as a search sees it:
- tau: Kendall's, with the same training at the top; over all, by family of heads, and of what log
  multiply-adds do not explain. tau_test: with the mean over seeds of test AP at the top.
- dropped: the share of the true front that would not go up, were all members there at once. True is
  test AP (mean over seeds) and latency. `ours` is the rule of `smnas.search.rungs`, `front_rank`
  that of MO-ASHA (the best 1 / eta by front rank), `ap` the best 1 / eta by AP alone.

dropped_in_a_row is the share that does not come to the top when only those go on that went up.
All numbers are means over trainings: the first seed of every member, the second where there is one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from closed_table import ClosedTable, Member, find_tables
from entries import top_of
from replay import make_settings, measured
from results import RESULTS, make_parser, write_result

from smnas.search import SearchSettings
from smnas.search.promotion import AshaRung, PromotionRule
from smnas.search.rungs import Rung
from smnas.trial.budget import Budget
from smnas.trial.correlation import kendall
from smnas.trial.rung_record import rung_records
from smnas.trial.trial import Origin, Outcome, Proposal, Trial

ETA = 3
"""That the table's rungs were made with."""
Ladder = tuple[Trial, ...]
"""One training of a member, as a trial for each rung, lowest first."""


def main() -> None:
    """Compare the rungs, and write what they would have dropped."""
    parser = make_parser(__doc__, "rung_proof")
    parser.add_argument("--tables", type=Path, default=RESULTS, help="folder of the tables")
    arguments = parser.parse_args()
    tables = find_tables(arguments.tables)
    numbers = {"eta": ETA, **{name: prove(table()) for name, table in tables.items()}}
    write_result(arguments.json, numbers, arguments.device)


def prove(table: ClosedTable) -> dict[str, Any]:
    """Return what each rung says and drops, averaged over trainings."""
    settings = make_settings(0, top_of(table), trials=len(table.trained))
    seeds = max(len(member.trainings) for member in table.trained)
    found = [look(table, settings, seed) for seed in range(seeds)]
    sizes = {"members": len(table.trained), "front": len(table.front), "seeds": seeds}
    return {**sizes, **average(found)}


def look(table: ClosedTable, settings: SearchSettings, seed: int) -> dict[str, Any]:
    """Return the numbers of one training of each member."""
    ladders = [climb(member, number, seed) for number, member in enumerate(table.trained)]
    truth = [member.ap_test for member in table.trained]
    front = {member.arch for member in table.front}
    objectives, merit, cost = settings.stage_one_objectives, settings.merit, settings.cost
    everyone = [trial for ladder in ladders for trial in ladder]
    records = rung_records(everyone, objectives, merit, cost, ETA)
    rungs: dict[str, Any] = {}
    for at, trials in enumerate(zip(*ladders, strict=True)):
        values = {"tau_test": kendall([trial.value("ap") for trial in trials], truth)}
        if at < len(records):
            record = records[at]
            values["tau"] = record.overall.tau
            values["tau_beyond_macs"] = record.beyond_macs.tau
            values["tau_by_family"] = {kind: a.tau for kind, a in record.families.items()}
            values["dropped"] = {
                name: missing(front, go_up(make(settings, at), trials))
                for name, make in RULES.items()
            }
        rungs[str(trials[0].proposal.budget)] = values
    in_a_row = {
        name: missing(front, arrive(make, settings, ladders)) for name, make in RULES.items()
    }
    return {"rungs": rungs, "dropped_in_a_row": in_a_row}


def climb(member: Member, number: int, seed: int) -> Ladder:
    """Return the trials of one training, which is the member's last where it has none so far."""
    rungs = member.trainings[min(seed, len(member.trainings) - 1)]
    trials: list[Trial] = []
    for at, rung in enumerate(rungs):
        own = number * len(rungs) + at
        proposal = Proposal(
            arch=member.arch,
            stage=1,
            origin=Origin(operator="promote" if at else "sample"),
            budget=Budget(epochs=rung.epochs, horizon_epochs=rungs[-1].epochs),
            seed=seed,
            continues=own - 1 if at else None,
        )
        outcome = Outcome(measurements=measured(member, rung))
        trials.append(Trial(number=own, proposal=proposal, outcome=outcome))
    return tuple(trials)


MakeRule = Callable[[SearchSettings, int], PromotionRule]
RULES: dict[str, MakeRule] = {
    "ours": lambda s, at: Rung(s.stage_one_objectives, s.cost, lowest=at == 0),
    "front_rank": lambda s, _: AshaRung(s.stage_one_objectives),
    "ap": lambda s, _: AshaRung([s.merit.model_copy(update={"tie": 0.0})]),
}
"""By name: what makes a rung, whose place from the bottom is told."""


def go_up(rule: PromotionRule, trials: Sequence[Trial]) -> list[Trial]:
    """Return those that go up, were all there at once."""
    for trial in trials:
        rule.add(trial)
    gone: list[Trial] = []
    while (best := rule.next_up(ETA)) is not None:
        rule.promote(best)
        gone.append(best)
    return gone


def arrive(make: MakeRule, settings: SearchSettings, ladders: Sequence[Ladder]) -> list[Trial]:
    """Return those that come to the top, rung after rung."""
    trial_of = {trial.number: trial for ladder in ladders for trial in ladder}
    here = [ladder[0] for ladder in ladders]
    for at in range(len(ladders[0]) - 1):
        here = [trial_of[trial.number + 1] for trial in go_up(make(settings, at), here)]
    return here


def missing(front: set[Any], gone: Sequence[Trial]) -> float:
    """Return the share of the front that is not among those that went up."""
    return len(front - {trial.proposal.arch for trial in gone}) / len(front)


def average(found: Sequence[Any]) -> Any:
    """Return the mean of numbers, or of dicts of them value by value; None where one is None."""
    if isinstance(found[0], dict):
        return {key: average([one[key] for one in found]) for key in found[0]}
    return None if any(value is None for value in found) else round(fmean(found), 4)


if __name__ == "__main__":
    main()
