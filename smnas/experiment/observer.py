"""What a search tells whoever watches it: the loop calls this protocol and prints nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from smnas.report.objectives import FRONT_OBJECTIVES
from smnas.report.tables import FrontRow
from smnas.trial.front import Objective
from smnas.trial.trial import Trial


@dataclass(frozen=True)
class Briefing:
    """What is said before the first trial starts, in sentences for people.

    Attributes:
        folder: The run folder.
        machine: The machine in one line.
        data: Pictures, boxes and their sizes, how the split was made, and how small a difference
            means nothing on this validation set.
        plan: Trainings per stage, minutes and disk; what is an estimate says so.
        trainings: How many trainings the whole search has.
        resumed: How many of them were finished already when this call began.
        resumed_share: Share of the whole search's training that these were, 0 to 1.
        objectives: What the front is taken over.
    """

    folder: Path
    machine: str
    data: tuple[str, ...]
    plan: tuple[str, ...]
    trainings: int
    resumed: int = 0
    resumed_share: float = 0.0
    objectives: tuple[Objective, ...] = FRONT_OBJECTIVES


@dataclass(frozen=True)
class RunSummary:
    """How the search ended.

    Attributes:
        folder: The run folder.
        rows: What ``smnas front RUN --json`` prints: the front, best AP first, and the yardstick.
        candidates: Candidates trained over both stages, failed ones left out.
        failed: Trials that failed.
        refused: Candidates that broke a constraint, and so were not trained.
        pruned: Candidates that could not have moved the front, and so were not trained.
        seconds: Wall-clock seconds of this call.
        trial_seconds: Seconds that all trials of the run took, over all calls.
        report: Path of the report.
    """

    folder: Path
    rows: tuple[FrontRow, ...]
    candidates: int
    failed: int
    seconds: float
    trial_seconds: float
    report: Path
    refused: int = 0
    pruned: int = 0

    @property
    def recommended(self) -> FrontRow:
        """The cheapest detector that keeps at least 95 % of the best accuracy."""
        return next(row for row in self.rows if row["recommended"])


class Observer(Protocol):
    """Watches a search. Calls come in this order; none of them may change the search."""

    def announced(self, briefing: Briefing) -> None:
        """Hear what is going to happen, before it does."""
        ...

    def started(self, trial: Trial) -> None:
        """Hear that ``trial`` is about to run."""
        ...

    def progressed(self, number: int, share: float, note: str) -> None:
        """Hear how far trial ``number`` is.

        Args:
            number: The trial.
            share: Share of its work that is done, 0 to 1.
            note: What it is doing, in a few words, such as ``training, loss 0.81``.
        """
        ...

    def recorded(self, trial: Trial, trials: Sequence[Trial], done_share: float) -> None:
        """Hear that the outcome of ``trial`` is on disk.

        Args:
            trial: With its outcome.
            trials: All trials of the run.
            done_share: Share of the whole search's training that is done, 0 to 1.
        """
        ...

    def noted(self, sentence: str) -> None:
        """Hear what happens between the trials, such as that the test split is being read."""
        ...

    def finished(self, summary: RunSummary) -> None:
        """Hear how it ended."""
        ...


class SilentObserver:
    """Watches without a word."""

    def announced(self, briefing: Briefing) -> None:
        """Do nothing."""

    def started(self, trial: Trial) -> None:
        """Do nothing."""

    def progressed(self, number: int, share: float, note: str) -> None:
        """Do nothing."""

    def recorded(self, trial: Trial, trials: Sequence[Trial], done_share: float) -> None:
        """Do nothing."""

    def noted(self, sentence: str) -> None:
        """Do nothing."""

    def finished(self, summary: RunSummary) -> None:
        """Do nothing."""
