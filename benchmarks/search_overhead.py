"""What the search itself costs: milliseconds per proposal as the archive grows, and to open it.

.venv/bin/python benchmarks/search_overhead.py

A search in the paper's space is played with its loop, an archive on disk, and its usual parts at
work, screening and pruning among them. Outcomes come at once, from a formula, so that all the time
is the search's own. Beside the clock's stands the time on a core, which other programs change less.
"""

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from made_up import made_up
from results import make_parser, write_result

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.search import SearchSettings, SmNas
from smnas.search.features import approximate_macs_g
from smnas.space.known import known_space
from smnas.trial.budget import Budget
from smnas.trial.trial import Outcome, Proposal

WINDOW = 200
"""Proposals up to each size that are timed."""


def main() -> None:
    """Play the search, and write what its own work took."""
    parser = make_parser(__doc__, "search_overhead")
    parser.add_argument("--trials", type=int, nargs="+", default=[1500, 5000, 10_000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        numbers = play(Path(folder), sorted(arguments.trials))
    write_result(arguments.json, numbers, arguments.device)


def play(folder: Path, sizes: Sequence[int]) -> dict[str, object]:
    """Return milliseconds per proposal up to each of ``sizes`` trials, and per further step."""
    settings = SearchSettings(
        trials=sizes[-1],
        stage_one_share=min(0.5, 500 / sizes[-1]),
        seeds=50,
        groups=6,
        stage_one=Budget(epochs=5),
        stage_two=Budget(epochs=9),
        final=Budget(epochs=24),
        seed=0,
    )
    header = RunHeader(smnas_version="0", created="", config={}, data_ids={})
    algorithm = SmNas(known_space("paper"), settings)
    archive = Archive.create(folder, header)
    asked_ms: list[float] = []
    asked_cpu_ms: list[float] = []
    written_ms: list[float] = []
    while len(archive.trials()) < sizes[-1]:
        began, cpu = time.perf_counter(), time.process_time()
        if algorithm.done(archive.trials()):
            break
        (proposal,) = algorithm.ask(archive.trials(), 1)
        asked = time.perf_counter()
        asked_cpu_ms.append(1000 * (time.process_time() - cpu))
        trial = archive.start(proposal)
        archive.record(trial.number, answer(proposal))
        asked_ms.append(1000 * (asked - began))
        written_ms.append(1000 * (time.perf_counter() - asked))
    archive.close()
    began = time.perf_counter()
    known = Archive.open(folder)
    opened = time.perf_counter()
    first = SmNas(known_space("paper"), settings).ask(known.trials()[:-1], 1)
    sorted_s = time.perf_counter() - opened
    if first != [known.trials()[-1].proposal]:
        raise SystemExit("a search that was taken up again proposes something else")
    known.close()
    return {
        "space": "paper",
        "parts": settings.parts.model_dump(),
        "proposal_ms": {str(n): summary(asked_ms[n - WINDOW : n]) for n in sizes},
        "proposal_cpu_ms": {str(n): summary(asked_cpu_ms[n - WINDOW : n]) for n in sizes},
        # Fits of the ensemble are few and long; over all proposals they are in the mean.
        "proposal_mean_ms": {str(n): round(float(np.mean(asked_ms[:n])), 2) for n in sizes},
        "archive_write_ms": {str(n): summary(written_ms[n - WINDOW : n]) for n in sizes},
        "open_archive_s": round(opened - began, 2),
        "first_proposal_after_opening_s": round(sorted_s, 2),
    }


def summary(times_ms: Sequence[float]) -> dict[str, float]:
    """Return median, 95th percentile and largest of some times."""
    p50, p95, most = np.percentile(times_ms, [50, 95, 100])
    return {"median": round(p50, 2), "p95": round(p95, 2), "max": round(most, 2)}


def answer(proposal: Proposal) -> Outcome:
    """Return numbers that trade accuracy for cost, with a quirk of each arch's own."""
    macs_g = approximate_macs_g(proposal.arch)
    quirk = int(proposal.arch.deployed.arch_id[:4], 16) / 65536
    ap = min(0.6, 0.05 * math.log10(1e9 * macs_g) + 0.05 * quirk)
    latency_ms, params_m = 5 + 2 * macs_g, 30 * macs_g**0.5
    return Outcome(
        measurements=made_up(
            "formula", ap=ap, latency_ms=latency_ms, macs_g=macs_g, params_m=params_m
        ),
        seconds=3600.0,
    )


if __name__ == "__main__":
    main()
