"""What the search asks of the place where trials run."""

from collections.abc import Sequence
from typing import Protocol

from smnas.trial.trial import Outcome, Trial


class Executor(Protocol):
    """Runs trials and hands back their outcomes, in whatever order they end."""

    def free_slots(self) -> int:
        """Return how many trials can be submitted and begin at once."""
        ...

    def submit(self, trial: Trial) -> None:
        """Take on ``trial``; it runs as soon as there is a slot."""
        ...

    def wait(self) -> Sequence[tuple[int, Outcome]]:
        """Block until at least one trial has ended; return the ended ones by their numbers.

        A trial that fails ends with a failure as its outcome, perhaps after further attempts
        (``faults.RETRIES``). What is no trial's fault, such as a full disk, is raised: the trial
        then stays unfinished and is taken up again by the next start.
        """
        ...

    def idle(self) -> bool:
        """Return whether nothing is running or waiting."""
        ...

    def drop_waiting(self) -> None:
        """Forget what has been submitted and does not run yet; its trials stay unfinished."""
        ...

    def close(self) -> None:
        """Stop what runs, and leave no process behind; its trials stay unfinished."""
        ...
