"""The plot of the front: every measured trial is one point, in the plane of accuracy and cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import plotly.graph_objects as go

from smnas.report.members import candidate_stage, front_members, is_final, is_measured, recommended
from smnas.report.objectives import FRONT_OBJECTIVES
from smnas.report.plot_style import BLUE, GREEN, GREY, LAYOUT, ORANGE, transparent
from smnas.report.tables import folds_behind, predicted_for
from smnas.report.wording import milliseconds, percent, three_digits
from smnas.trial.front import Objective
from smnas.trial.measurement import Measurement
from smnas.trial.metrics import find_metric, main_axes
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


def plot_front(
    trials: Sequence[Trial], objectives: Sequence[Objective] = FRONT_OBJECTIVES
) -> go.Figure:
    """Return the plot of accuracy against cost: every measured trial once, and the front.

    The axes are the main accuracy and cost of the objectives. The front is a line where there are
    two of these, and rings around its members where a third keeps it from being one.
    """
    merit, cost = main_axes(objectives)
    plane = (_Axis(cost), _Axis(merit))
    figure = go.Figure()
    members = sorted(front_members(trials, objectives), key=lambda trial: -cost.of(trial))
    figure.add_trace(_front_trace(members, plane, len(objectives) == 2, final=is_final(trials)))
    by_number = {trial.number: trial for trial in trials}
    measured = [trial for trial in trials if is_measured(trial, objectives)]
    longest = max((trial.proposal.budget.epochs for trial in measured), default=0)
    for group in _GROUPS:
        listed = [
            trial
            for trial in measured
            if candidate_stage(trial, by_number) == group.stage
            and _is_final_training(trial, trials, longest) == group.final
        ]
        if listed:
            figure.add_trace(_points(listed, plane, group))
    chosen = recommended(members, objectives)
    if chosen is not None:
        figure.add_annotation(**_recommended_label(chosen, plane))
    figure.update_layout(
        **LAYOUT,
        height=560,
        xaxis=plane[0].layout(measured),
        yaxis=plane[1].layout(measured),
        legend={"orientation": "h", "y": -0.16, "x": 0, "yanchor": "top"},
    )
    return figure


@dataclass(frozen=True)
class _Axis:
    """An axis of the plot: accuracies times 100 from zero, costs on a log scale."""

    objective: Objective

    @property
    def scale(self) -> float:
        return 100.0 if self.objective.maximise else 1.0

    def place(self, trial: Trial) -> float:
        """Return where the trial stands on the axis."""
        return self.scale * self.measured(trial).value

    def measured(self, trial: Trial) -> Measurement:
        found = trial.measurement(self.objective.metric)
        if found is None:
            raise KeyError(f"trial {trial.number} has no {self.objective.metric!r}")
        return found

    def layout(self, trials: Sequence[Trial]) -> dict[str, Any]:
        title = find_metric(self.objective.metric).title
        if self.objective.maximise:
            return {"title": f"{title} x 100, {_judged_on(trials)}", "rangemode": "tozero"}
        if any(predicted_for(self.measured(trial)) for trial in trials):
            title += ", predicted for another device"
        ticks = _round_ticks([self.place(trial) for trial in trials] or [1.0])
        return {"title": f"{title} (log scale)", "type": "log", **ticks}


def _judged_on(trials: Sequence[Trial]) -> str:
    folds = max((folds_behind(trial.measurement("ap")) for trial in trials), default=1)
    return "validation split" + (f"; filled: {folds} folds of train and val" if folds > 1 else "")


def _round_ticks(values: Sequence[float]) -> dict[str, list[Any]]:
    """Return round numbers that span ``values``: plotly's own on a log axis hide the decade."""
    decades = range(floor(log10(min(values))), floor(log10(max(values))) + 2)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 1.5, 2, 3, 4, 5, 7)]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _is_final_training(trial: Trial, trials: Sequence[Trial], longest: int) -> bool:
    if trial.proposal.stage == "yardstick":
        return is_final(trials) and trial.proposal.budget.epochs == longest
    return trial.proposal.stage == "final"


def _front_trace(
    members: Sequence[Trial], plane: tuple[_Axis, _Axis], as_line: bool, *, final: bool
) -> go.Scatter:
    x, y = ([axis.place(trial) for trial in members] for axis in plane)
    look = (
        {"mode": "lines", "line": {"shape": "hv", "color": GREEN, "width": 3}}
        if as_line
        else {
            "mode": "markers",
            "marker": {"symbol": "circle-open", "size": 22, "line": {"width": 2, "color": GREEN}},
        }
    )
    name = "Final front" if final else "Front so far"
    return go.Scatter(x=x, y=y, name=name, hoverinfo="skip", **look)


def _points(listed: Sequence[Trial], plane: tuple[_Axis, _Axis], group: _Group) -> go.Scatter:
    across, up = plane
    return go.Scatter(
        x=[across.place(trial) for trial in listed],
        y=[up.place(trial) for trial in listed],
        error_x=_error_bars(listed, across, group),
        error_y=_error_bars(listed, up, group),
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
        text=[hover_text(trial, up.objective.metric) for trial in listed],
        hovertemplate="%{text}<extra></extra>",
    )


def hover_text(trial: Trial, metric: str = "ap") -> str:
    """Return what is shown over a point: the arch, its id, AP, time, cost and budget.

    ``metric`` is the run's own accuracy, shown beside AP and AP50.
    """
    own = trial.measurement(metric) if metric not in ("ap", "ap50") else None
    ap, ap50, time = (trial.measurement(name) for name in ("ap", "ap50", "latency_ms"))
    macs, params = trial.measurement("macs_g"), trial.measurement("params_m")
    return "<br>".join(
        (
            f"<b>{_broken(str(trial.proposal.arch))}</b>",
            f"trial {trial.number}, arch {trial.proposal.arch.arch_id}, "
            f"{trial.proposal.origin.operator}",
            f"AP {_with_interval(ap, percent)}, AP50 {_with_interval(ap50, percent)}"
            + (f", {find_metric(metric).title} {_with_interval(own, percent)}" if own else ""),
            _time(time),
            f"{three_digits(macs.value if macs else None)} G multiply-adds, "
            f"{three_digits(params.value if params else None)} M parameters",
            f"trained for {trial.proposal.budget}",
        )
    )


def _time(found: Measurement | None) -> str:
    if found is None:
        return f"{milliseconds(None)} ms"
    return (
        f"{milliseconds(found.value, found.interval, found.flag)} ms"
        + (", predicted" if predicted_for(found) else "")
        + (f", uncertain: {found.flag}" if found.flag else "")
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


def _error_bars(listed: Sequence[Trial], axis: _Axis, group: _Group) -> dict[str, Any]:
    found = [axis.measured(trial) for trial in listed]
    low = [axis.scale * (m.value - m.interval[0]) if m.interval else 0.0 for m in found]
    high = [axis.scale * (m.interval[1] - m.value) if m.interval else 0.0 for m in found]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, end) for end in high],
        "arrayminus": [max(0.0, end) for end in low],
        "color": transparent(group.color, 0.8 if group.final else 0.3),
        "thickness": 1.4 if group.final else 1,
        "width": 0,
    }


def _recommended_label(chosen: Trial, plane: tuple[_Axis, _Axis]) -> dict[str, Any]:
    across, up = plane
    x = across.place(chosen)
    return {
        "x": x if across.objective.maximise else log10(x),
        "y": up.place(chosen),
        "text": "<b>recommended</b>",
        "showarrow": True,
        "arrowhead": 2,
        "arrowcolor": GREEN,
        "ax": -40,
        "ay": -45,
    }
