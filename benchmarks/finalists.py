"""Who should get the final training? Rules that choose finalists, judged by the closed tables.

.venv/bin/python benchmarks/finalists.py --seeds 100

SM-NAS plays on a table with CANDIDATES candidates that are trained to one of its lower rungs. Then
each rule chooses, and the table knows what the chosen ones come to at the top:
- ours: the rule of `smnas.search.finals`.
- spread: the front, spread evenly along log latency, its most accurate member always among them.

score is the hypervolume of those chosen that are on their front at the top (by validation AP), by
test AP and log latency, as a share of that of the whole table's front; recommended_ap and _ms are
of the one that a search would recommend by validation AP; seconds are those of the final
trainings. All are means over seeds; score_gain is ours over spread, with its interval.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from closed_table import ClosedTable, find_tables
from entries import Entry, make_entry, top_of
from replay import Replay, make_settings, measured
from results import RESULTS, make_parser, write_result

from smnas.report.members import recommended
from smnas.search import Algorithm, SearchSettings
from smnas.search.finals import choose_finalists
from smnas.seeding import generator
from smnas.trial.budget import Budget
from smnas.trial.front import front, spread_along
from smnas.trial.trial import Outcome, Proposal, Trial

CANDIDATES = 24
GROUPS, STARTS = 2, 6
"""The micro space's own for so few candidates."""
TIE = 0.03
"""About the noise floor of a table's validation pictures."""
FINALS = (3, 5)
REPLICATES = 2000

Rule = Callable[[Sequence[Trial], SearchSettings], Sequence[Trial]]


class _Watched:
    """An algorithm, and the trials that it was shown last."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        self.trials: Sequence[Trial] = ()

    def ask(self, trials: Sequence[Trial], slots: int) -> list[Proposal]:
        self.trials = trials
        return self._algorithm.ask(trials, slots)

    def done(self, trials: Sequence[Trial]) -> bool:
        return self._algorithm.done(trials)


def main() -> None:
    """Play on every table, and write what each rule's finals come to."""
    parser = make_parser(__doc__, "finalists")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--tables", type=Path, default=RESULTS, help="folder of the tables")
    arguments = parser.parse_args()
    numbers: dict[str, Any] = {"seeds": arguments.seeds, "candidates": CANDIDATES, "tie": TIE}
    numbers["interval_rule"] = "95 %: paired seeds drawn again"
    for name, files in find_tables(arguments.tables).items():
        table = files()
        *lower, _ = (rung.epochs for rung in table.trained[0].trainings[0])
        numbers[name] = {
            f"candidates of {epochs} epochs": compare(table, epochs, range(arguments.seeds))
            for epochs in lower
        }
    write_result(arguments.json, numbers, arguments.device)


def compare(table: ClosedTable, epochs: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Return for each number of finals what the rules come to."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {
        f"finals_{finals}": {name: [] for name in RULES} for finals in FINALS
    }
    for seed in seeds:
        settings = short_settings(table, epochs, seed)
        trials = search(table, settings)
        for finals in FINALS:
            told = settings.model_copy(update={"finals": finals})
            for name, rule in RULES.items():
                judged = judge(table, [t.proposal for t in rule(trials, told)], seed)
                found[f"finals_{finals}"][name].append(judged)
    return {name: sum_up(rules) for name, rules in found.items()}


def short_settings(table: ClosedTable, epochs: int, seed: int) -> SearchSettings:
    """Return the settings of a search whose candidates are trained to a rung of the table."""
    budget, top = Budget(epochs=epochs), top_of(table)
    told = {"trials": CANDIDATES, "groups": GROUPS, "seeds": STARTS, "ap_tie": TIE, "final": top}
    return make_settings(seed, budget, **told)


def search(table: ClosedTable, settings: SearchSettings) -> list[Trial]:
    """Return the trials of a search up to its finals."""
    watched = _Watched(make_entry(Entry(algorithm="smnas"), settings, table))
    Replay(table, settings, slots=1).play(watched, until=np.inf)
    return [trial for trial in watched.trials if trial.outcome is not None]


def spread(trials: Sequence[Trial], settings: SearchSettings) -> Sequence[Trial]:
    """Return members of the front, both ends among them, and the most accurate in any case."""
    members = front([t for t in trials if t.proposal.is_candidate], settings.stage_one_objectives)
    chosen = spread_along(members, settings.cost, settings.finals)
    best = max(members, key=settings.merit.of)
    return chosen if best in chosen else [*chosen[:-1], best]


def judge(table: ClosedTable, finals: Sequence[Proposal], seed: int) -> dict[str, float]:
    """Return what finals come to at the top, in the training that ``seed`` draws."""
    top = top_of(table)
    ended: list[Trial] = []
    seconds: list[float] = []
    for number, proposal in enumerate(finals):
        member = table.members[proposal.arch]
        rung = member.trainings[seed % len(member.trainings)][-1]
        outcome = Outcome(measurements=measured(member, rung))
        told = proposal.model_copy(update={"budget": top, "continues": None})
        ended.append(Trial(number=number, proposal=told, outcome=outcome))
        seconds.append(rung.epochs * rung.seconds_per_epoch)
    objectives = make_settings(seed, top, trials=2).stage_one_objectives
    best = recommended(ended, objectives)
    assert best is not None
    return {
        "score": table.score([trial.proposal.arch for trial in front(ended, objectives)]),
        "recommended_ap": table.members[best.proposal.arch].ap_test,
        "recommended_ms": best.value("latency_ms"),
        "seconds": sum(seconds),
    }


def sum_up(rules: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Return the means of each rule, and how much more ours scores than the spread."""
    means = {
        name: {key: round(fmean(row[key] for row in rows), 4) for key in rows[0]}
        for name, rows in rules.items()
    }
    ours, theirs = (np.array([row["score"] for row in rules[name]]) for name in RULES)
    drawn = generator(0, "finalists").integers(0, len(ours), (REPLICATES, len(ours)))
    again = (ours - theirs)[drawn].mean(axis=1)
    low, high = (round(float(end), 4) for end in np.percentile(again, [2.5, 97.5]))
    return {
        **means,
        "score_gain": round(fmean(ours - theirs), 4),
        "score_gain_interval": [low, high],
    }


RULES: dict[str, Rule] = {"ours": choose_finalists, "spread": spread}


if __name__ == "__main__":
    main()
