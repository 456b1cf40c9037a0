"""One trial at a time, in this process."""

from collections import deque
from collections.abc import Callable

from smnas.trial.trial import Outcome, Trial


class InlineExecutor:
    """Runs a trial when it is waited for; what is submitted meanwhile queues up."""

    def __init__(self, evaluate: Callable[[Trial], Outcome]) -> None:
        """Take the function that turns a trial into its outcome."""
        self._evaluate = evaluate
        self._queue: deque[Trial] = deque()

    def free_slots(self) -> int:
        """Return 1 while nothing is queued, else 0."""
        return 0 if self._queue else 1

    def submit(self, trial: Trial) -> None:
        """Queue ``trial``."""
        self._queue.append(trial)

    def wait(self) -> list[tuple[int, Outcome]]:
        """Run the oldest queued trial and return its outcome; empty where nothing is queued."""
        if not self._queue:
            return []
        trial = self._queue[0]
        outcome = self._evaluate(trial)
        self._queue.popleft()
        return [(trial.number, outcome)]

    def idle(self) -> bool:
        """Return whether the queue is empty."""
        return not self._queue
