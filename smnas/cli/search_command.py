"""``smnas search``: from annotated pictures to a front of trained detectors."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from smnas.cli import options, search_options
from smnas.cli.output import print_json, remarks, results

if TYPE_CHECKING:
    from smnas.experiment.config import SearchConfig
    from smnas.experiment.workplace import Workplace


def search(
    data: options.OptionalData = None,
    images: options.Images = None,
    val: options.Val = None,
    test: options.Test = None,
    group_by: options.GroupBy = None,
    folds: search_options.Folds = None,
    space: search_options.Space = None,
    inputs: search_options.Inputs = None,
    anchors: search_options.AnchorShapes = None,
    trials: search_options.Trials = None,
    hours: search_options.Hours = None,
    epochs: search_options.Epochs = None,
    rungs: search_options.Rungs = None,
    algorithm: search_options.Algorithm = None,
    objectives: search_options.Objectives = None,
    metric: search_options.OwnMetric = None,
    constraints: search_options.Constraints = None,
    plateau: search_options.Plateau = None,
    seed: options.Seed = None,
    device: options.ChosenDevice = None,
    runtime: options.Runtime = None,
    latency_from: search_options.LatencyFrom = None,
    recipe: search_options.Recipe = None,
    init: options.Init = None,
    final_norm: search_options.FinalNorm = None,
    pictures: search_options.Pictures = None,
    out: search_options.Out = None,
    storage: search_options.Storage = None,
    disk_quota: search_options.DiskQuota = None,
    config: search_options.Config = None,
    workers: search_options.Workers = None,
    address: search_options.Address = None,
    gpus_per_trial: search_options.GpusPerTrial = None,
    trial_hours: search_options.TrialHours = None,
    memory_mib: search_options.MemoryMib = None,
    json: options.Json = False,
) -> None:
    """Search for detectors: train candidates, train the best longer, write a report.

    Reads train and validation pictures while it searches, and the test pictures once, at the end.
    The same call goes on where a stopped one was; a folder with another search is refused.
    """
    given = dict(locals())  # every setting has the name of its flag
    from smnas.experiment.config import Flags, make_config
    from smnas.experiment.workplace import make_workplace

    given["constraints"] = constraints or None
    settings = make_config(data, config, **{name: given[name] for name in Flags.__annotations__})
    place = make_workplace(
        workers=workers, address=address, gpus_per_trial=gpus_per_trial, trial_hours=trial_hours,
        memory_mib=memory_mib, disk_quota_gib=disk_quota,
    )  # fmt: skip
    folder = out or Path("runs") / Path(settings.data.source).stem.replace(":", "-")
    _run_shown(settings, folder, place, storage, json)


def _run_shown(
    settings: "SearchConfig", folder: Path, place: "Workplace", storage: str | None, json: bool
) -> None:
    """Run the search with its live view."""
    from smnas.cli.live import LiveView
    from smnas.experiment.search import run_search

    try:
        with LiveView(remarks() if json else results()) as view:
            found = run_search(settings, folder, view, place, storage)
    except KeyboardInterrupt:
        _say_stopped(folder)
        raise typer.Exit(1) from None
    if json:
        print_json(list(found.rows))


def _say_stopped(folder: Path) -> None:
    remarks().print(
        f"\nStopped. All finished trials are kept in {folder}; to go on, give the same call:\n"
        f"  smnas {shlex.join(sys.argv[1:])}",
        markup=False,
        soft_wrap=True,
    )
