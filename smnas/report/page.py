"""The report: one HTML file that carries all it needs, opens offline, and explains itself."""

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.report.by_class import class_table
from smnas.report.comparison import comparison_strips
from smnas.report.facts import failed_trials, part_name, protocol_rows, setting_rows, time_rows
from smnas.report.findings import findings, plot_findings
from smnas.report.front_plot import plot_front
from smnas.report.growth_plot import plot_hypervolume
from smnas.report.members import is_final, is_measured
from smnas.report.objectives import judged_metric, recommended_rule, run_objectives
from smnas.report.pictures import ShownPicture, load_pictures
from smnas.report.tables import FrontRow, front_rows, judged_on, remarks_on_times
from smnas.report.verdict import judge, recommended_row
from smnas.report.wording import (
    MISSING,
    duration,
    milliseconds,
    percent,
    three_digits,
    two_decimals,
)
from smnas.trial.front import Objective
from smnas.trial.metrics import find_metric, main_axes
from smnas.trial.pruning_record import pruning_record
from smnas.trial.repeats import seed_deviation
from smnas.trial.rung_record import RungRecord, rung_records
from smnas.trial.trial import Trial

FILE_NAME = "report.html"
DEFAULT_ETA = 3
"""Of runs whose configuration does not say it."""
SHOWN_METRICS = ("ap", "ap50", "latency_ms", "macs_g", "params_m")
"""Those with a column of their own in the table of detectors."""


def render_report(run_folder: str | Path, *, pictures: bool = True) -> Path:
    """Write the report of a run into its folder, in the place of an older one.

    Args:
        run_folder: The folder of a search, finished or not.
        pictures: Whether it may show pictures of the data; a run may rule them out itself.

    Returns:
        The path of the report.

    Raises:
        ArchiveError: The folder holds no archive, or one that does not read.
    """
    folder = Path(run_folder)
    archive = Archive.open(folder)
    try:
        html = render_page(archive.trials(), archive.header, folder, pictures=pictures)
    finally:
        archive.close()
    path = folder / FILE_NAME
    part = path.with_suffix(".html.part")
    part.write_text(html, encoding="utf-8")
    os.replace(part, path)
    return path


