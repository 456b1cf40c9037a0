"""One training of one benchmark: from an arch, a recipe and a seed to AP, as a record."""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from smnas.arch import DetectorArch
from smnas.arch.parts import InputSize
from smnas.data.dataset import DetectionDataset
from smnas.data.embedded import EmbeddedData, load_embedded
from smnas.data.picture_cache import for_training
from smnas.detector.blocks import start_as_shortcut
from smnas.detector.build import build_detector
from smnas.detector.detector import Detector
from smnas.detector.norms import fold_batch_norms
from smnas.measure.accuracy import coco_ap
from smnas.measure.predictions import predict_all
from smnas.seeding import derive_seed
from smnas.training.loop import fit
from smnas.training.recipe import Recipe, ScheduleSettings
from smnas.training.trained_detector import TrainedDetector

DEFAULT = Recipe()
PICTURES_AT_A_TIME = 16
LARGEST = InputSize(width=256, height=256)
"""Pictures are decoded once and kept; no input of the micro spaces is larger."""


@dataclass(frozen=True)
class Training:
    """What is trained, how, and for how long.

    Attributes:
        arch: Text of the arch.
        data: Name of embedded data.
        recipe: How.
        epochs: Passes over the training pictures.
        seed: Of weights and training.
        starts_as_shortcuts: Residual blocks begin as the function of their shortcuts.
        small_epochs: Epochs at ``small_input`` that come before the others.
        small_input: Side in pixels of a square input; the network is the same.
    """

    arch: str
    data: str
    epochs: int
    recipe: Recipe = DEFAULT
    seed: int = 0
    starts_as_shortcuts: bool = False
    small_epochs: int = 0
    small_input: int = 0

    @property
    def key(self) -> str:
        """What tells it from every other training; all that changes its result is in it."""
        arch = DetectorArch.parse(self.arch).arch_id
        extras = [
            name
            for name, given in (
                ("shortcuts", self.starts_as_shortcuts),
                (f"small-{self.small_input}x{self.small_epochs}", self.small_epochs),
            )
            if given
        ]
        parts = [self.data, arch, self.recipe.recipe_id, f"{self.epochs}e", f"s{self.seed}"]
        return " ".join([*parts, *extras])

    def run(self, splits: tuple[str, ...] = ("val",)) -> dict[str, Any]:
        """Train, and return AP on each split with the processor seconds that it all took.

        Processor seconds are those of this process: other load does not count.
        """
        data = keep(self.data)
        began = time.process_time()
        detector = self._build(len(data.train.categories))
        self._warm_up_small(detector, data.train)
        recipe = self.recipe if not self.small_epochs else second_half(self.recipe)
        log = fit(detector, data.train, recipe, self.epochs, self.seed)
        trained = time.process_time()
        fold_batch_norms(detector)
        found = {name: judge(detector, getattr(data, name)) for name in splits}
        return {
            **{f"{metric}_{name}": ap[metric] for name, ap in found.items() for metric in ap},
            "loss": round(log.final_loss, 4),
            "steps": log.steps,
            "train_seconds": round(trained - began, 2),
            "evaluate_seconds": round(time.process_time() - trained, 2),
        }

    def _build(self, classes: int, side: int | None = None) -> Detector:
        arch = DetectorArch.parse(self.arch)
        if side is not None:
            arch = arch.replace(input=InputSize(width=side, height=side))
        seed = derive_seed(self.seed, "weights")
        detector = build_detector(arch, classes, self.recipe.losses, seed)
        if self.starts_as_shortcuts:
            for module in detector.backbone.modules():
                start_as_shortcut(module)
        return detector

    def _warm_up_small(self, detector: Detector, train: DetectionDataset) -> None:
        if not self.small_epochs:
            return
        small = self._build(len(train.categories), self.small_input)
        fit(
            small,
            train,
            first_half(self.recipe),
            self.small_epochs,
            derive_seed(self.seed, "small"),
        )
        detector.load_state_dict(small.state_dict())


def first_half(recipe: Recipe) -> Recipe:
    """Return the recipe up to where its rate has fallen to a half."""
    share = min(1.0, 2 * recipe.schedule.warmup_share)
    schedule = ScheduleSettings(warmup_share=share, final_fraction=0.5)
    return recipe.model_copy(update={"schedule": schedule})


def second_half(recipe: Recipe) -> Recipe:
    """Return the recipe from half its rate on."""
    settings = recipe.optimizer
    halved = settings.model_copy(update={"learning_rate": settings.learning_rate / 2})
    last = min(1.0, 2 * recipe.schedule.final_fraction)
    schedule = ScheduleSettings(warmup_share=0.0, final_fraction=last)
    return recipe.model_copy(update={"optimizer": halved, "schedule": schedule})


@cache
def keep(name: str) -> EmbeddedData:
    """Return embedded data whose training pictures are decoded once."""
    torch.set_num_threads(1)
    data = load_embedded(name)
    train = for_training(data.train, LARGEST, DEFAULT.augmentation.zoom[1])
    return EmbeddedData(train, data.val, data.test, data.note)


def judge(detector: Detector, dataset: DetectionDataset) -> dict[str, float]:
    """Return AP and AP50 on ``dataset``, pictures looked at several at a time."""
    trained = TrainedDetector(detector, dataset.categories)
    values = coco_ap(dataset, predict_all(trained, dataset, at_a_time=PICTURES_AT_A_TIME))
    return {name: round(values[name] or 0.0, 5) for name in ("ap", "ap50")}
