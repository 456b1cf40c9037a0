"""One proposal to its outcome: build, fit, save, predict, measure.

A trial that cannot be finished is a failure with its stage and reason, and the search goes on. What
is not the trial's fault is raised: a full disk, a broken picture, an error of smnas itself; and so
is a lack of memory, about which the room of execution knows what to do.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from smnas.archive.storage import room_on_disk
from smnas.execution.work import Order, Report
from smnas.experiment.attempt import Attempt, Conditions
from smnas.experiment.judging import THE_TRIALS_FAULT
from smnas.experiment.memory import means_out_of_memory
from smnas.experiment.worth import NotWorthTrainingError
from smnas.trial.trial import Failure, Outcome


@dataclass(frozen=True)
class Evaluator:
    """Turns trials into outcomes under ``conditions``: the ``Work`` of a search."""

    conditions: Conditions

    def __call__(self, order: Order, folder: Path, report: Report) -> Outcome:
        """Return what came of the order's trial; what it leaves is under ``folder/trials``.

        Raises:
            MemoryError: It does not fit into memory, or is predicted not to.
            StorageFullError: No room on the disk; the trial stays unfinished.
            DataError: A picture cannot be read.
        """
        started = time.perf_counter()
        if self.conditions.threads is not None:
            torch.set_num_threads(self.conditions.threads)
        attempt = Attempt(self.conditions, order, folder, report)
        try:
            with room_on_disk(folder), attempt.machine:
                measurements = attempt.run()
        except NotWorthTrainingError as error:
            failure = Failure(stage=error.stage, reason=str(error))
            seconds = time.perf_counter() - started
            return Outcome(measurements=error.measurements, failure=failure, seconds=seconds)
        except THE_TRIALS_FAULT as error:
            failure = Failure(stage=attempt.stage, reason=str(error))
            return Outcome(failure=failure, seconds=time.perf_counter() - started)
        except RuntimeError as error:
            if not means_out_of_memory(error):
                raise
            raise MemoryError(str(error)) from error
        seconds = attempt.seconds_before + time.perf_counter() - started
        return Outcome(measurements=measurements, weights=attempt.weights, seconds=seconds)
