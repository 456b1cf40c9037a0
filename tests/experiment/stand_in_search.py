"""A whole search in a world without pictures: outcomes follow from the arch alone.

Run as ``python stand_in_search.py FOLDER SECONDS_PER_TRIAL TRIALS [STORAGE]``, killed by the tests
at any moment, and run again. It says on standard output which trials it trains.
"""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from smnas.archive.header import RunHeader
from smnas.execution.local import LocalExecutor
from smnas.execution.work import Event, Limits, Order
from smnas.experiment.observer import SilentObserver
from smnas.experiment.resume import open_run
from smnas.experiment.run import run
from smnas.search import SearchSettings, SmNas
from smnas.seeding import generator
from smnas.space.known import known_space
from smnas.trial.budget import Budget
from smnas.trial.measurement import AccuracyProtocol, CountProtocol, Measurement
from smnas.trial.trial import Failure, Outcome, Trial

VAL = AccuracyProtocol(
    runtime="none", precision="none", device="none", split="val", data_id="0", pictures=1,
    replicates=0, versions={},
)  # fmt: skip
COUNT = CountProtocol(rule="drawn from the arch")


def settings(trials: int) -> SearchSettings:
    return SearchSettings(
        trials=trials,
        groups=2,
        finals=4,
        stage_one=Budget(epochs=2),
        stage_two=Budget(epochs=2),
        final=Budget(epochs=6),
        seed=5,
    )


def evaluate(trial: Trial) -> Outcome:
    """Answer from the arch and the budget; every seventh or so has a loss that is not finite."""
    rng = generator(1, trial.proposal.arch.arch_id, trial.proposal.budget)
    if trial.proposal.is_candidate and rng.random() < 0.15:
        reason = "step 3 of 9: the loss is not finite"
        return Outcome(failure=Failure(stage="training", reason=reason), seconds=0.5)
    macs_g = float(rng.uniform(0.05, 1.0))
    ap = min(1.0, 0.3 * macs_g**0.3 + float(rng.uniform(0, 0.1)))
    numbers = [("ap", ap, "1", VAL), ("macs_g", macs_g, "G", COUNT)]
    numbers += [("latency_ms", 20 * macs_g, "ms", COUNT)]
    return Outcome(
        measurements=tuple(
            Measurement(metric=m, value=v, unit=u, protocol=p) for m, v, u, p in numbers
        ),
        seconds=1.0,
    )


class DirectSlot:
    """Runs trials in this process: for tests of what is around them."""

    def __init__(self, answer: Callable[[Trial], Outcome]) -> None:
        self._answer = answer

    def run(self, order: Order) -> Iterator[Event]:
        yield self._answer(order.trial)

    def kill(self) -> None:
        pass

    def close(self) -> None:
        pass


def direct_executor(answer: Callable[[Trial], Outcome]) -> LocalExecutor:
    return LocalExecutor([DirectSlot(answer)], lambda _: Limits(), lambda *_: None)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(folder: str, seconds: str, trials: str, storage: str | None = None) -> None:
    """Run the search, or go on with it."""
    chosen = settings(int(trials))
    header = RunHeader(
        smnas_version="0", created="-", config=chosen.model_dump(mode="json"), data_ids={}
    )

    def slow(trial: Trial) -> Outcome:
        say(f"trains {trial.number}")
        time.sleep(float(seconds))
        return evaluate(trial)

    archive = open_run(Path(folder), header, storage)
    algorithm = SmNas(known_space("micro"), chosen)
    run(archive, algorithm, direct_executor(slow), SilentObserver(), lambda _: 0.0)
    say("finished")


if __name__ == "__main__":
    main(*sys.argv[1:])
