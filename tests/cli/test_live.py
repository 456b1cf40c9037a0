"""What a search shows, in a terminal and in a log."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from smnas.cli.live import LiveView
from smnas.experiment.observer import Briefing, Observer, RunSummary
from smnas.report.tables import front_rows
from smnas.trial.trial import Trial

MakeTrial = Callable[..., Trial]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def show_a_search(view: LiveView, folder: Path, trials: list[Trial], clock: Clock) -> None:
    """Tell a view of a whole search in which each trial takes ten seconds."""
    observer: Observer = view
    with view:
        observer.announced(
            Briefing(
                folder=folder,
                machine="two cores of a test machine",
                data=("12 pictures", "differences below 3.0 AP mean nothing"),
                plan=("4 trainings, about 1 minute, 20 MB",),
                trainings=len(trials),
            )
        )
        for done, trial in enumerate(trials, 1):
            observer.started(trial)
            observer.progressed(trial.number, 0.5, "training, loss 0.81")
            clock.now += 10.0
            observer.recorded(trial, trials[:done], done / len(trials))
        observer.noted("reading the test split")
        rows = tuple(front_rows(trials, folder))
        report = folder / "report.html"
        observer.finished(RunSummary(folder, rows, 1, 1, 40.0, 40.0, report))


@pytest.fixture
def trials(make_trial: MakeTrial) -> list[Trial]:
    return [
        make_trial(0, 1, 0.2, 5.0),
        make_trial(1, 2, None),
        make_trial(2, "final", 0.3, 4.0),
        make_trial(3, "yardstick", 0.2, 6.0),
    ]


def test_without_a_terminal_each_recorded_trial_is_a_plain_line(
    trials: list[Trial], tmp_path: Path
) -> None:
    out, clock = io.StringIO(), Clock()
    show_a_search(LiveView(Console(file=out, width=100), clock), tmp_path, trials, clock)
    text = out.getvalue()
    assert "\x1b" not in text
    lines = [line for line in text.splitlines() if ": trial " in line]
    assert len(lines) == 4
    assert lines[0].startswith("25 % done, about 30 s left: trial 0, stage 1: AP 20.0, AP50 40.0")
    assert "failed at training: loss [red]not finite[/red]" in lines[1]
    assert text.index("Machine") < text.index("Data") < text.index("Plan") < text.index(lines[0])
    assert "differences below 3.0 AP mean nothing" in text
    assert "reading the test split" in text


def test_in_a_terminal_the_front_is_a_table_above_a_bar(
    trials: list[Trial], tmp_path: Path
) -> None:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    show_a_search(LiveView(console, clock), tmp_path, trials, clock)
    text = out.getvalue()
    assert "The front so far" in text
    assert "training, loss 0.81" in text
    assert "about 30 s left" in text
    assert "yardstick" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is given back


def test_the_terminal_is_given_back_when_the_search_breaks(tmp_path: Path) -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)

    def break_off() -> None:
        with LiveView(console) as view:
            view.announced(Briefing(tmp_path, "m", ("d",), ("p",), trainings=4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") > 0


def test_a_resumed_search_says_so_and_counts_only_its_own_time(
    make_trial: MakeTrial, tmp_path: Path
) -> None:
    out, clock = io.StringIO(), Clock()
    view = LiveView(Console(file=out, width=100), clock)
    view.announced(Briefing(tmp_path, "m", ("d",), ("p",), 4, resumed=2, resumed_share=0.25))
    clock.now += 10.0
    trial = make_trial(2, 1, 0.2)
    view.recorded(trial, [trial], 0.75)
    assert "2 of 4 trainings were finished before" in out.getvalue()
    assert "75 % done, about 5 s left" in out.getvalue()


def test_several_running_trials_are_counted_and_named(
    run_folder: Path, make_trial: MakeTrial
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=24, color_system=None)
    with LiveView(console, Clock()) as view:
        view.announced(Briefing(run_folder, "a machine", ("data",), ("plan",), trainings=9))
        for number in range(5):
            view.started(make_trial(number, 1))
        view.progressed(3, 0.5, "training, loss 0.81")
        view.progressed(99, 0.5, "of nobody")
        screen.truncate(0)
        view.recorded(make_trial(0, 1, 0.2), [make_trial(0, 1, 0.2)], 0.1)
    shown = screen.getvalue()
    assert "4 running" in shown
    assert "trial 1, stage 1:" in shown
    assert "trial 3, stage 1:" in shown
    assert "trial 0, stage 1:" not in shown
    assert "trial 4, stage 1:" not in shown
