"""One trial trained by several processes, each on a GPU of its own, or on cores of its own."""

import multiprocessing
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from smnas.errors import SmnasError
from smnas.execution.work import Report
from smnas.experiment.memory import means_out_of_memory
from smnas.training.team import joined
from smnas.trial.trial import FailureStage

Said = tuple[FailureStage, float, str]
Training = Callable[[str, Report], float]
"""Trains on a device and returns the seconds that interrupted attempts had taken. It is pickled."""


@dataclass(frozen=True)
class _Ended:
    """How one process ended."""

    seconds_before: float
    error: BaseException | None = None


def train_together(training: Training, processes: int, device: str, report: Report) -> float:
    """Return what ``training`` returns in the first of ``processes`` processes.

    Args:
        training: Is called in each process, as one of a team.
        processes: How many there are.
        device: ``cpu``, or ``cuda``: process N computes on ``cuda:N``.
        report: Told what the first process tells.

    Raises:
        SmnasError: As the training raises it.
        MemoryError: It does not fit into memory.
        RuntimeError: A process was killed, or has crashed.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="smnas-team-") as folder:
        rendezvous = f"file://{Path(folder).resolve()}/rendezvous"
        pipes: list[Any] = []
        workers: list[BaseProcess] = []
        try:
            for rank in range(processes):
                ours, theirs = Pipe(duplex=False)
                place = (rank, processes, device, rendezvous)
                worker = context.Process(target=_work, args=(training, place, theirs), daemon=True)
                worker.start()
                theirs.close()
                pipes.append(ours)
                workers.append(worker)
            return _listen(pipes, report)
        finally:
            for worker in workers:
                worker.kill()
                worker.join()


def _listen(pipes: list[Any], report: Report) -> float:
    """Pass on what is said until all have ended; the first error ends it."""
    seconds_before, talking = 0.0, list(pipes)
    while talking:
        for pipe in wait(talking):
            rank = pipes.index(pipe)
            try:
                said: Said | _Ended = pipes[rank].recv()
            except EOFError:
                raise RuntimeError(
                    f"process {rank} of {len(pipes)} that share a training ended without a word"
                ) from None
            if not isinstance(said, _Ended):
                report(*said)
                continue
            if said.error is not None:
                raise said.error
            talking.remove(pipes[rank])
            if rank == 0:
                seconds_before = said.seconds_before
    return seconds_before


def _work(training: Training, place: tuple[int, int, str, str], pipe: Connection) -> None:
    """Be process ``rank`` of the team."""
    rank, processes, device, rendezvous = place
    own = f"cuda:{rank}" if torch.device(device).type == "cuda" else device
    if own == device:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))

    def report(stage: FailureStage, share: float, note: str) -> None:
        if rank == 0:
            pipe.send((stage, share, note))

    with joined(rendezvous, rank, processes, torch.device(own)):
        # Sent before the team is left: the others may be waiting for this process.
        pipe.send(_end_of(lambda: training(own, report)))


def _end_of(train: Callable[[], float]) -> _Ended:
    try:
        return _Ended(train())
    except (SmnasError, MemoryError) as error:
        return _Ended(0.0, error)
    except RuntimeError as error:
        if not means_out_of_memory(error):
            raise
        return _Ended(0.0, MemoryError(str(error)))
