"""``fit``: the training loop."""

import math
import time
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from smnas.data.dataset import DetectionDataset
from smnas.data.loader import TrainLoader
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.errors import DataError, TrainingError
from smnas.seeding import derive_seed
from smnas.training.averaging import WeightAverage
from smnas.training.fit_log import FitLog, LossCurve
from smnas.training.freezing import frozen_parts
from smnas.training.initial_weights import load_initial_weights
from smnas.training.optimizer import (
    build_optimizer,
    clip_gradients,
    rate_share,
    set_learning_rate,
)
from smnas.training.precision import Precision, autocast, choose_precision
from smnas.training.progress import ProgressCallback, ThrottledProgress
from smnas.training.recipe import Recipe


def fit(
    detector: Detector,
    dataset: DetectionDataset,
    recipe: Recipe,
    epochs: int,
    seed: int,
    device: torch.device | str = "cpu",
    progress: ProgressCallback | None = None,
    accumulate: int = 1,
) -> FitLog:
    """Train ``detector`` in place, and leave it in eval mode on ``device``.

    Everything random (order, crops, augmentation, sampling of anchors and proposals) follows from
    ``seed``: on a CPU with the same number of threads the same call gives the same weights. Torch's
    global random state is neither read nor moved.

    Args:
        detector: Built with the recipe's losses; moved to ``device``.
        dataset: What it learns from.
        recipe: How.
        epochs: Passes over the dataset, at least 1. The last batch of a pass is dropped where it is
            not full, unless it is the only one.
        seed: Seed of the training.
        device: Where it computes.
        progress: Called with the share done and the loss, at most five times a second.
        accumulate: Into how many parts a batch is split that does not fit into memory at once;
            their gradients are added up. Group norm does not notice, batch norm does.

    Raises:
        DataError: The dataset has no pictures.
        TrainingError: A loss or a gradient is not finite, ``epochs`` is below 1, or more stages are
            to be frozen than the backbone has.
        WeightsError: The recipe's initial weights cannot be had, or none of them fits.
    """
    _check_work(dataset, epochs)
    device = torch.device(device)
    detector.to(device)
    start = recipe.initial_weights
    initial = None if start is None else load_initial_weights(detector, start, dataset.categories)
    loader = TrainLoader(
        dataset,
        detector.arch.input,
        recipe.batch,
        recipe.augmentation,
        seed=derive_seed(seed, "loader"),
        drop_last=True,
    )
    started = time.perf_counter()
    detector.seed_sampling(derive_seed(seed, "sampling"))
    with frozen_parts(detector, recipe, initial) as frozen:
        trainer = _Trainer(detector, recipe, len(loader) * epochs, device, progress, accumulate)
        trainer.run(loader, epochs, frozen)
    return FitLog(
        curve=tuple(trainer.curve.points),
        steps=trainer.done,
        pictures=trainer.pictures,
        seconds=time.perf_counter() - started,
        precision=trainer.precision,
        initial_weights=initial,
    )


def _check_work(dataset: DetectionDataset, epochs: int) -> None:
    if len(dataset) == 0:
        raise DataError(f"{dataset.name}: no pictures to train on; expected at least one")
    if epochs < 1:
        raise TrainingError(f"epochs: expected at least 1; got {epochs}")


class _Trainer:
    """The state of one training between its steps."""

    def __init__(
        self,
        detector: Detector,
        recipe: Recipe,
        steps: int,
        device: torch.device,
        progress: ProgressCallback | None,
        accumulate: int,
    ) -> None:
        self.precision: Precision = choose_precision(device, recipe.precision)
        self.curve = LossCurve(steps)
        self.done = 0
        self.pictures = 0
        self._detector = detector
        self._recipe = recipe
        self._steps = steps
        self._device = device
        self._accumulate = accumulate
        self._optimizer = build_optimizer(detector, recipe)
        self._progress = ThrottledProgress(progress)
        self._average = WeightAverage(detector, recipe.averaging) if recipe.averaging else None

    def run(self, loader: TrainLoader, epochs: int, frozen: Iterable[nn.Module]) -> None:
        """Take all steps; the detector is left in eval mode, also where one of them fails."""
        self._detector.train()
        for part in frozen:
            part.eval()
        try:
            for epoch in range(epochs):
                for images_B3HW, targets in loader.epoch(epoch):
                    self._step(images_B3HW, targets)
            if self._average is not None:
                self._average.write_back()
        finally:
            self._detector.eval()

    def _step(self, images_B3HW: Tensor, targets: Targets) -> None:
        """Take one step down the gradient of one batch."""
        rate = self._recipe.peak_learning_rate
        rate *= rate_share(self.done, self._steps, self._recipe.schedule)
        set_learning_rate(self._optimizer, rate)
        self._optimizer.zero_grad(set_to_none=True)
        losses = self._add_gradients(images_B3HW, targets)
        norm = clip_gradients(self._detector.parameters(), self._recipe.optimizer.clip_norm)
        # One transfer for all numbers of the step: on a GPU each would wait for the device.
        numbers = torch.stack([*losses.values(), norm]).tolist()
        parts = dict(zip(losses, numbers, strict=False))
        self._check_finite(parts, numbers[-1])
        self._optimizer.step()
        self.done += 1
        self.pictures += len(images_B3HW)
        if self._average is not None:
            self._average.update()
        self.curve.add(self.done, rate, parts)
        self._progress.report(self.done / self._steps, sum(parts.values()))

    def _add_gradients(self, images_B3HW: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Add up the gradients of a batch, part by part, and return its mean losses."""
        batch = len(images_B3HW)
        means: dict[str, Tensor] = {}
        size = math.ceil(batch / self._accumulate)
        for start in range(0, batch, size):
            pictures = slice(start, start + size)
            part_B3HW = images_B3HW[pictures].to(self._device)
            with autocast(self._device, self.precision):
                losses = self._detector(part_B3HW, targets.of_pictures(pictures).to(self._device))
            share = len(part_B3HW) / batch
            (share * torch.stack(list(losses.values())).sum()).backward()
            for name, loss in losses.items():
                means[name] = means.get(name, 0.0) + share * loss.detach()
        return means

    def _check_finite(self, parts: dict[str, float], norm: float) -> None:
        if math.isfinite(norm) and all(map(math.isfinite, parts.values())):
            return
        losses = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
        settings = self._recipe.optimizer
        raise TrainingError(
            f"step {self.done + 1} of {self._steps}: expected finite losses and gradients; got "
            f"{losses}, gradient norm {norm:.4g}; try a learning rate below "
            f"{settings.learning_rate:g}, a longer warm-up, a smaller clip_norm, or float32"
        )
