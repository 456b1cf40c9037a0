"""The plot of how the hypervolume grew from candidate to candidate."""

from collections.abc import Sequence

import plotly.graph_objects as go

from smnas.report.plot_style import BLUE, LAYOUT, ORANGE
from smnas.report.tables import FRONT_OBJECTIVES, is_measured
from smnas.trial.front import front, hypervolume
from smnas.trial.trial import Trial


def plot_hypervolume(trials: Sequence[Trial]) -> go.Figure:
    """Return the plot of the hypervolume after each candidate, one line per budget."""
    figure = go.Figure()
    series = hypervolume_series(trials)
    for position, (name, (numbers, volumes)) in enumerate(series.items()):
        color = (BLUE, ORANGE)[position % 2]
        figure.add_trace(
            go.Scatter(
                x=numbers,
                y=volumes,
                name=name,
                mode="lines+markers",
                line={"shape": "hv", "color": color, "width": 2},
                marker={"size": 5, "color": color},
                hovertemplate="after trial %{x}<br>hypervolume %{y:.4f}<extra></extra>",
            )
        )
    figure.update_layout(
        **LAYOUT,
        height=320,
        showlegend=len(series) > 1,
        xaxis={"title": "trial", "dtick": max(1, len(trials) // 10)},
        yaxis={"title": "hypervolume", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.3, "x": 0, "yanchor": "top"},
    )
    return figure


def hypervolume_series(trials: Sequence[Trial]) -> dict[str, tuple[list[int], list[float]]]:
    """Return, per budget, trial numbers and the hypervolume of the candidates up to each.

    AP counts from 0 and time, in natural logarithms, from the slowest candidate of all budgets. The
    yardstick and the finals play no part, and candidates of different budgets are kept apart.
    """
    candidates = [t for t in trials if t.proposal.is_candidate and is_measured(t)]
    if not candidates:
        return {}
    slowest = max(trial.value("latency_ms") for trial in candidates)
    series: dict[str, tuple[list[int], list[float]]] = {}
    for budget in dict.fromkeys(trial.proposal.budget for trial in candidates):
        partners = [trial for trial in candidates if trial.proposal.budget == budget]
        numbers = [trial.number for trial in partners]
        series[f"trained for {budget}"] = (numbers, _growth(partners, (0.0, slowest)))
    return series


def _growth(partners: Sequence[Trial], reference: tuple[float, float]) -> list[float]:
    """Return the hypervolume of the first, the first two, ... of ``partners``."""
    volumes: list[float] = []
    kept: list[Trial] = []
    for trial in partners:
        kept = front([*kept, trial], FRONT_OBJECTIVES)
        volumes.append(hypervolume(kept, FRONT_OBJECTIVES, reference))
    return volumes
