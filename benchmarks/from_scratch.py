"""How fast do micro candidates learn from scratch, and is what they learn more than a lottery?

.venv/bin/python benchmarks/from_scratch.py --processes 2 --budget-minutes 10

Three studies on `scenes`, AP on the validation pictures:
- table-4: BN, GN, and GN + WS with the paper's optimizer, each at three rates and two batch sizes.
- recipe: one factor at a time from the recipe's defaults and GN + WS, then the changes that helped
  together.
- members: 12 members of the closed table, as they are trained there, at its budget and at twice
  that. Seeds shall differ by at most a third of what members do, and twice the budget shall keep
  their order.

Each finished training is written at once to --records; what is there is not trained again. The
summary is written whenever the script ends; what it cannot say yet is null.
"""

import statistics
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from from_scratch_studies import (
    DATA,
    EPOCHS,
    FACTORS,
    GN_WS,
    MEMBERS,
    NORMS,
    combined,
    member_study,
    recipe_factors,
    table_4,
)
from journal import Journal, Record
from results import RESULTS, make_parser, write_result
from scipy.stats import kendalltau
from side_by_side import Piece, finish
from table_members import draw_spread

SEEDS = 3
Values = dict[str, list[float]]
"""AP of each seed, by label."""


def main() -> None:
    """Train what is missing, as long as the time allows, then sum up."""
    parser = make_parser(__doc__, "from_scratch")
    parser.add_argument("--records", type=Path, default=RESULTS / "from_scratch.jsonl")
    parser.add_argument("--processes", type=int, default=1, help="trainings at a time")
    parser.add_argument("--budget-minutes", type=float, help="begin nothing after that; else all")
    parser.add_argument("--most", type=int, help="trainings to add at most")
    arguments = parser.parse_args()
    journal = Journal(arguments.records)
    finish(
        journal,
        partial(next_training, journal),
        processes=arguments.processes,
        minutes=arguments.budget_minutes,
        most=arguments.most,
        tell=tell,
    )
    write_result(arguments.json, sum_up(journal), arguments.device)


def next_training(journal: Journal, begun: Collection[str]) -> Piece | None:
    """Return the first training that was not begun; one seed of everything, then the next.

    Which changes are made together follows from the whole study of the recipe.
    """
    plain = (
        case
        for study in (member_study, lambda seed: [*recipe_factors(seed), *table_4(seed)])
        for seed in range(SEEDS)
        for case in study(seed)
    )
    found = next((case for case in plain if case.training.key not in begun), None)
    if found is None and is_whole(recipe := gather(journal, "recipe")):
        changes = helpful_changes(recipe)
        together = (combined(changes, seed) for seed in range(SEEDS))
        found = next((case for case in together if case.training.key not in begun), None)
    if found is None:
        return None
    labels = {"study": found.study, "label": found.label}
    return Piece(found.training.key, found.training.run, labels)


def tell(record: Record) -> None:
    """Print what a training came to."""
    print(f"{record['study']}: {record['label']}: AP {record['ap_val']:.3f}", flush=True)


def gather(journal: Journal, study: str) -> Values:
    """Return the AP of all finished trainings of a study, in the order of the seeds."""
    cases = {
        "table-4": table_4,
        "recipe": recipe_factors,
        "members": member_study,
    }[study]
    found: Values = defaultdict(list)
    for seed in range(SEEDS):
        for case in cases(seed):
            if case.training.key in journal:
                found[case.label].append(journal[case.training.key]["ap_val"])
    return found


def is_whole(recipe: Values) -> bool:
    """Return whether the study of the recipe has all its trainings."""
    return len(recipe) == len(FACTORS) and all(len(seeds) == SEEDS for seeds in recipe.values())


def helpful_changes(found: Values) -> list[str]:
    """Return the best change of each factor, where it is better than the default beyond noise.

    Noise is the standard error of the difference of two means, its deviation pooled over all
    changes.
    """
    error = seed_deviation(found) * (2 / SEEDS) ** 0.5
    default = statistics.mean(found["default"])
    best: dict[str, tuple[float, str]] = {}
    for label in FACTORS:
        factor = label.partition("=")[0]
        gain = statistics.mean(found[label]) - default
        if factor != "default" and gain > error:
            best[factor] = max(best.get(factor, (0.0, "")), (gain, label))
    return [label for _, label in best.values()]


def seed_deviation(found: Values) -> float:
    """Return the standard deviation between trainings of equal label, pooled over labels."""
    variances = [statistics.variance(values) for values in found.values() if len(values) > 1]
    return statistics.mean(variances) ** 0.5


def sum_up(journal: Journal) -> dict[str, Any]:
    """Return the numbers of all three studies; None where trainings are missing."""
    table, recipe, members = (gather(journal, name) for name in ("table-4", "recipe", "members"))
    numbers: dict[str, Any] = {"data": DATA, "epochs": EPOCHS, "seeds": SEEDS, "arch": GN_WS}
    numbers["trainings"] = len(journal)
    numbers |= {f"ap_{norm}": best_cell(table, norm) for norm in NORMS}
    whole = is_whole(recipe)
    together: Values = {}
    if whole:
        label = combined(helpful_changes(recipe), 0).label
        cases = [combined(helpful_changes(recipe), seed) for seed in range(SEEDS)]
        keys = [case.training.key for case in cases]
        if all(key in journal for key in keys):
            together = {label or "default": [journal[key]["ap_val"] for key in keys]}
    candidates = mean_of({**recipe, **together}) if together else {}
    best = max(candidates, key=candidates.__getitem__, default=None)
    numbers |= {"ap_best_recipe": candidates[best] if best else None, "best_recipe": best}
    numbers |= compare_members(members)
    numbers["table_4"] = mean_of(table)
    numbers["recipe"] = {**mean_of(recipe), **mean_of(together)}
    numbers["recipe_seed_std"] = seed_deviation(recipe) if whole else None
    numbers["members"] = members
    return numbers


def best_cell(table: Values, norm: str) -> float | None:
    """Return the best mean AP of a norm over rates and batch sizes."""
    cells = [v for label, v in table.items() if label.split()[0] == norm]
    if len(cells) < 6 or any(len(values) < SEEDS for values in cells):
        return None
    return max(map(statistics.mean, cells))


def mean_of(found: Values) -> dict[str, float]:
    """Return the mean AP by label."""
    return {label: round(statistics.mean(values), 5) for label, values in found.items()}


def compare_members(found: Values) -> dict[str, Any]:
    """Return how far seeds and members differ, and whether twice the budget keeps their order."""
    archs = draw_spread(MEMBERS)
    values = [[found.get(f"{arch} budget={budget}", []) for arch in archs] for budget in (1, 2)]
    if any(len(seeds) < SEEDS for row in values for seeds in row):
        return dict.fromkeys(("seed_std", "member_std", "tau_double_budget"))
    once, twice = (np.array(row) for row in values)
    return {
        "seed_std": float(once.var(axis=1, ddof=1).mean() ** 0.5),
        "member_std": float(once.mean(axis=1).std(ddof=1)),
        "tau_double_budget": tau(once.mean(axis=1), twice.mean(axis=1)),
        "tau_single_seeds": float(np.mean([tau(a, b) for a in once.T for b in twice.T])),
    }


def tau(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Return Kendall's tau-b."""
    return float(kendalltau(a, b).statistic)


if __name__ == "__main__":
    main()
