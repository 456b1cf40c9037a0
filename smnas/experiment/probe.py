"""A few measured steps of the archs that a search begins with: what its trials will take."""

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from smnas.arch import DetectorArch
from smnas.data.dataset import Subset
from smnas.detector.build import build_detector
from smnas.errors import NotBuiltYetError, TrainingError
from smnas.execution.work import Order
from smnas.experiment.attempt import Conditions
from smnas.experiment.evaluate import Evaluator
from smnas.experiment.judging import build_twin
from smnas.experiment.memory import means_out_of_memory, release_memory
from smnas.experiment.recipes import Recipes
from smnas.experiment.run_folder import TRAINING_LOG, trial_folder
from smnas.measure.cost import count_cost
from smnas.seeding import derive_seed
from smnas.training.fit_log import FitLog
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Stage, Trial

_TIMED = 4
"""Archs whose steps are timed, evenly along multiply-adds."""
_STEPS = 6
"""Steps of a timed training; what comes before the end of the first is not counted."""
_PATIENCE_S = 30.0
"""Where the steps of one arch would take longer, a single picture has to do."""
_PICTURES = 4
"""Validation pictures that are predicted for the time of one."""


@dataclass(frozen=True)
class Probe:
    """What was measured of a few archs; seconds for one picture are means over the archs."""

    training_s: float
    """Per training picture."""
    prediction_s: float
    """Per picture that is predicted."""
    candidate_s: float
    """What a candidate takes beside its pictures: building, writing, timing, intervals."""
    final_s: float
    """The same for a final."""
    params_m: float
    memory_mb: float
    """Most that this process, or the GPU, has held."""


def probe(world: Conditions, archs: Sequence[DetectorArch], seed: int) -> Probe | None:
    """Return what trials of ``archs`` take, or None: a failed estimate stops no search.

    Args:
        world: What the trials of the search see.
        archs: What the search begins with.
        seed: Seed of the probe.
    """
    try:
        return _probe(world, archs, seed)
    except (TrainingError, NotBuiltYetError):
        return None
    except (MemoryError, RuntimeError) as error:
        if not means_out_of_memory(error):
            raise
        release_memory()
        return None


def _probe(world: Conditions, archs: Sequence[DetectorArch], seed: int) -> Probe | None:
    costs = [(*_count(arch, world), arch) for arch in archs]
    costs.sort(key=lambda cost: cost[0])
    if not costs:
        return None
    count = min(_TIMED, len(costs))
    timed = [costs[int((i + 0.5) * len(costs) / count)] for i in range(count)]
    scale = float(np.mean([c[0] for c in costs]) / np.mean([c[0] for c in timed]))
    training = [_time_training(arch, world, seed) for *_, arch in timed]
    prediction = [_time_prediction(arch, world) for *_, arch in timed]
    middling = timed[len(timed) // 2][-1]
    return Probe(
        training_s=scale * float(np.mean(training)),
        prediction_s=scale * float(np.mean(prediction)),
        candidate_s=_time_rest(middling, 1, world, seed),
        final_s=_time_rest(_shipped(middling, world), "final", world, seed),
        params_m=float(np.mean([params_m for _, params_m, _ in costs])),
        memory_mb=_most_memory_mb(world.device),
    )


def _shipped(arch: DetectorArch, world: Conditions) -> DetectorArch:
    return arch.replace(norm=world.ships)


def _count(arch: DetectorArch, world: Conditions) -> tuple[float, float]:
    """Return multiply-adds and parameters as deployed."""
    counts = count_cost(_shipped(arch, world), len(world.train.categories))
    found = {item.metric: item.value for item in counts}
    return found["macs_g"], found["params_m"]


def _time_training(arch: DetectorArch, world: Conditions, seed: int) -> float:
    """Return the seconds of training on one picture, from the end of the first step on."""
    batch = min(world.recipes.stage_one.batch, len(world.train))
    alone_s = _step(arch, [0] * 3, 1, world, seed)
    if alone_s * _STEPS * batch > _PATIENCE_S:
        return alone_s
    pictures = [i % len(world.train) for i in range(_STEPS * batch)]
    return _step(arch, pictures, batch, world, seed) / batch


def _step(
    arch: DetectorArch, indices: Sequence[int], batch: int, world: Conditions, seed: int
) -> float:
    """Return the seconds of a step, without the first one and all that comes before its end."""
    pictures = Subset(world.train, indices, "probe")
    recipe = _from_scratch(world).model_copy(update={"batch": batch})
    detector = build_detector(arch, len(pictures.categories), recipe.losses, seed=seed)
    marks: list[tuple[float, float]] = []
    fit(
        detector,
        pictures,
        recipe,
        1,
        derive_seed(seed, "probe"),
        world.device,
        lambda share, _: marks.append((share, time.perf_counter())),
    )
    (first, began), (last, ended) = marks[0], marks[-1]
    return (ended - began) / ((last - first) * len(indices) / batch)


def _from_scratch(world: Conditions) -> Recipe:
    """Return the recipe of the first stage without its weights, which take no time to speak of."""
    return world.recipes.stage_one.model_copy(update={"initial_weights": None})


def _time_prediction(arch: DetectorArch, world: Conditions) -> float:
    """Return the seconds of reading and predicting one picture."""
    twin = build_twin(_shipped(arch, world), world.train.categories, world.device)
    pictures = [i % len(world.val) for i in range(_PICTURES + 1)]
    twin.predict(world.val.read(pictures[0])[0])
    began = time.perf_counter()
    for index in pictures[1:]:
        twin.predict(world.val.read(index)[0])
    return (time.perf_counter() - began) / _PICTURES


def _time_rest(arch: DetectorArch, stage: Stage, world: Conditions, seed: int) -> float:
    """Return what a trial takes beside its pictures: a whole one, of hardly any pictures."""
    budget = Budget(epochs=1)
    few = [i for i in range(len(world.val)) if len(world.val.annotations(i).objects)][:1]
    small = replace(
        world,
        train=Subset(world.train, range(min(2, len(world.train))), "probe"),
        val=Subset(world.val, few, "probe"),
        recipes=Recipes.alike(_from_scratch(world)),
        final_budget=budget if stage == "final" else Budget(epochs=2),
        constraints=(),
        threads=None,
    )
    origin = Origin(operator="sample")
    proposal = Proposal(arch=arch, stage=stage, origin=origin, budget=budget, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(number=0, proposal=proposal)
        outcome = Evaluator(small)(Order(trial), Path(folder), lambda *_: None)
        if outcome.failure is not None:
            raise TrainingError(outcome.failure.reason)
        log = (trial_folder(Path(folder), 0) / TRAINING_LOG).read_text()
    return max(0.0, outcome.seconds - FitLog.model_validate_json(log).seconds)


def _most_memory_mb(device: str) -> float:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
