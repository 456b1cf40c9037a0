"""What the search itself costs: milliseconds per proposal as the archive grows, and to open it.

.venv/bin/python benchmarks/search_overhead.py

A search in the paper's space is played with its loop and an archive on disk. Outcomes come at once,
from a formula, so that all the time is the search's own.
"""

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from results import make_parser, write_result

from smnas.arch import DetectorArch
from smnas.arch.backbone_code import plan_groups
from smnas.arch.parts import FpnNeck
from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.search import SearchSettings, SmNas
from smnas.space.coding import code_backbone
from smnas.space.known import known_space
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, CountProtocol, LatencyProtocol, Measurement
from smnas.trial.trial import Outcome, Proposal

AP = AccuracyProtocol(
    runtime="formula", precision="exact", device="none", split="val", data_id="0", pictures=1,
    replicates=0, versions={},
)  # fmt: skip
MS = LatencyProtocol(
    runtime="formula", precision="exact", device="none", batch=1, threads=1, warmup=0, repeats=1,
    versions={},
)  # fmt: skip
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
        stage_one_share=500 / sizes[-1],
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
    written_ms: list[float] = []
    while len(archive.trials()) < sizes[-1]:
        began = time.perf_counter()
        if algorithm.done(archive.trials()):
            break
        (proposal,) = algorithm.ask(archive.trials(), 1)
        asked = time.perf_counter()
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
        "proposal_ms": {str(n): summary(asked_ms[n - WINDOW : n]) for n in sizes},
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
    cost = multiply_adds(proposal.arch)
    quirk = int(proposal.arch.deployed.arch_id[:4], 16) / 65536
    ap = min(0.6, 0.05 * math.log10(cost) + 0.05 * quirk)
    values = {"ap": (ap, AP), "latency_ms": (5 + cost / 5e8, MS)}
    count = CountProtocol(rule="formula")
    values |= {"macs_g": (cost / 1e9, count), "params_m": (cost**0.5 / 1e3, count)}
    return Outcome(
        measurements=tuple(
            Measurement(metric=metric, value=value, unit="1", protocol=protocol)
            for metric, (value, protocol) in values.items()
        ),
        seconds=3600.0,
    )


def multiply_adds(arch: DetectorArch) -> float:
    """Return a cost that grows with input, depth and widths."""
    backbone = code_backbone(arch.backbone)
    groups = plan_groups(backbone.code, backbone.base)[: arch.roi_levels[-1]]
    planes = sum(9 * block.planes**2 / 4**i for i, group in enumerate(groups) for block in group)
    width = arch.neck.width if isinstance(arch.neck, FpnNeck) else backbone.base
    return arch.input.width * arch.input.height / 16 * (planes + 9 * width * len(arch.neck.levels))


if __name__ == "__main__":
    main()
