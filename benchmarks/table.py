"""The closed table: every member of `table_members.json` trained, judged at every rung, and timed.

.venv/bin/python benchmarks/table.py --processes 2 --budget-minutes 60   # again and again
.venv/bin/python benchmarks/table.py --latency                           # when nothing else runs

Each finished training is written at once, and what is there is not trained again. A training goes
up the rungs as in a search: the trunk follows the longest schedule, and what is judged at a rung is
a copy that has cooled down. When every member has one seed, those nearest the front and some random
ones get two more.
"""

import tempfile
import time
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from journal import Journal, Record
from results import RESULTS, make_parser
from side_by_side import Piece, finish
from table_members import load_plan
from table_setting import RECIPE, SETTINGS, Setting
from training import judge, keep

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.norms import fold_batch_norms
from smnas.errors import TrainingError
from smnas.experiment.judging import build_twin
from smnas.measure.cost import count_cost
from smnas.measure.latency import time_predictions
from smnas.measure.standalone import Effort
from smnas.seeding import derive_seed, generator
from smnas.training.course import Course
from smnas.training.keeping import Checkpoints
from smnas.training.loop import fit

NEAR, RANDOM = 32, 16
"""Members with two more seeds: those nearest the front, and random ones of the rest."""
SEEDS = 3
TURNS = 3
"""Rounds over all members, each in an order of its own, that a latency is the median of."""
EFFORT = Effort(seconds=0.25, max_repeats=50, max_warmup=10)
"""Of one timing: the turns are what makes it steady."""


def main() -> None:
    """Train what is missing, or time what has been trained."""
    parser = make_parser(__doc__, "table_scenes")
    parser.add_argument("--data", choices=tuple(SETTINGS), default="scenes")
    parser.add_argument("--records", type=Path, help="default: results/table_DATA.jsonl")
    parser.add_argument("--latencies", type=Path, default=RESULTS / "table_latency.jsonl")
    parser.add_argument("--processes", type=int, default=1, help="members trained at a time")
    parser.add_argument("--budget-minutes", type=float, help="begin nothing after that; else all")
    parser.add_argument("--most", type=int, help="trainings to add at most")
    parser.add_argument("--latency", action="store_true", help="time the members, train none")
    arguments = parser.parse_args()
    records = Journal(arguments.records or RESULTS / f"table_{arguments.data}.jsonl")
    setting = SETTINGS[arguments.data]
    if arguments.latency:
        torch.set_num_threads(1)
        measure_latencies(records, Journal(arguments.latencies), setting.data)
        return
    finish(
        records,
        partial(next_training, records, setting),
        processes=arguments.processes,
        minutes=arguments.budget_minutes,
        most=arguments.most,
        tell=tell,
    )


def next_training(records: Journal, setting: Setting, begun: Collection[str]) -> Piece | None:
    """Return the next training: the first seed of all members, then of those that get more."""
    members = load_plan().members
    jobs = [(arch, 0) for arch in members]
    if all(_key(*job) in records for job in jobs):
        chosen = choose_repeated({arch: records[_key(arch, 0)] for arch in members})
        jobs = [(arch, seed) for seed in range(1, SEEDS) for arch in chosen]
    for arch, seed in jobs:
        if (key := _key(arch, seed)) not in begun:
            work = partial(train_member, arch, seed, setting)
            return Piece(key, work, {"arch": arch, "seed": seed})
    return None


def tell(record: Record) -> None:
    """Print what a training came to."""
    top = record["rungs"][-1]["ap_val"] if record["rungs"] else record["failure"]
    print(f"{record['key']}: {top}", flush=True)


def _key(arch: str, seed: int) -> str:
    return f"{arch} s{seed}"


def choose_repeated(first: dict[str, dict[str, Any]]) -> list[str]:
    """Return the members that get more seeds, from the records of the first seed.

    Nearest the front are those that lack least validation AP to the best member of no more
    multiply-adds; latency, which is measured later, plays no part.
    """
    trained = {arch: record for arch, record in first.items() if record["rungs"]}
    places = {a: (r["macs_g"], r["rungs"][-1]["ap_val"]) for a, r in trained.items()}

    def lacks(arch: str) -> float:
        macs, ap = places[arch]
        return max(other for cost, other in places.values() if cost <= macs) - ap

    ordered = sorted(places, key=lambda arch: (lacks(arch), arch))
    rest = ordered[NEAR:]
    drawn = generator(0, "table", "repeated").permutation(len(rest))[:RANDOM]
    return [*ordered[:NEAR], *(rest[at] for at in sorted(drawn.tolist()))]


def train_member(text: str, seed: int, setting: Setting) -> dict[str, Any]:
    """Return what one training reached at every rung, and what it took."""
    splits, arch = keep(setting.data), DetectorArch.parse(text)
    classes = len(splits.train.categories)
    cost = {item.metric: item.value for item in count_cost(arch.deployed, classes)}
    began = time.process_time()
    weights = derive_seed(seed, "weights")
    build_detector(arch, classes, RECIPE.losses, weights)
    record: dict[str, Any] = {
        "macs_g": round(cost["macs_g"], 6),
        "params_m": round(cost["params_m"], 6),
        "start_seconds": round(time.process_time() - began, 3),
        "rungs": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        start: Path | None = None
        for budget in setting.rungs:
            detector = build_detector(arch, classes, RECIPE.losses, weights)
            course = Course(budget.epochs, budget.horizon_epochs, budget.cooldown_epochs)
            kept = Checkpoints(Path(folder) / str(budget.epochs), start)
            began = time.process_time()
            try:
                log = fit(detector, splits.train, RECIPE, course, seed, checkpoints=kept)
            except TrainingError as error:
                return {**record, "rungs": [], "failure": str(error)}
            trained = time.process_time()
            fold_batch_norms(detector)
            ap_val = judge(detector, splits.val)["ap"]
            evaluated = time.process_time()
            before = record["rungs"][-1]["epochs"] if record["rungs"] else 0
            own = budget.epochs - before + course.cooldown_epochs
            record["rungs"].append(
                {
                    "epochs": budget.epochs,
                    "cooldown_epochs": round(course.cooldown_epochs, 3),
                    "ap_val": ap_val,
                    "ap_test": judge(detector, splits.test)["ap"],
                    "seconds_per_epoch": round((trained - began) / own, 4),
                    "evaluate_seconds": round(evaluated - trained, 3),
                }
            )
            record["steps"], start = log.steps, kept.trunk
    return record


def measure_latencies(records: Journal, latencies: Journal, data: str) -> None:
    """Time every member that is in the table, in turns, as its twin that would be deployed.

    So are those whose training failed: a search times them before it knows.
    """
    archs = dict.fromkeys(record["arch"] for record in records)
    splits = keep(data)
    picture = splits.val.read(0)[0]
    for turn in range(TURNS):
        for arch in _shuffled(archs, turn):
            key = f"{arch} turn={turn}"
            if key in latencies:
                continue
            began = time.perf_counter()
            twin = build_twin(DetectorArch.parse(arch).deployed, splits.train.categories, "cpu")
            ms = time_predictions(twin, picture, "cpu", effort=EFFORT).median.value
            seconds = round(time.perf_counter() - began, 3)
            latencies.add(key, {"arch": arch, "latency_ms": round(ms, 4), "seconds": seconds})
        print(f"turn {turn + 1} of {TURNS}", flush=True)


def _shuffled(archs: Iterable[str], turn: int) -> list[str]:
    listed = list(archs)
    return [listed[at] for at in generator(0, "latency", turn).permutation(len(listed)).tolist()]


if __name__ == "__main__":
    main()
