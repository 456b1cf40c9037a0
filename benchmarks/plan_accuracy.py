"""Whether the plan held: what was said before a search, and what it then took.

.venv/bin/python benchmarks/plan_accuracy.py runs/demo [RUN ...]

Reads finished run folders; the machine should have been quiet and the search not interrupted, since
its wall-clock time is that from its beginning to its report.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from results import make_parser, write_result

from smnas.archive.archive import Archive
from smnas.experiment.run_folder import PLAN
from smnas.report.page import FILE_NAME as REPORT

AIM = 0.30
"""Share by which the plan may be off."""


def main() -> None:
    """Compare plan and run, and write what was found."""
    parser = make_parser(__doc__, "plan_accuracy")
    parser.add_argument("runs", type=Path, nargs="+", help="finished run folders")
    arguments = parser.parse_args()
    found = {run.name: compare(run) for run in arguments.runs}
    write_result(arguments.json, found, arguments.device)
    if not all(numbers["within_aim"] for numbers in found.values()):
        sys.exit(f"a plan was off by more than {AIM:.0%}")


def compare(run: Path) -> dict[str, float | int | bool]:
    """Return the minutes and megabytes that were planned and taken by a finished run."""
    plan = json.loads((run / PLAN).read_text())
    archive = Archive.open(run)
    archive.close()
    trials = [trial for trial in archive.trials() if trial.outcome is not None]
    began = datetime.fromisoformat(archive.header.created).timestamp()
    minutes = ((run / REPORT).stat().st_mtime - began) / 60
    ratio = 60 * plan["hours"] / minutes
    return {
        "trainings": len(trials),
        "planned_trainings": plan["trainings"],
        "minutes": round(minutes, 2),
        "trial_minutes": round(sum(t.outcome.seconds for t in trials if t.outcome) / 60, 2),
        "planned_minutes": round(60 * plan["hours"], 2),
        "planned_over_taken": round(ratio, 3),
        "within_aim": bool(1 / (1 + AIM) <= ratio <= 1 + AIM),
        "disk_mb": round(sum(f.stat().st_size for f in run.rglob("*") if f.is_file()) / 1e6, 1),
        "planned_disk_mb": round(plan["disk_mb"], 1),
    }


if __name__ == "__main__":
    main()
