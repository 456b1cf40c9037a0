"""Whether a driver grows: its resident memory over a search of many short trials.

.venv/bin/python benchmarks/driver_memory.py --trials 300
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from results import make_parser, write_result

from smnas.experiment.observer import SilentObserver
from smnas.experiment.search import search
from smnas.trial.trial import Trial

SETTLED = 20
"""Trials after which memory is first looked at: tables and caches of libraries are filled then."""


class Watcher(SilentObserver):
    """Notes the resident memory of this process after each trial."""

    def __init__(self) -> None:
        self.rss_mib: list[float] = []

    def recorded(self, trial: Trial, trials: Sequence[Trial], done_share: float) -> None:
        """Look."""
        del trial, trials, done_share
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        self.rss_mib.append(int(line.split()[1]) / 1024)


def main() -> None:
    """Run the search, and write how the driver's memory went."""
    parser = make_parser(__doc__, "driver_memory")
    parser.add_argument("--trials", type=int, default=300)
    arguments = parser.parse_args()
    settings = Path(__file__).with_name("driver_memory.config.json")
    watcher = Watcher()
    with tempfile.TemporaryDirectory() as folder:
        search(
            "scenes:easy,train=8,val=4,test=4,size=64",
            config=settings,
            out=Path(folder) / "run",
            trials=arguments.trials,
            observer=watcher,
        )
    seen = watcher.rss_mib
    first, last = seen[min(SETTLED, len(seen) - 1)], seen[-1]
    numbers = {
        "trials": len(seen),
        "driver_rss_mib_first": round(first, 1),
        "driver_rss_mib_last": round(last, 1),
        "growth_percent": round(100 * (last / first - 1), 2),
        "first_after_trials": SETTLED,
    }
    write_result(arguments.json, numbers, arguments.device)


if __name__ == "__main__":
    main()
