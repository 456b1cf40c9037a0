"""What a demo run reached: minutes, the span of its front, and the recommended detector.

make demo && .venv/bin/python benchmarks/demo.py runs/demo
"""

from pathlib import Path
from typing import Any

from results import make_parser, write_result

from smnas.archive.archive import Archive
from smnas.experiment.run_folder import CONFIG
from smnas.report.page import FILE_NAME as REPORT
from smnas.report.tables import FrontRow, front_rows
from smnas.trial.front import Objective, hypervolume

SETUP_SECONDS = Path(__file__).parents[1] / ".venv/.ready"
"""Where `make setup` notes how long it took."""


def main() -> None:
    """Read a finished run folder and write its numbers."""
    parser = make_parser(__doc__, "demo")
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"))
    arguments = parser.parse_args()
    write_result(arguments.json, read_numbers(arguments.run), arguments.device)


def read_numbers(run: Path) -> dict[str, Any]:
    """Return the numbers of one run; minutes are wall-clock, from its first file to its report."""
    archive = Archive.open(run)
    trials = archive.trials()
    rows = front_rows(trials, run)
    archive.close()
    members = [row for row in rows if row["stage"] != "yardstick"]
    best, recommended = members[0], next(row for row in members if row["recommended"])
    yardstick = next(row for row in rows if row["stage"] == "yardstick")
    times = [row["latency_ms"] for row in members]
    seconds = (run / REPORT).stat().st_mtime - (run / CONFIG).stat().st_mtime
    finals = [trial for trial in trials if trial.proposal.stage == "final" and trial.succeeded]
    return {
        "setup_minutes": round(int(SETUP_SECONDS.read_text().strip() or 0) / 60, 2),
        "search_minutes": round(seconds / 60, 2),
        "candidates": sum(trial.proposal.is_candidate and trial.succeeded for trial in trials),
        "front": len(members),
        "front_span": round(max(times) / min(times), 2),
        **quote(best, "ap50", "ap50_val"),
        **quote(recommended, "ap50_test", "ap50_test"),
        **quote(recommended, "latency_ms", "latency_ms"),
        **quote(yardstick, "ap50_test", "yardstick_ap50_test"),
        **quote(yardstick, "latency_ms", "yardstick_latency_ms"),
        "hypervolume": hypervolume(
            finals,
            [
                Objective(metric="ap", maximise=True),
                Objective(metric="latency_ms", maximise=False),
            ],
            reference=(0.0, 100.0),
        ),
        "hypervolume_rule": "finals, val AP (0-1) over latency below 100 ms",
    }


def quote(row: FrontRow, metric: str, name: str) -> dict[str, Any]:
    """Return a number of a row and its interval, under ``name``."""
    numbers: dict[str, Any] = {**row}
    return {name: numbers[metric], f"{name}_interval": numbers[f"{metric}_interval"]}


if __name__ == "__main__":
    main()
