"""Do both learn the same from the same pictures? Loss and AP after equal steps."""

import statistics
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rivals import (
    CPU,
    RECIPE,
    Batch,
    Kind,
    build_ours,
    build_theirs,
    convert,
    take_step,
)
from torch import nn

from smnas.arch.parts import InputSize
from smnas.data.dataset import Category, DetectionDataset
from smnas.data.loader import TrainLoader
from smnas.data.picture import fit_picture, unfit_boxes
from smnas.data.trees import load_trees
from smnas.detector.contract import Prediction
from smnas.measure.accuracy import measure_accuracy
from smnas.training.optimizer import build_optimizer, rate_share, set_learning_rate
from smnas.training.precision import Precision, choose_precision
from smnas.training.recipe import Recipe
from smnas.training.trained_detector import TrainedDetector

_LAST_SHARE = 0.1
"""The loss that is compared is the mean over this share of the steps, the last ones."""
_REPLICATES = 1000


@dataclass(frozen=True)
class Lesson:
    """What both are given: steps, batches, the side of pictures, RoIs of each to learn from."""

    steps: int
    size: int
    batch: int
    rois: int


def check_learning(kind: Kind, lesson: Lesson, seeds: int) -> dict[str, Any]:
    """Train torchvision's and ours, from the same weights, on the same batches in the same order.

    torchvision in float32, as documented; ours in its default precision. Losses are torchvision's.

    Returns:
        For each seed and detector the mean loss of the last steps and AP on the pictures it was
        trained on; of several seeds, by how much ours has more of each, and the standard error.
    """
    runs = [train_both(kind, lesson, seed) for seed in range(seeds)]
    found: dict[str, Any] = {**asdict(lesson), "data": "trees", "seeds": runs}
    for name in ("loss", "ap"):
        gains = [run["ours"][name] - run["torchvision"][name] for run in runs]
        found[f"{name}_gain"] = round(statistics.mean(gains), 5)
        if seeds > 1:
            found[f"{name}_gain_error"] = round(statistics.stdev(gains) / seeds**0.5, 5)
    return found


def train_both(kind: Kind, lesson: Lesson, seed: int) -> dict[str, Any]:
    """Return what each of the two learned."""
    dataset, size = load_trees().train, lesson.size
    theirs = build_theirs(kind, size, len(dataset.categories), seed, lesson.rois)
    found = convert(theirs, size)
    ours = build_ours(found, lesson.rois)
    ours.seed_sampling(seed)
    batches = draw_batches(dataset, lesson, seed)
    recipe = RECIPE.model_copy(update={"batch": lesson.batch})
    result: dict[str, Any] = {}
    for who, model, precision in (
        ("torchvision", theirs, "float32"),
        ("ours", ours, choose_precision(CPU, "auto")),
    ):
        inputs = (
            [item.theirs(found.first_label) for item in batches]
            if model is theirs
            else [(item.images_B3HW, item.targets) for item in batches]
        )
        started = time.perf_counter()
        losses = train(model, inputs, recipe, precision)
        seconds = time.perf_counter() - started
        predictor = (
            TheirPredictor(model.eval(), size, dataset.categories, found.first_label)
            if model is theirs
            else TrainedDetector(ours, dataset.categories)
        )
        result[who] = judge(predictor, dataset, losses) | {"seconds": round(seconds, 1)}
        print(f"{kind}, seed {seed}, {who}: {result[who]}", flush=True)
    return result


def draw_batches(dataset: DetectionDataset, lesson: Lesson, seed: int) -> list[Batch]:
    """Return the batches of all steps, as a training with that seed would see them.

    Boxes to be ignored are left out for both: torchvision would learn them as objects.
    """
    square, steps = InputSize(width=lesson.size, height=lesson.size), lesson.steps
    loader = TrainLoader(
        dataset, square, lesson.batch, RECIPE.augmentation, seed=seed, drop_last=True
    )
    batches: list[Batch] = []
    for epoch in range(-(-steps // len(loader))):
        for images, targets in loader.epoch(epoch):
            nothing = torch.zeros_like(targets.ignore_BG)
            objects = replace(targets, valid_BG=targets.objects_BG, ignore_BG=nothing)
            batches.append(Batch(images, objects))
    return batches[:steps]


def train(model: nn.Module, inputs: list[Any], recipe: Recipe, precision: Precision) -> list[float]:
    """Return the total loss of every step."""
    optimizer = build_optimizer(model.train(), recipe)
    totals: list[float] = []
    for number, given in enumerate(inputs):
        share = rate_share(number, len(inputs), recipe.schedule)
        set_learning_rate(optimizer, recipe.peak_learning_rate * share)
        totals.append(take_step(model, optimizer, given, precision))
    return totals


@dataclass(frozen=True)
class TheirPredictor:
    """torchvision's detector behind our fitting of pictures."""

    model: nn.Module
    size: int
    categories: tuple[Category, ...]
    first_label: int

    def predict(self, picture_HW3: NDArray[np.uint8], /) -> Prediction:
        """Return the detections in one picture."""
        height, width = picture_HW3.shape[:2]
        fitted = fit_picture(picture_HW3, InputSize(width=self.size, height=self.size))
        with torch.inference_mode():
            found = self.model([fitted.image_3HW])[0]
        ids = np.array([category.id for category in self.categories], dtype=np.int64)
        return Prediction(
            boxes_xyxy=unfit_boxes(found["boxes"].numpy(), fitted.scale, width, height),
            scores=found["scores"].numpy(),
            labels=ids[found["labels"].numpy() - self.first_label],
        )


def judge(
    predictor: TheirPredictor | TrainedDetector, dataset: DetectionDataset, losses: list[float]
) -> dict[str, Any]:
    """Return the loss of the last steps, and AP on the training pictures with its interval."""
    last = losses[-max(1, round(_LAST_SHARE * len(losses))) :]
    result = measure_accuracy(predictor, dataset, "train", CPU, replicates=_REPLICATES)
    numbers: dict[str, Any] = {"loss": round(statistics.mean(last), 4)}
    for item in result.measurements:
        if item.metric in ("ap", "ap50"):
            numbers |= {item.metric: item.value, f"{item.metric}_interval": item.interval}
    return numbers
