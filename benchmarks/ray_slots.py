"""How busy the slots of a real Ray are on this machine: trials that sleep, of uneven length.

.venv/bin/python benchmarks/ray_slots.py

Each trial takes the whole way: order, worker, child process, outcome. Their lengths are log-normal.
The start of Ray and of its workers is left out, and so is the end, when nothing is left to begin.
The number stands beside those of `scaling.py`, in the same file; each keeps what the other wrote.
"""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from results import STAMPS, make_parser, write_result

from smnas.arch import DetectorArch
from smnas.execution.ray_cluster import RayExecutor, Share, connected
from smnas.execution.work import Limits, Order, Report
from smnas.experiment.run_folder import RunFiles
from smnas.experiment.sent_data import keep_sent
from smnas.trial.budget import Budget
from smnas.trial.measurement import CountProtocol, Measurement
from smnas.trial.trial import Origin, Outcome, Proposal, Trial

ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")


@dataclass(frozen=True)
class SleepingWorld:
    """Trials that only take time: the milliseconds that their seed says."""

    key = "nothing"

    def open(self) -> "SleepingWorld":
        """Return itself."""
        return self

    def pack(self) -> Iterator[dict[str, bytes]]:
        """Yield nothing."""
        return iter(())

    def moved(self, folder: Path) -> "SleepingWorld":
        """Return itself."""
        del folder
        return self

    def __call__(self, order: Order, folder: Path, report: Report) -> Outcome:
        """Sleep, and tell from when to when by the clock of the machine."""
        del folder, report
        began = time.time()
        time.sleep(order.trial.proposal.seed / 1000)
        times = {"began": began, "ended": time.time()}
        return Outcome(
            measurements=tuple(
                Measurement(metric=name, value=value, unit="s", protocol=CountProtocol(rule="time"))
                for name, value in times.items()
            )
        )


def make_trial(number: int, seconds: float) -> Trial:
    """Return a trial that sleeps for ``seconds``."""
    proposal = Proposal(
        arch=ARCH,
        stage=1,
        origin=Origin(operator="sample"),
        budget=Budget(epochs=1),
        seed=round(1000 * seconds),
    )
    return Trial(number=number, proposal=proposal)


def measure_busy(slots: int, trials: int, median_s: float, sigma: float) -> dict[str, object]:
    """Return the share of their time that the slots were busy while there was something to do."""
    lengths_s = median_s * np.exp(sigma * np.random.default_rng(0).standard_normal(trials))
    share = Share()
    with tempfile.TemporaryDirectory() as folder, connected(None, slots, share) as there:
        store = RunFiles(Path(folder))
        parts = (lambda _: Limits(), lambda *_: None, keep_sent)
        executor = RayExecutor(SleepingWorld(), there, share, store, *parts)
        _run(executor, dict.fromkeys(range(slots), 0.1))  # all workers are up
        spans = _run(executor, dict(enumerate(lengths_s, slots)))
        executor.close()
    began, ended = spans.T
    until = began.max()  # from then on, slots without a trial have none to take
    worked = np.clip(np.minimum(ended, until) - began, 0.0, None).sum()
    return {
        "busy": round(float(worked / (slots * (until - began.min()))), 4),
        "slots": slots,
        "trials": trials,
        "median_s": median_s,
        "sigma": sigma,
        "window_s": round(float(until - began.min()), 1),
    }


def _run(executor: RayExecutor, lengths_s: Mapping[int, float]) -> np.ndarray:
    """Return when each trial began and ended (N x 2), slots being filled as they become free."""
    waiting = [make_trial(number, seconds) for number, seconds in lengths_s.items()]
    spans: list[tuple[float, float]] = []
    while waiting or not executor.idle():
        for _ in range(min(executor.free_slots(), len(waiting))):
            executor.submit(waiting.pop())
        for _, outcome in executor.wait():
            began, ended = (item.value for item in outcome.measurements)
            spans.append((began, ended))
    return np.array(spans)


def main() -> None:
    """Measure, and write what was found."""
    parser = make_parser(__doc__, "scaling")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--trials", type=int, default=512)
    parser.add_argument("--median-s", type=float, default=20.0)
    parser.add_argument("--sigma", type=float, default=1.0)
    arguments = parser.parse_args()
    found = measure_busy(arguments.slots, arguments.trials, arguments.median_s, arguments.sigma)
    path = arguments.json
    before = json.loads(path.read_text()) if path.is_file() else {}
    kept = {name: value for name, value in before.items() if name not in STAMPS}
    numbers = {**kept, f"busy_{arguments.slots}_ray": found["busy"], "ray_slots": found}
    write_result(path, numbers, arguments.device)


if __name__ == "__main__":
    from ray_slots import main as run  # under this name other processes find the world

    run()