def render_page(
    trials: Sequence[Trial], header: RunHeader, folder: Path, *, pictures: bool = True
) -> str:
    """Return the HTML of the report on ``trials``."""
    shown = load_pictures(folder) if pictures and header.config.get("pictures", True) else {}
    objectives = run_objectives(header.config)
    judged = judged_metric(objectives)
    shown_metrics = (*SHOWN_METRICS, judged)
    rows = front_rows(trials, folder, objectives)
    rungs = _rung_records(trials, header, objectives)
    environment = Environment(
        loader=PackageLoader("smnas", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent, milliseconds=milliseconds, digits=three_digits, tau=two_decimals
    )
    context = _texts(trials, header, rows) | {
        "rows": rows,
        "remarks_on_times": remarks_on_times(rows),
        "predicted": any(row["latency_ms_predicted_for"] for row in rows),
        "strips": comparison_strips(rows),
        "detectors": _detectors(rows, shown),
        "trial_rows": [_trial_row(trial, trials) for trial in trials if is_measured(trial)],
        "failed": failed_trials(trials),
        "not_trained": sum(trial.refused for trial in trials),
        "unfit": sum(trial.refused and not trial.pruned for trial in trials),
        "pruning": pruning_record(trials),
        "rungs": rungs,
        "families": sorted({name for rung in rungs for name in rung.families}),
        "findings": findings(trials, main_axes(objectives)[0]),
        "constraints": header.config.get("constraints") or (),
        "further_columns": [o.metric for o in objectives if o.metric not in shown_metrics],
        "chance_column": _chance_column(rows),
        "seed_deviation": seed_deviation(trials, main_axes(objectives)[0].metric),
        "accuracy_columns": _accuracy_columns(judged),
        "accuracy_title": find_metric(judged).title,
        "by_class": class_table(trials, rows, header.categories),
        **_words(objectives),
        "times": time_rows(trials),
        "protocol": protocol_rows(header, trials),
        "settings": setting_rows(header.config),
        "notes": header.notes,
        "missing": MISSING,
        "judged_on": judged_on(rows[0]) if rows else "",
    }
    return environment.get_template("page.html.j2").render(
        context | _inlined(),
        front_figure=_json(plot_front(trials, objectives)),
        growth_figure=_json(plot_hypervolume(trials, objectives)),
        findings_figure=_json(plot_findings(trials, main_axes(objectives)[0])),
    )


def _texts(trials: Sequence[Trial], header: RunHeader, rows: list[FrontRow]) -> dict[str, Any]:
    candidates = [trial for trial in trials if trial.proposal.is_candidate and is_measured(trial)]
    members = [row for row in rows if row["stage"] != "yardstick"]
    seconds = sum(trial.outcome.seconds for trial in trials if trial.outcome)
    verdict = judge(rows)
    return {
        "final": is_final(trials),
        "data_name": data_name(header),
        "classes": header.categories,
        "candidates": len(candidates),
        "measured": sum(is_measured(trial) for trial in trials),
        "members": len(members),
        "span": _span(members),
        "time": duration(seconds),
        "verdict": verdict,
        "chosen": recommended_row(rows),
    }


def _words(objectives: Sequence[Objective]) -> dict[str, Any]:
    """Return what the text calls the objectives."""
    names = [find_metric(o.metric).title + (" (logarithmic)" if o.log else "") for o in objectives]
    return {
        "rule": recommended_rule(objective.metric for objective in objectives),
        "plane": " and ".join([", ".join(names[:-1]), names[-1]]),
        "titles": {o.metric: find_metric(o.metric).title for o in objectives},
        "cheap": "faster" if main_axes(objectives)[1].metric == "latency_ms" else "cheaper",
    }


def _accuracy_columns(judged: str) -> list[tuple[str, str]]:
    """Return keys and titles of the columns that hold an accuracy with its interval."""
    names = [("ap", "AP"), ("ap50", "AP50")]
    if judged not in SHOWN_METRICS:
        names.append(("accuracy", find_metric(judged).title))
    return [
        (f"{key}{ending}", f"{title} {split}")
        for ending, split in (("", "val"), ("_test", "test"))
        for key, title in names
    ]


def _rung_records(
    trials: Sequence[Trial], header: RunHeader, objectives: Sequence[Objective]
) -> list[RungRecord]:
    eta = header.config.get("parts", {}).get("eta", DEFAULT_ETA)
    return rung_records(trials, objectives, *main_axes(objectives), eta)


def _chance_column(rows: Sequence[FrontRow]) -> str | None:
    """Return the key of the chance to be on the front: on test pictures where there are some."""
    for key in ("front_chance_test", "front_chance"):
        if any(row[key] is not None for row in rows):
            return key
    return None


def data_name(header: RunHeader) -> str:
    """Return what the run was searched on, as the user named it; a file by its name alone."""
    data = header.config.get("data")
    source = data.get("source") if isinstance(data, dict) else data
    return Path(str(source)).name if source else "the given pictures"


def _span(members: list[FrontRow]) -> str:
    times = [row["latency_ms"] for row in members]
    return f"{max(times) / min(times):.1f}" if times else MISSING


def _detectors(
    rows: list[FrontRow], pictures: dict[int, list[ShownPicture]]
) -> list[tuple[FrontRow, list[ShownPicture]]]:
    return [(row, pictures[row["trial"]]) for row in rows if pictures.get(row["trial"])]


def _trial_row(trial: Trial, trials: Sequence[Trial]) -> dict[str, Any]:
    found = {name: trial.measurement(name) for name in ("ap", "ap50", "latency_ms", "macs_g")}
    return {
        "number": trial.number,
        "part": part_name(trial, trials),
        "arch": str(trial.proposal.arch),
        "operator": trial.proposal.origin.operator,
        "epochs": trial.proposal.budget.epochs,
        "seconds": round(trial.outcome.seconds) if trial.outcome else 0,
        **{name: item.value if item else None for name, item in found.items()},
    }


def _inlined() -> dict[str, Markup]:
    """Return style and scripts, which are ours or plotly's and stand in the page as they are."""
    here = files("smnas.report")
    return {
        "style": Markup(here.joinpath("page.css").read_text(encoding="utf-8")),
        "script": Markup(here.joinpath("page.js").read_text(encoding="utf-8")),
        "plotly": Markup(get_plotlyjs()),
    }


def _json(figure: go.Figure) -> Markup:
    """Return a figure as JSON that may stand inside a script element."""
    return Markup((figure.to_json() or "{}").replace("<", "\\u003c"))
