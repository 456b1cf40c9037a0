"""The front in a terminal."""

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, RenderableType

from smnas.cli.front_table import _SHORT, _SHOWN, front_table, glance_table
from smnas.report.objectives import run_objectives
from smnas.report.tables import front_rows
from smnas.trial.metrics import METRICS
from smnas.trial.trial import Trial


def drawn(table: RenderableType, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue().splitlines()


def test_all_intervals_fit_80_columns(make_trial: Callable[..., Trial]) -> None:
    trials = [make_trial(0, "final", 0.3, 14.0), make_trial(1, "yardstick", 0.2, 16.0)]
    lines = drawn(front_table(front_rows(trials, Path())))
    text = "\n".join(lines)
    assert "…" not in text
    assert "28.0-32.0" in text
    assert any(line.startswith(" > stage 1") or line.startswith("> stage 1") for line in lines)


def test_at_a_glance_recommended_and_yardstick_are_never_left_out(
    make_trial: Callable[..., Trial],
) -> None:
    trials = [make_trial(n, "final", 0.1 + 0.05 * n, 2.0 + n) for n in range(8)]
    trials.append(make_trial(8, "yardstick", 0.01, 9.0))
    text = "\n".join(drawn(glance_table(front_rows(trials, Path()), limit=4)))
    assert text.count("stage 1") == 3
    assert "yardstick" in text
    assert "> stage 1" in text
    assert "5 more" in text


def test_objectives_beside_the_usual_ones_get_a_column(make_trial: Callable[..., Trial]) -> None:
    trials = [make_trial(0, "final", 0.3, 14.0), make_trial(1, "yardstick", 0.2, 16.0)]
    objectives = run_objectives({"objectives": ["ap50", "params_m"]})
    rows = front_rows(trials, Path(), objectives)
    text = "\n".join(drawn(front_table(rows)))
    assert "M par." in text
    assert "G MACs" not in text
    assert "…" not in text
    assert "recommended: the smallest with at least 95 % of the best AP50" in text
    assert "the smallest" in "\n".join(drawn(glance_table(rows, limit=4), width=100))


def test_every_metric_has_a_narrow_name() -> None:
    assert {*_SHOWN, *_SHORT} == set(METRICS)
    assert max(map(len, _SHORT.values())) <= len("G MACs")
