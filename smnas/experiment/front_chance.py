"""The chance of each final to be on the front, if all were measured once more.

Pictures are redrawn for all finals alike, so that hard ones are hard for all (paired bootstrap).
Where archs were trained with several seeds, accuracies move by as much as other seeds moved them.
Times move within their intervals, which were taken in turns with one reference network, so that
they stand for ratios. What is counted does not move.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.archive.archive import Archive
from smnas.data.dataset import DetectionDataset
from smnas.experiment.kept_predictions import read_predictions
from smnas.measure.accuracy import redraw
from smnas.report.objectives import run_objectives
from smnas.seeding import generator
from smnas.trial.front import Objective
from smnas.trial.front_chance import FRONT_CHANCE, front_chances
from smnas.trial.measurement import Measurement, Split
from smnas.trial.repeats import seed_deviation
from smnas.trial.trial import Trial

REPLICATES = 1000
_DEVIATIONS = 1.959964
"""Half a 95 % interval of a normal distribution, in standard deviations."""


def record_front_chances(
    archive: Archive, finals: Sequence[Trial], dataset: DetectionDataset, split: Split
) -> None:
    """Record for each final the chance that no other final dominates it, on one split.

    What is recorded for all of them is not done again; a further final changes it for all.

    Raises:
        ArchiveError: The predictions of a final are missing.
        StorageFullError: No room on the disk.
    """
    objectives = run_objectives(archive.header.config)
    asked = [objective.model_copy(update={"split": split}) for objective in objectives]
    finals = [f for f in finals if all(f.measurement(o.metric, split) for o in asked)]
    if all(trial.measurement(FRONT_CHANCE, split) is not None for trial in finals):
        return
    drawn = [
        redraw(
            dataset,
            read_predictions(archive.folder, trial, dataset, split),
            [o.metric for o in asked if o.maximise],
            replicates=REPLICATES,
        )
        for trial in finals
    ]
    spread = {
        o.metric: seed_deviation(archive.trials(), o.metric) or 0.0 for o in asked if o.maximise
    }
    utilities_BNM = np.stack(
        [
            np.stack([_redraw_one(t, o, own, spread) for o in asked], axis=1)
            for t, own in zip(finals, drawn, strict=True)
        ],
        axis=1,
    )
    accuracy = next(objective.metric for objective in asked if objective.maximise)
    for trial, chance in zip(finals, front_chances(utilities_BNM), strict=True):
        like = trial.measurement(accuracy, split)
        if like is not None and not math.isnan(chance):
            archive.add(trial.number, [_as_measurement(chance, like)])


def _redraw_one(
    trial: Trial,
    objective: Objective,
    drawn: dict[str, NDArray[np.float64]],
    spread: dict[str, float],
) -> NDArray[np.float64]:
    """Return B utilities of one final in one objective."""
    noise_B = generator(0, FRONT_CHANCE, trial.number, objective.metric).normal(size=REPLICATES)
    if objective.maximise:
        return drawn[objective.metric] + spread[objective.metric] * noise_B
    found = trial.measurement(objective.metric)
    if found is None or found.interval is None or min(found.interval) <= 0.0:
        return np.full(REPLICATES, objective.of(trial))
    low, high = map(math.log, found.interval)
    return objective.of(trial) + (high - low) / 2 / _DEVIATIONS * noise_B


def _as_measurement(chance: float, like: Measurement) -> Measurement:
    update = {"metric": FRONT_CHANCE, "value": chance, "interval": None, "flag": None}
    return like.model_copy(update=update)
