"""How the front of a finished search changes between two settings of the device it stands on.

.venv/bin/python benchmarks/two_settings.py runs/demo

All finals and the yardstick are packed in float32 and in INT8, each package is timed by its own
``measure.py`` in a process of its own (one thread, and two), and the search is ranked by these
reports: accuracy and time both from the file that was timed. Nothing else may run meanwhile.
"""

import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from results import make_parser, write_result

from smnas.experiment.package import SCRIPT, Precision
from smnas.experiment.packaging import make_packages
from smnas.experiment.retarget import Retargeted, retarget
from smnas.measure.on_device import REPORT

SETTINGS: tuple[tuple[Precision, int], ...] = (("float32", 1), ("int8", 2))


def main() -> None:
    """Pack, measure, rank, and write what came of it."""
    parser = make_parser(__doc__, "two_settings")
    parser.add_argument("run", type=Path, help="folder of a finished search")
    arguments = parser.parse_args()
    found: list[Retargeted] = []
    with tempfile.TemporaryDirectory() as passing:
        for precision, threads in SETTINGS:
            found.append(rank(arguments.run, Path(passing) / precision, precision, threads))
    one, two = (set(item.kept) | set(item.joined) for item in found)
    numbers = {
        "settings": [describe(item) for item in found],
        "members": len(one),
        "left": sorted(one - two),
        "joined": sorted(two - one),
        "changed": len(one ^ two),
    }
    write_result(arguments.json, numbers, arguments.device)


def rank(run: Path, folder: Path, precision: Precision, threads: int) -> Retargeted:
    """Return the front of a run by what its packages report in one setting."""
    reports: list[Path] = []
    for package in make_packages(run, folder, precision=precision, everything=True):
        call = [sys.executable, package.folder / SCRIPT, "--threads", str(threads)]
        subprocess.run(call, check=True, stdout=sys.stderr)
        reports.append(package.folder / REPORT)
    return retarget(run, reports)


def describe(item: Retargeted) -> dict[str, object]:
    """Return one setting's front, and how far it is from the run's own."""
    keys = ("trial", "ap", "ap_interval", "latency_ms", "latency_ms_interval", "latency_ms_flag")
    rows = [{key: value for key, value in row.items() if key in keys} for row in item.rows]
    facts = asdict(item)
    return {
        "precision": item.protocol.precision,
        "threads": item.protocol.threads,
        "runtime": item.protocol.runtime,
        "device": item.protocol.device,
        "front": rows,
        **{name: facts[name] for name in ("kept", "left", "joined", "recommended")},
    }


if __name__ == "__main__":
    main()
