"""What the loop asks of any search algorithm."""

from collections.abc import Sequence
from typing import Protocol

from smnas.trial.trial import Proposal, Trial


class Algorithm(Protocol):
    """A function of the trials so far, in the order in which they came, and a seed.

    It keeps nothing between calls: the same trials give the same proposals, in another process too.
    The k-th proposal of a run draws from the seed and k alone, so a search goes on by being asked
    again. Proposals get the numbers that follow the last trial's, in their order.
    """

    def ask(self, trials: Sequence[Trial], slots: int) -> list[Proposal]:
        """Return what to try next.

        Args:
            trials: All trials of the run, finished or not.
            slots: How many more trials can run now.

        Returns:
            At most ``slots`` proposals; fewer, or none, where the next depend on unfinished trials
            or nothing is left to try.
        """
        ...

    def done(self, trials: Sequence[Trial]) -> bool:
        """Return whether no trial is unfinished and nothing will be proposed any more."""
        ...
