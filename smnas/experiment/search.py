"""The whole search: from a configuration to a run folder with its front and its report."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from smnas.archive.archive import Archive
from smnas.archive.driver_lock import check_free
from smnas.errors import SmnasError
from smnas.experiment.attempt import Conditions
from smnas.experiment.briefing import make_header
from smnas.experiment.config import SearchConfig, make_config
from smnas.experiment.disk_quota import DiskQuota
from smnas.experiment.elsewhere import find_report, keep_report
from smnas.experiment.final_test import read_test_split
from smnas.experiment.interruption import Interruption
from smnas.experiment.limits import TrialLimits
from smnas.experiment.observer import Briefing, Observer, RunSummary, SilentObserver
from smnas.experiment.plan import Plan, make_plan
from smnas.experiment.prepare import Prepared, cache_pictures, prepare
from smnas.experiment.probe import probe
from smnas.experiment.resume import open_run
from smnas.experiment.room import with_room
from smnas.experiment.run import run
from smnas.experiment.run_folder import FRONT, PLAN, write_whole
from smnas.experiment.threads import one_core_left, threads
from smnas.experiment.trial_world import TrialWorld
from smnas.experiment.workplace import Workplace, make_workplace, open_executor
from smnas.report.objectives import run_metrics, run_objectives
from smnas.report.page import render_report
from smnas.report.tables import FrontRow, front_rows
from smnas.search.algorithms import make_algorithm
from smnas.search.starts import draw_starts
from smnas.trial.trial import Trial


def search(
    data: str | Path | None = None,
    *,
    out: str | Path = "runs/search",
    config: str | Path | None = None,
    observer: Observer | None = None,
    storage: str | None = None,
    **flags: Any,
) -> RunSummary:
    """Search detectors for ``data``, or go on where the same call was interrupted.

    Args:
        data: ``trees``, or a COCO JSON file. May be left out where ``config`` names it.
        out: The run folder.
        config: A JSON file of settings.
        observer: Watches the search; nobody does by default.
        storage: Address of a PostgreSQL database for the archive; None: a file in ``out``.
        flags: Settings that win over the file: ``images``, ``val``, ``test``, ``group_by``,
            ``folds``, ``space``, ``inputs``, ``anchors``, ``trials``, ``hours``, ``epochs``,
            ``rungs``, ``algorithm``, ``objectives`` or ``metric``, ``constraints``, ``plateau``,
            ``pictures``, ``seed``, ``device``, ``latency_from``, ``recipe``, ``init``, and those
            of the ``Workplace``.

    Raises:
        ConfigError: A setting that is wrong, or Ray is asked for and not installed.
        DataError: A picture or an annotation that is wrong.
        RunMismatchError: ``out`` holds another search.
        RunBusyError: Another search is running in ``out``.
        StorageFullError: No room on the disk; what is there is kept.
    """
    where = {name: flags.pop(name, None) for name in Workplace.model_fields}
    settings = make_config(data, config, **flags)
    workplace = make_workplace(**where)
    return run_search(settings, Path(out), observer or SilentObserver(), workplace, storage)


def run_search(
    config: SearchConfig,
    folder: Path,
    observer: Observer,
    workplace: Workplace | None = None,
    storage: str | None = None,
) -> RunSummary:
    """Run the search that ``config`` describes in ``folder``; see ``search``."""
    workplace = (workplace or Workplace()).settled(config.device)
    started = time.perf_counter()
    check_free(folder)
    report = find_report(config.latency_from, folder)
    ready = prepare(config, report)
    splits, spaces = ready.splits, ready.spaces
    read = {"train": splits.train, "val": splits.val}
    archive = open_run(folder, make_header(config, read, spaces, ready.notes), storage)
    try:
        keep_report(report, folder)
        splits = cache_pictures(splits, config, spaces, observer.noted)
        with one_core_left():
            plan = plan_trials(config, replace(ready, splits=splits), workplace)
            keep_plan(folder, plan)
            observer.announced(_brief(archive, plan))

            def work() -> tuple[tuple[FrontRow, ...], Path]:
                search_archive(archive, config, ready, plan, workplace, observer)
                read_test_split(
                    archive,
                    splits.judged,
                    splits.test,
                    config.device,
                    observer,
                    pictures=config.pictures,
                )
                return write_front(archive), render_report(folder)

            rows, report = with_room(work, folder, observer.noted)
        summary = sum_up(archive, rows, report, time.perf_counter() - started)
    finally:
        archive.close()
    observer.finished(summary)
    return summary


def plan_trials(config: SearchConfig, ready: Prepared, workplace: Workplace) -> Plan:
    """Return what the search is going to cost at a workplace, from a few measured steps."""
    world = Conditions(
        train=ready.splits.train,
        val=ready.splits.val,
        recipes=config.recipes,
        device=config.device,
        clock=config.clock,
        final_budget=ready.settings.final,
        ships=ready.settings.final_norms[0],
        runtime=config.runtime,
        elsewhere=ready.elsewhere,
    )
    archs = [ready.spaces.yardstick, *draw_starts(ready.spaces, ready.settings)]
    with threads(workplace.cpus):
        probed = probe(world, archs, config.seed)
    return make_plan(ready.settings, ready.splits, probed, workplace.workers or 1)


def plan_search(
    config: SearchConfig, workplace: Workplace, note: Callable[[str], None]
) -> tuple[Plan, tuple[str, ...]]:
    """Return what the search that ``config`` describes would cost here, and sentences on its data.

    Nothing is searched and no run folder made; training pictures are cached as a search does.
    """
    workplace, ready = workplace.settled(config.device), prepare(config, config.latency_from)
    splits = cache_pictures(ready.splits, config, ready.spaces, note)
    with one_core_left():
        return plan_trials(config, replace(ready, splits=splits), workplace), ready.notes


def keep_plan(folder: Path, plan: Plan) -> None:
    """Write ``plan.json``, once: what was said before the first trial, to be held against it."""
    if not (folder / PLAN).exists():
        write_whole(folder / PLAN, json.dumps(plan.row, indent=2) + "\n")


def search_archive(
    archive: Archive,
    config: SearchConfig,
    ready: Prepared,
    plan: Plan,
    workplace: Workplace,
    observer: Observer,
) -> None:
    """Run all trials of the search that are not in the archive yet."""
    spaces, settings = ready.spaces, ready.settings
    world = TrialWorld.of_search(
        config,
        archive.header.data_ids,
        spaces.enclosing_input,
        settings.final,
        workplace.cpus or torch.get_num_threads(),
        tuple(run_metrics(archive.header.config)),
        workplace.processes,
        ready.elsewhere,
    )
    tidying = DiskQuota(observer, archive.folder, settings, workplace.disk_quota_gib)
    limits = TrialLimits(workplace, plan, archive.trials, config.recipes, settings.final)
    place = (workplace, config.device, world, archive.folder, limits, observer.progressed)
    with open_executor(*place) as executor, Interruption(observer.noted) as interruption:
        run(
            archive,
            make_algorithm(config.algorithm, spaces, settings),
            executor,
            tidying,
            plan.done_share,
            lambda: interruption.asked,
        )
    if interruption.asked:
        raise KeyboardInterrupt


def write_front(archive: Archive) -> tuple[FrontRow, ...]:
    """Write ``front.json`` and return its rows.

    Raises:
        SmnasError: No trial succeeded; the message says why the first of them failed.
    """
    objectives = run_objectives(archive.header.config)
    rows = tuple(front_rows(archive.trials(), archive.folder, objectives))
    if not any(row["recommended"] for row in rows):
        raise SmnasError(f"no front: {_why_nothing(archive.trials())}")
    write_whole(archive.folder / FRONT, json.dumps(rows, indent=2) + "\n")
    return rows


def sum_up(archive: Archive, rows: Sequence[FrontRow], report: Path, seconds: float) -> RunSummary:
    """Return how the search ended."""
    trials = archive.trials()
    ended = [trial for trial in trials if trial.outcome is not None]
    return RunSummary(
        folder=archive.folder,
        rows=tuple(rows),
        candidates=sum(trial.succeeded and trial.proposal.is_candidate for trial in trials),
        failed=sum(trial.failed for trial in trials),
        refused=sum(trial.refused and not trial.pruned for trial in trials),
        pruned=sum(trial.pruned for trial in trials),
        seconds=seconds,
        trial_seconds=sum(trial.outcome.seconds for trial in ended if trial.outcome),
        report=report,
    )


def _brief(archive: Archive, plan: Plan) -> Briefing:
    trials = archive.trials()
    return Briefing(
        folder=archive.folder,
        machine=archive.header.machine,
        data=archive.header.notes,
        plan=plan.sentences,
        trainings=plan.trainings,
        objectives=run_objectives(archive.header.config),
        resumed=sum(
            plan.trainings_in(trial)
            for trial in trials
            if trial.outcome is not None and not trial.refused
        ),
        resumed_share=plan.done_share(trials),
    )


def _why_nothing(trials: Sequence[Trial]) -> str:
    ended = [(t, t.outcome.failure) for t in trials if t.outcome and t.outcome.failure]
    failures = [failure for trial, failure in ended if trial.failed] or [f for _, f in ended]
    if not failures:
        return "the search has not measured anything; give it more trials"
    first = failures[0]
    if first.stage == "constraint":
        return f"all {len(failures)} proposals broke a constraint; the first: {first.reason}"
    return f"{len(failures)} trials failed; the first in {first.stage}: {first.reason}"
