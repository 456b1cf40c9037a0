"""How many slots one driver keeps busy: a simulation of events with the real algorithm and archive.

.venv/bin/python benchmarks/scaling.py

The clock is simulated: a trial sleeps for a log-normal time (median 5 s, sigma 1). The work of the
driver is not: what it really takes to ask, start and record is added to the simulated clock, during
which nothing else is started. Outcomes come from a formula.
"""

import heapq
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from results import make_parser, write_result
from search_overhead import answer

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.search import SearchSettings, SmNas
from smnas.search.parts import PLAIN, SearchParts
from smnas.seeding import generator
from smnas.space.known import known_space
from smnas.trial.budget import Budget
from smnas.trial.front import hypervolume
from smnas.trial.trial import Trial

MEDIAN_S, SIGMA = 5.0, 1.0
SEEDS = 50
"""Structures that every search begins with; the worst of them are the hypervolume's corner."""
HEADER = RunHeader(smnas_version="0", created="", config={}, data_ids={})
LAST = 200
"""Trials at the end over which the driver's time is averaged."""


@dataclass
class Clock:
    """Simulated seconds, to which the driver's real work is added."""

    now_s: float = 0.0
    driver_s: list[float] = field(default_factory=list[float])
    """What the driver took for each step of the loop."""

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count what happens inside as work of the driver."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.now_s += seconds
        self.driver_s.append(seconds)


def main() -> None:
    """Play searches with more and more slots, and write what was found."""
    parser = make_parser(__doc__, "scaling")
    parser.add_argument("--trials", type=int, default=2000, help="candidates of each search")
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 8, 64, 256, 1000])
    parser.add_argument("--many", type=int, default=10_000, help="trials for the driver's time")
    arguments = parser.parse_args()
    curve = {}
    for slots in arguments.slots:
        curve[str(slots)] = play(slots, arguments.trials)
        print(json.dumps({slots: curve[str(slots)]}), flush=True)
    kept = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    curve = {**kept.get("curve", {}), **curve}
    numbers: dict[str, object] = {
        "trial_seconds": {"median": MEDIAN_S, "sigma": SIGMA, "distribution": "log-normal"},
        "trials": arguments.trials,
        "curve": curve,
        "busy_8_simulated": curve.get("8", {}).get("busy"),
        "hypervolume_64_over_1": _ratio(curve, "64", "1"),
        f"driver_ms_per_trial_{arguments.many}": time_driver(arguments.many),
    }
    others = ("busy_64_ray", "ray_slots")  # by ray_slots.py
    numbers |= {key: kept[key] for key in others if key in kept}
    write_result(arguments.json, numbers, arguments.device)


def _ratio(curve: dict[str, dict[str, float]], one: str, other: str) -> float | None:
    if any("hypervolume" not in curve.get(slots, {}) for slots in (one, other)):
        return None
    return round(curve[one]["hypervolume"] / curve[other]["hypervolume"], 4)


def play(slots: int, trials: int) -> dict[str, float]:
    """Return how busy ``slots`` were in a search of so many candidates, and what the driver took.

    ``busy`` counts from the first start to the end of the last candidate, ``busy_whole`` to the end
    of the last final, of which there are fewer than slots.
    """
    settings = make_settings(trials, SearchParts())
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive.create(Path(folder), HEADER)
        clock, lengths, ends = Clock(), dict[int, float](), dict[int, float]()
        simulate(archive, SmNas(known_space("paper"), settings), slots, clock, lengths, ends)
        archive.close()
    everyone = archive.trials()
    candidates = [trial for trial in everyone if trial.proposal.is_candidate]
    last_s = max(ends[trial.number] for trial in candidates)
    spent_s = sum(lengths[trial.number] for trial in candidates)
    starts = [t for t in candidates[:SEEDS] if t.succeeded]
    corner = min(t.value("ap") for t in starts), max(t.value("latency_ms") for t in starts)
    return {
        "trials": len(everyone),
        "busy": round(spent_s / (slots * last_s), 4),
        "busy_whole": round(sum(lengths.values()) / (slots * max(ends.values())), 4),
        "driver_ms_per_trial": round(1e3 * _late(clock.driver_s, len(everyone)), 2),
        "driver_share": round(sum(clock.driver_s) / clock.now_s, 4),
        "hypervolume": hypervolume(candidates, settings.stage_one_objectives, corner),
        "simulated_hours": round(clock.now_s / 3600, 3),
    }


def make_settings(trials: int, parts: SearchParts) -> SearchSettings:
    """Return a search of the paper's shape, all candidates of which can be compared."""
    return SearchSettings(
        trials=trials,
        stage_one_share=500 / 2300,
        seeds=SEEDS,
        groups=6,
        stage_one=Budget(epochs=5),
        stage_two=Budget(epochs=5),
        final=Budget(epochs=24),
        parts=parts,
        seed=0,
    )


def time_driver(trials: int) -> float:
    """Return the milliseconds to ask, start and record at the end of so many trials.

    All but the last come from the paper's plain search, which is asked in a tenth of the time.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive, clock = Archive.create(Path(folder), HEADER), Clock()
        for parts, until in ((PLAIN, trials - LAST), (SearchParts(), trials)):
            algorithm = SmNas(known_space("paper"), make_settings(2 * trials, parts))
            algorithm.done(archive.trials())  # reads what is there, once
            clock.driver_s.clear()
            while len(archive.trials()) < until:
                with clock.working():
                    algorithm.done(archive.trials())
                    (proposal,) = algorithm.ask(archive.trials(), 1)
                    number = archive.start(proposal).number
                outcome = answer(proposal)
                with clock.working():
                    archive.record(number, outcome)
        archive.close()
    return round(1e3 * _late(clock.driver_s, LAST), 2)


def _late(driver_s: list[float], trials: int) -> float:
    """Return the driver's seconds per trial at the end of a search."""
    steps = round(len(driver_s) * min(LAST, trials) / trials)
    return float(np.sum(driver_s[-steps:]) / min(LAST, trials))


def simulate(
    archive: Archive,
    algorithm: SmNas,
    slots: int,
    clock: Clock,
    lengths: dict[int, float],
    ends: dict[int, float],
) -> None:
    """Play the loop of ``smnas.experiment.run`` in simulated time."""
    running: list[tuple[float, int]] = []

    def begin(trial: Trial) -> None:
        draw = generator(0, "length", trial.number)
        lengths[trial.number] = float(draw.lognormal(np.log(MEDIAN_S), SIGMA))
        ends[trial.number] = clock.now_s + lengths[trial.number]
        heapq.heappush(running, (ends[trial.number], trial.number))

    while step(archive, algorithm, slots - len(running), clock, begin):
        if not running:
            return
        clock.now_s = max(clock.now_s, running[0][0])
        while running and running[0][0] <= clock.now_s:
            _, number = heapq.heappop(running)
            outcome = answer(archive.trials()[number].proposal)
            with clock.working():
                archive.record(number, outcome)


def step(
    archive: Archive,
    algorithm: SmNas,
    free: int,
    clock: Clock,
    begin: Callable[[Trial], None],
) -> bool:
    """Ask for as many proposals as there are free slots, and start them; False at the end."""
    with clock.working():
        if algorithm.done(archive.trials()):
            return False
        proposals = algorithm.ask(archive.trials(), free)
    for proposal in proposals:
        with clock.working():
            trial = archive.start(proposal)
        begin(trial)
    return True


if __name__ == "__main__":
    main()
