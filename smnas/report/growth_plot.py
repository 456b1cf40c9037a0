"""The plot of how the hypervolume grew from candidate to candidate."""

from collections.abc import Sequence

import plotly.graph_objects as go

from smnas.report.members import is_measured
from smnas.report.objectives import FRONT_OBJECTIVES
from smnas.report.plot_style import BLUE, LAYOUT, ORANGE
from smnas.trial.front import GrowingFront, Objective, hypervolume
from smnas.trial.trial import Trial


def plot_hypervolume(
    trials: Sequence[Trial], objectives: Sequence[Objective] = FRONT_OBJECTIVES
) -> go.Figure:
    """Return the plot of the hypervolume after each candidate, one line per budget."""
    figure = go.Figure()
    series = hypervolume_series(trials, objectives)
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


def hypervolume_series(
    trials: Sequence[Trial], objectives: Sequence[Objective] = FRONT_OBJECTIVES
) -> dict[str, tuple[list[int], list[float]]]:
    """Return, per budget, trial numbers and the hypervolume of the candidates up to each.

    Accuracies count from 0, and costs, in natural logarithms, from the dearest candidate of all
    budgets. The yardstick and the finals play no part, and candidates of different budgets are kept
    apart.
    """
    candidates = [t for t in trials if t.proposal.is_candidate and is_measured(t, objectives)]
    if not candidates:
        return {}
    worst = [
        0.0 if objective.maximise else max(trial.value(objective.metric) for trial in candidates)
        for objective in objectives
    ]
    series: dict[str, tuple[list[int], list[float]]] = {}
    for budget in dict.fromkeys(trial.proposal.budget for trial in candidates):
        partners = [trial for trial in candidates if trial.proposal.budget == budget]
        numbers = [trial.number for trial in partners]
        series[f"trained for {budget}"] = (numbers, _growth(partners, objectives, worst))
    return series


def _growth(
    partners: Sequence[Trial], objectives: Sequence[Objective], reference: Sequence[float]
) -> list[float]:
    """Return the hypervolume of the first, the first two, ... of ``partners``."""
    volumes: list[float] = []
    growing = GrowingFront(objectives)
    for trial in partners:
        growing.add(trial)
        volumes.append(hypervolume(growing.members, objectives, reference))
    return volumes
