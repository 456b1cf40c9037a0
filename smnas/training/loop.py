"""``fit``: the training loop."""

import json

import torch

from smnas.data.dataset import DetectionDataset
from smnas.data.loader import TrainLoader
from smnas.detector.detector import Detector
from smnas.errors import DataError, TrainingError
from smnas.seeding import derive_seed
from smnas.training.course import Course, Steps
from smnas.training.fit_log import FitLog
from smnas.training.freezing import frozen_parts
from smnas.training.initial_weights import load_initial_weights
from smnas.training.keeping import Checkpoints
from smnas.training.progress import ProgressCallback
from smnas.training.recipe import Recipe
from smnas.training.team import Team
from smnas.training.trainer import Trainer


def fit(
    detector: Detector,
    dataset: DetectionDataset,
    recipe: Recipe,
    epochs: int | Course,
    seed: int,
    device: torch.device | str = "cpu",
    progress: ProgressCallback | None = None,
    checkpoints: Checkpoints | None = None,
) -> FitLog:
    """Train ``detector`` in place, and leave it in eval mode on ``device``.

    Everything random (order, crops, augmentation, sampling of anchors and proposals) follows from
    ``seed`` and the step: on a CPU with the same number of threads the same call gives the same
    weights, also where it was interrupted and goes on from a checkpoint, and where a rung goes on
    from a lower one. Torch's global random state is neither read nor moved.

    Under ``torch.distributed`` all processes make the same call, and each batch is shared out
    evenly; batch norms see the pictures of their own process, as in the paper's trainings (8 GPUs
    with 4 or 8 pictures each), and rank 0 writes the checkpoints, where all processes find them.

    Args:
        detector: Built with the recipe's losses; moved to ``device``.
        dataset: What it learns from.
        recipe: How.
        epochs: Passes over the dataset, or a ``Course``, for example that of a rung.
        seed: Seed of the training.
        device: Where it computes.
        progress: Called with the share done and the loss, at most five times a second.
        checkpoints: Where the training's state is kept, and gone on from; None keeps none.

    Returns:
        Loss curve, counts and seconds.

    Raises:
        DataError: The dataset has no pictures.
        TrainingError: A loss or a gradient is not finite, the course cannot be taken, a batch has
            fewer pictures than there are processes, or more stages are to be frozen than the
            backbone has.
        WeightsError: The recipe's initial weights cannot be had, or none of them fits.
        StorageFullError: No room for a checkpoint; the ones before are kept.
    """
    course, team, device = Course.of(epochs), Team(), torch.device(device)
    loader = _make_loader(detector, dataset, recipe, seed, team)
    detector.to(device)
    start = recipe.initial_weights
    initial = None if start is None else load_initial_weights(detector, start, dataset.categories)
    steps = Steps.of(course, len(loader), recipe.schedule)
    with frozen_parts(detector, recipe, initial) as frozen:
        trainer = Trainer(detector, recipe, steps, device, seed, course.batch_parts, team)
        if checkpoints is not None:
            trainer.keep(checkpoints, _identify(detector, dataset, recipe, steps, seed))
        trainer.run(loader, frozen, progress)
    return trainer.log(initial)


def _make_loader(
    detector: Detector, dataset: DetectionDataset, recipe: Recipe, seed: int, team: Team
) -> TrainLoader:
    if len(dataset) == 0:
        raise DataError(f"{dataset.name}: no pictures to train on; expected at least one")
    loader = TrainLoader(
        dataset,
        detector.arch.input,
        recipe.batch,
        recipe.augmentation,
        seed=derive_seed(seed, "loader"),
        drop_last=True,
    )
    if loader.pictures < team.size:
        raise TrainingError(
            f"batch: expected at least one picture for each of {team.size} processes; got "
            f"{loader.pictures}"
        )
    return loader


def _identify(
    detector: Detector, dataset: DetectionDataset, recipe: Recipe, steps: Steps, seed: int
) -> str:
    """Return what is equal for trainings that take the same steps, as far as both go."""
    return json.dumps(
        {
            "arch": str(detector.arch),
            "recipe": recipe.recipe_id,
            "data": dataset.data_id,
            "seed": seed,
            "steps": [steps.per_epoch, steps.horizon],
        }
    )
