"""A limit on the weights that a run keeps: those of the front and of what runs come first."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from smnas.experiment.observer import Briefing, Observer, RunSummary
from smnas.experiment.run_folder import WEIGHTS, checkpoint_folder, trial_folder
from smnas.search import SearchSettings
from smnas.training.keeping import TRUNK
from smnas.trial.budget import Budget
from smnas.trial.front import front
from smnas.trial.trial import Stage, Trial


class DiskQuota:
    """An ``Observer`` that passes everything on, and tidies up after each outcome.

    A trunk that a finished trial has continued is always removed. Where weights and trunks take
    more than the limit, those of other trials than the front's and the running ones are removed,
    oldest first: a trial whose trunk is gone is trained from its begin where it is continued.

    Args:
        inner: Who is told.
        run_folder: The run.
        settings: What the fronts are taken over.
        limit_gib: What weights and trunks of all trials may take; None: as much as there is.
    """

    def __init__(
        self,
        inner: Observer,
        run_folder: Path,
        settings: SearchSettings,
        limit_gib: float | None,
    ) -> None:
        self._inner = inner
        self._run_folder = run_folder
        self._settings = settings
        self._limit_mib = None if limit_gib is None else 1024 * limit_gib
        self._sizes_mib: dict[int, float] = {}
        self._said = False

    def recorded(self, trial: Trial, trials: Sequence[Trial], done_share: float) -> None:
        """Pass it on, and remove what is not to be kept."""
        self._inner.recorded(trial, trials, done_share)
        lower = trial.proposal.continues
        if lower is not None and trial.succeeded:
            self._remove(lower, [self._trunk(lower)])
        for number in (t.number for t in trials if t.number not in self._sizes_mib):
            self._sizes_mib[number] = self._measure(number)
        self._sizes_mib[trial.number] = self._measure(trial.number)
        if self._limit_mib is not None and self._total_mib > self._limit_mib:
            self._shrink(trials, self._limit_mib)

    @property
    def _total_mib(self) -> float:
        return sum(self._sizes_mib.values())

    def _shrink(self, trials: Sequence[Trial], limit_mib: float) -> None:
        kept = kept_trials(trials, self._settings)
        for number in sorted(self._sizes_mib.keys() - kept):
            if self._total_mib <= limit_mib:
                return
            self._remove(number, self._files(number))
        if self._total_mib > limit_mib and not self._said:
            self._said = True
            self._inner.noted(
                f"The weights of the front and of what runs take {self._total_mib / 1024:.2f} GiB, "
                f"more than the disk quota of {limit_mib / 1024:.2f} GiB, and nothing else is left "
                "to remove."
            )

    def _remove(self, number: int, paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        folder = checkpoint_folder(self._run_folder, number)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        self._sizes_mib[number] = self._measure(number)

    def _measure(self, number: int) -> float:
        sizes = [path.stat().st_size for path in self._files(number) if path.exists()]
        return sum(sizes) / 2**20

    def _files(self, number: int) -> list[Path]:
        return [self._trunk(number), trial_folder(self._run_folder, number) / WEIGHTS]

    def _trunk(self, number: int) -> Path:
        return checkpoint_folder(self._run_folder, number) / TRUNK

    def announced(self, briefing: Briefing) -> None:
        """Pass it on."""
        self._inner.announced(briefing)

    def started(self, trial: Trial) -> None:
        """Pass it on."""
        self._inner.started(trial)

    def progressed(self, number: int, share: float, note: str) -> None:
        """Pass it on."""
        self._inner.progressed(number, share, note)

    def noted(self, sentence: str) -> None:
        """Pass it on."""
        self._inner.noted(sentence)

    def finished(self, summary: RunSummary) -> None:
        """Pass it on."""
        self._inner.finished(summary)


def kept_trials(trials: Sequence[Trial], settings: SearchSettings) -> set[int]:
    """Return the numbers of trials whose weights and trunks are kept.

    They are those that run with what they continue, finals and yardsticks, and the front of each
    stage among the candidates of each budget.
    """
    kept: set[int] = set()
    equals: dict[tuple[Stage, Budget], list[Trial]] = {}
    for trial in trials:
        proposal = trial.proposal
        if trial.outcome is None:
            kept.add(trial.number)
            if proposal.continues is not None:
                kept.add(proposal.continues)
        elif not proposal.is_candidate:
            kept.add(trial.number)
        elif trial.succeeded:
            equals.setdefault((proposal.stage, proposal.budget), []).append(trial)
    for (stage, _), group in equals.items():
        over = settings.stage_one_objectives if stage == 1 else settings.stage_two_objectives
        kept |= {trial.number for trial in front(group, over)}
    return kept
