"""The only loop of the search."""

from collections.abc import Callable, Sequence

from smnas.archive.archive import Archive
from smnas.execution.executor import Executor
from smnas.experiment.observer import Observer
from smnas.search.algorithm import Algorithm
from smnas.trial.trial import Trial


def run(
    archive: Archive,
    algorithm: Algorithm,
    executor: Executor,
    observer: Observer,
    done_share: Callable[[Sequence[Trial]], float],
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Ask, run and record until the algorithm is done, or the space is used up.

    Args:
        archive: What is known; trials that it holds unfinished are taken up again first.
        algorithm: Decides what to try, from the archive alone.
        executor: Runs the trials.
        observer: Told of every start and outcome.
        done_share: Share of the whole search that a list of trials has done.
        stopping: Whether somebody wants it to end: what runs is brought to its end, nothing begins.

    Raises:
        StorageFullError: No room on the disk; the same call goes on once there is.
    """
    for trial in archive.unfinished():  # a dead driver's trials are taken up again
        observer.started(trial)
        executor.submit(trial)
    while not algorithm.done(archive.trials()):
        if stopping():
            executor.drop_waiting()
        slots = 0 if stopping() else executor.free_slots()
        for proposal in algorithm.ask(archive.trials(), slots):
            trial = archive.start(proposal)  # on disk before it runs
            observer.started(trial)
            executor.submit(trial)
        if executor.idle():
            break  # nothing runs, nothing proposed: the space is used up, or all has stopped
        for number, outcome in executor.wait():  # blocks until one is done
            trial = archive.record(number, outcome)  # on disk before the next ask sees it
            observer.recorded(trial, archive.trials(), done_share(archive.trials()))
