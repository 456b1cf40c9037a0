"""The plot of the front: every measured trial is one point, in the plane of AP and time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import plotly.graph_objects as go

from smnas.report.plot_style import BLUE, GREEN, GREY, LAYOUT, ORANGE, transparent
from smnas.report.tables import (
    candidate_stage,
    front_members,
    is_final,
    is_measured,
    recommended,
)
from smnas.report.wording import milliseconds, percent, three_digits
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Trial


@dataclass(frozen=True)
class _Group:
    """One entry of the legend: which trials, and how they are drawn."""

    name: str
    final: bool
    stage: int | str
    symbol: str
    color: str
    size: int


_GROUPS = (
    _Group("Stage 1, candidates", False, 1, "circle-open", BLUE, 8),
    _Group("Stage 2, candidates", False, 2, "diamond-open", ORANGE, 9),
    _Group("Stage 1, final training", True, 1, "circle", BLUE, 13),
    _Group("Stage 2, final training", True, 2, "diamond", ORANGE, 14),
    _Group("Yardstick, short training", False, "yardstick", "x-thin-open", GREY, 12),
    _Group("Yardstick, final training", True, "yardstick", "x", GREY, 13),
)


def plot_front(trials: Sequence[Trial]) -> go.Figure:
    """Return the plot of AP against time: every measured trial once, and the front as a line."""
    figure = go.Figure()
    members = sorted(front_members(trials), key=lambda trial: trial.value("latency_ms"))
    figure.add_trace(_front_line(members, final=is_final(trials)))
    by_number = {trial.number: trial for trial in trials}
    longest = max((t.proposal.budget.epochs for t in trials if is_measured(t)), default=0)
    for group in _GROUPS:
        listed = [
            trial
            for trial in trials
            if is_measured(trial)
            and candidate_stage(trial, by_number) == group.stage
            and _is_final_training(trial, trials, longest) == group.final
        ]
        if listed:
            figure.add_trace(_points(listed, group))
    chosen = recommended(members)
    if chosen is not None:
        figure.add_annotation(**_recommended_label(chosen))
    figure.update_layout(
        **LAYOUT,
        height=560,
        xaxis={"title": "time per picture, ms (log scale)", "type": "log", **_time_ticks(trials)},
        yaxis={"title": "AP x 100, validation split", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.16, "x": 0, "yanchor": "top"},
    )
    return figure


def _time_ticks(trials: Sequence[Trial]) -> dict[str, list[Any]]:
    """Return round times that span the trials: plotly's own ticks on a log axis hide the decade."""
    times = [trial.value("latency_ms") for trial in trials if is_measured(trial)] or [1.0]
    decades = range(floor(log10(min(times))), floor(log10(max(times))) + 2)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 1.5, 2, 3, 4, 5, 7)]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _is_final_training(trial: Trial, trials: Sequence[Trial], longest: int) -> bool:
    if trial.proposal.stage == "yardstick":
        return is_final(trials) and trial.proposal.budget.epochs == longest
    return trial.proposal.stage == "final"


def _front_line(members: Sequence[Trial], *, final: bool) -> go.Scatter:
    return go.Scatter(
        x=[trial.value("latency_ms") for trial in members],
        y=[100 * trial.value("ap") for trial in members],
        name="Final front" if final else "Front so far",
        mode="lines",
        line={"shape": "hv", "color": GREEN, "width": 3},
        hoverinfo="skip",
    )


def _points(listed: Sequence[Trial], group: _Group) -> go.Scatter:
    aps = [_measured(trial, "ap") for trial in listed]
    times = [_measured(trial, "latency_ms") for trial in listed]
    return go.Scatter(
        x=[time.value for time in times],
        y=[100 * ap.value for ap in aps],
        error_x=_error_bars(times, 1.0, group),
        error_y=_error_bars(aps, 100.0, group),
        name=group.name,
        mode="markers",
        cliponaxis=False,
        marker={
            "symbol": group.symbol,
            "color": group.color,
            "size": group.size,
            "line": {"width": 2, "color": group.color},
        },
        customdata=[trial.number for trial in listed],
        text=[hover_text(trial) for trial in listed],
        hovertemplate="%{text}<extra></extra>",
    )


def hover_text(trial: Trial) -> str:
    """Return what is shown over a point: the arch, its id, AP, time, cost and budget."""
    ap, ap50, time = (trial.measurement(name) for name in ("ap", "ap50", "latency_ms"))
    macs, params = trial.measurement("macs_g"), trial.measurement("params_m")
    return "<br>".join(
        (
            f"<b>{_broken(str(trial.proposal.arch))}</b>",
            f"trial {trial.number}, arch {trial.proposal.arch.arch_id}, "
            f"{trial.proposal.origin.operator}",
            f"AP {_with_interval(ap, percent)}, AP50 {_with_interval(ap50, percent)}",
            f"{_with_interval(time, milliseconds)} ms",
            f"{three_digits(macs.value if macs else None)} G multiply-adds, "
            f"{three_digits(params.value if params else None)} M parameters",
            f"trained for {trial.proposal.budget}",
        )
    )


def _with_interval(found: Measurement | None, write: Callable[..., str]) -> str:
    return write(found.value, found.interval) if found else write(None)


def _broken(text: str, width: int = 60) -> str:
    """Break an arch text after slashes, so that the hover box stays narrow."""
    lines = [""]
    for field in text.split("/"):
        joined = f"{lines[-1]}/{field}" if lines[-1] else field
        if len(joined) > width and lines[-1]:
            lines[-1] += "/"
            lines.append(field)
        else:
            lines[-1] = joined
    return "<br>".join(lines)


def _measured(trial: Trial, metric: str) -> Measurement:
    found = trial.measurement(metric)
    if found is None:
        raise KeyError(f"trial {trial.number} has no {metric!r}")
    return found


def _error_bars(found: Sequence[Measurement], scale: float, group: _Group) -> dict[str, Any]:
    low = [scale * (m.value - m.interval[0]) if m.interval else 0.0 for m in found]
    high = [scale * (m.interval[1] - m.value) if m.interval else 0.0 for m in found]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, end) for end in high],
        "arrayminus": [max(0.0, end) for end in low],
        "color": transparent(group.color, 0.8 if group.final else 0.3),
        "thickness": 1.4 if group.final else 1,
        "width": 0,
    }


def _recommended_label(chosen: Trial) -> dict[str, Any]:
    return {
        "x": log10(chosen.value("latency_ms")),
        "y": 100 * chosen.value("ap"),
        "text": "<b>recommended</b>",
        "showarrow": True,
        "arrowhead": 2,
        "arrowcolor": GREEN,
        "ax": -40,
        "ay": -45,
    }
