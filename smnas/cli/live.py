"""What a search shows while it runs: a table of the front and a bar, or plain lines in a log."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from smnas.cli.final_screen import show_summary
from smnas.cli.front_table import glance_table
from smnas.cli.pace import Pace
from smnas.experiment.observer import Briefing, RunSummary
from smnas.report.tables import front_rows, predicted_for
from smnas.report.wording import MISSING, milliseconds, percent
from smnas.trial.trial import Trial

_MAX_ROWS = 9
"""Rows of the live table: with the lines around it they fit a terminal of 24 lines."""
_MAX_RUNNING = 3
"""Trials that are named, of those that run."""


class LiveView:
    """Watches a search (an ``Observer``) and shows it to people; use it as a context.

    In a terminal it keeps a table of the front, with the yardstick in it, above a progress bar.
    Elsewhere it writes one line per recorded trial.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._briefing: Briefing | None = None
        self._pace = Pace(begun=clock())
        self._table: RenderableType = Text("The front appears with the first measured detector.")
        self._running: dict[int, _Running] = {}
        """The running trials by their numbers."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the terminal back, however the search ended."""
        self._stop()

    def announced(self, briefing: Briefing) -> None:
        """Say what is going to happen."""
        self._briefing = briefing
        self._console.print(_briefing_table(briefing))
        if briefing.resumed:
            self._say(
                f"Going on: {briefing.resumed} of {briefing.trainings} trainings were finished "
                "before."
            )
        already = briefing.resumed_share
        self._pace = Pace(self._clock(), share_at_begin=already, share=already)
        if self._live is not None:
            self._live.start()
            self._refresh()

    def started(self, trial: Trial) -> None:
        """Show which trial runs."""
        self._running[trial.number] = _Running(f"{_place(trial)}: {trial.proposal.arch}")
        self._refresh()

    def progressed(self, number: int, share: float, note: str) -> None:
        """Show how far a running trial is."""
        if number in self._running:
            self._running[number].share, self._running[number].note = share, note
        self._refresh()

    def recorded(self, trial: Trial, trials: Sequence[Trial], done_share: float) -> None:
        """Show the front with the new trial in it."""
        self._pace = self._pace.at(self._clock(), done_share)
        if self._briefing is not None:
            rows = front_rows(trials, self._briefing.folder, self._briefing.objectives)
            self._table = glance_table(rows, _MAX_ROWS) if rows else self._table
        if self._live is None:
            self._say(f"{self._pace.describe(self._clock())}: {_recorded_line(trial)}")
        elif trial.failed:
            self._say(_recorded_line(trial))
        self._running.pop(trial.number, None)
        self._refresh()

    def noted(self, sentence: str) -> None:
        """Say a sentence."""
        self._say(sentence)

    def finished(self, summary: RunSummary) -> None:
        """Leave the live view and show the last screen."""
        self._stop()
        show_summary(self._console, summary)

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, markup=False, soft_wrap=True)

    def _refresh(self) -> None:
        if self._live is not None and self._live.is_started:
            self._live.update(self._picture(), refresh=True)

    def _stop(self) -> None:
        if self._live is not None and self._live.is_started:
            self._live.stop()

    def _picture(self) -> RenderableType:
        bars = Table.grid(padding=(0, 2), expand=True)
        bars.add_column(width=8)
        bars.add_column(ratio=1)
        bars.add_column(justify="right", no_wrap=True)
        bars.add_row(
            "search",
            ProgressBar(total=1.0, completed=self._pace.share),
            self._pace.describe(self._clock()),
        )
        running = list(self._running.values())
        share = sum(trial.share for trial in running) / max(1, len(running))
        one = running[0].note if running else ""
        note = one if len(running) < 2 else f"{len(running)} running"
        bars.add_row("trial" if len(running) < 2 else "trials", ProgressBar(1.0, share), note)
        names = "\n".join(trial.name for trial in running[:_MAX_RUNNING])
        return Group(self._table, bars, Text(names, style="dim", no_wrap=True, overflow="ellipsis"))


@dataclass
class _Running:
    """A trial that runs, as it is shown."""

    name: str
    share: float = 0.0
    note: str = "starting"


def _briefing_table(briefing: Briefing) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    grid.add_row("Machine", Text(briefing.machine))
    grid.add_row("Data", Text("\n".join(briefing.data)))
    grid.add_row("Plan", Text("\n".join(briefing.plan)))
    grid.add_row("Run", Text(str(briefing.folder)))
    return grid


def _place(trial: Trial) -> str:
    stage = trial.proposal.stage
    return f"trial {trial.number}, " + (f"stage {stage}" if stage in (1, 2) else str(stage))


def _recorded_line(trial: Trial) -> str:
    arch = trial.proposal.arch
    if trial.outcome is not None and trial.outcome.failure is not None:
        failure = trial.outcome.failure
        if trial.refused:
            return f"{_place(trial)}: not trained: {failure.reason}; {arch}"
        return f"{_place(trial)}: failed at {failure.stage}: {failure.reason}; {arch}"
    ap, ap50, time_taken = (trial.measurement(name) for name in ("ap", "ap50", "latency_ms"))
    return (
        f"{_place(trial)}: AP {percent(ap.value if ap else None)}, AP50 "
        f"{percent(ap50.value if ap50 else None)}, "
        f"{milliseconds(time_taken.value, flag=time_taken.flag) if time_taken else MISSING} ms"
        f"{' predicted' if predicted_for(time_taken) else ''}; "
        f"{arch}"
    )
