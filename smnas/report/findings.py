"""What the search found out: accuracy against depth, early widening and input size.

The paper's figure 5, from the candidates that were trained to the end: only equal budgets are
compared. Each has Kendall's tau beside it, also of what multiply-adds do not explain, because large
networks are more accurate whatever makes them large.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import plotly.graph_objects as go

from smnas.arch import DetectorArch
from smnas.arch.traits import depth, early_widening, input_megapixels
from smnas.report.plot_style import BLUE, LAYOUT, ORANGE
from smnas.trial.budget import Budget
from smnas.trial.correlation import kendall, without
from smnas.trial.front import Objective
from smnas.trial.metrics import find_metric
from smnas.trial.trial import Trial

Trait = Callable[[DetectorArch], float | None]
TRAITS: dict[str, Trait] = {
    "blocks of the backbone": depth,
    "early widening, 0 to 1": early_widening,
    "input, megapixels": input_megapixels,
}
"""By the title of the axis."""
FEWEST = 5
"""Candidates of one budget, below which nothing is said of it."""
_GAP = 0.06
_MARKS = (("circle", BLUE), ("diamond", ORANGE))


@dataclass(frozen=True)
class Finding:
    """How accuracy goes with one trait among the candidates of one budget."""

    trait: str
    budget: str
    candidates: int
    tau: float | None
    tau_beyond_macs: float | None


def findings(trials: Sequence[Trial], merit: Objective) -> list[Finding]:
    """Return what the candidates show, trait by trait; nothing where too few were trained."""
    found: list[Finding] = []
    for title, trait in TRAITS.items():
        for budget, members in _by_budget(trials, merit).items():
            places, values, macs = _columns(members, trait, merit)
            beyond = kendall(without(places, macs), without(values, macs)) if places else None
            tau = kendall(places, values)
            if tau is not None:
                found.append(Finding(title, str(budget), len(places), tau, beyond))
    return found


def plot_findings(trials: Sequence[Trial], merit: Objective) -> go.Figure:
    """Return the three plots side by side, one mark for each candidate that was trained to the end.

    Candidates of different budgets have marks of their own.
    """
    figure = go.Figure()
    width = (1 - _GAP * (len(TRAITS) - 1)) / len(TRAITS)
    layout: dict[str, Any] = {}
    for column, (title, trait) in enumerate(TRAITS.items()):
        suffix = "" if column == 0 else str(column + 1)
        start = column * (width + _GAP)
        layout[f"xaxis{suffix}"] = {
            "title": title,
            "domain": [start, start + width],
            "anchor": f"y{suffix}",
        }
        layout[f"yaxis{suffix}"] = {
            "title": f"{find_metric(merit.metric).title} x 100" if column == 0 else "",
            "anchor": f"x{suffix}",
            "matches": "y" if column else None,
            "rangemode": "tozero",
        }
        for at, (budget, members) in enumerate(_by_budget(trials, merit).items()):
            symbol, color = _MARKS[at % len(_MARKS)]
            held = [t for t in members if trait(t.proposal.arch) is not None]
            figure.add_trace(
                go.Scatter(
                    x=[trait(t.proposal.arch) for t in held],
                    y=[100 * t.value(merit.metric) for t in held],
                    text=[str(t.proposal.arch) for t in held],
                    name=f"trained for {budget}",
                    legendgroup=str(budget),
                    showlegend=column == 0,
                    mode="markers",
                    marker={"symbol": symbol, "color": color, "size": 7, "opacity": 0.75},
                    hovertemplate="%{y:.1f}<br>%{text}<extra></extra>",
                    xaxis=f"x{suffix}",
                    yaxis=f"y{suffix}",
                )
            )
    legend = {"orientation": "h", "y": -0.3, "x": 0, "yanchor": "top"}
    figure.update_layout(**LAYOUT, height=320, legend=legend, **layout)
    return figure


def _by_budget(trials: Sequence[Trial], merit: Objective) -> dict[Budget, list[Trial]]:
    """Return the candidates that were trained to the end and have numbers, by budget."""
    groups: dict[Budget, list[Trial]] = {}
    for trial in trials:
        proposal = trial.proposal
        whole = trial.succeeded and proposal.is_candidate and not proposal.budget.is_rung
        if whole and all(trial.measurement(name) for name in (merit.metric, "macs_g")):
            groups.setdefault(proposal.budget, []).append(trial)
    return {budget: found for budget, found in groups.items() if len(found) >= FEWEST}


def _columns(
    members: Sequence[Trial], trait: Trait, merit: Objective
) -> tuple[list[float], list[float], list[float]]:
    """Return trait, accuracy and log multiply-adds of the members that have the trait."""
    places = [(trait(trial.proposal.arch), trial) for trial in members]
    held = [(place, trial) for place, trial in places if place is not None]
    return (
        [place for place, _ in held],
        [merit.of(trial) for _, trial in held],
        [log(trial.value("macs_g")) for _, trial in held],
    )
