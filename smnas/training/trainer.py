"""The state of one training between its steps, and the step."""

import math
import time
from collections.abc import Iterable
from contextlib import closing

import torch
from torch import Tensor, nn

from smnas.data.loader import TrainLoader, share_of
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.errors import TrainingError
from smnas.seeding import derive_seed
from smnas.training.averaging import WeightAverage
from smnas.training.checkpoint import Checkpoint, TrainingState
from smnas.training.course import Steps
from smnas.training.fit_log import FitLog, LossCurve
from smnas.training.gradient import BatchGradient
from smnas.training.init_report import InitReport
from smnas.training.keeping import Checkpoints
from smnas.training.optimizer import build_optimizer, clip_gradients, set_learning_rate
from smnas.training.precision import Precision, choose_precision
from smnas.training.progress import ProgressCallback, ThrottledProgress
from smnas.training.recipe import Recipe
from smnas.training.state_tensors import load_tensors, state_tensors
from smnas.training.team import Team


class Trainer:
    """One training: made, told where to keep checkpoints, run once, and asked for its log.

    Args:
        detector: On ``device``; what is frozen has no gradients.
        recipe: How it learns.
        steps: Which steps it takes.
        device: Where it computes.
        seed: Seed of the training.
        batch_parts: Parts that each batch is computed in.
        team: The processes that share it.
    """

    def __init__(
        self,
        detector: Detector,
        recipe: Recipe,
        steps: Steps,
        device: torch.device,
        seed: int,
        batch_parts: int,
        team: Team,
    ) -> None:
        self.done = 0
        self._detector = detector
        self._recipe = recipe
        self._steps = steps
        self._sampling_seed = derive_seed(seed, "sampling")
        self._team = team
        self._precision: Precision = choose_precision(device, recipe.precision)
        self._gradient = BatchGradient(detector, device, self._precision, batch_parts, team)
        self._optimizer = build_optimizer(detector, recipe)
        self._average = WeightAverage(detector, recipe.averaging) if recipe.averaging else None
        self._curve = LossCurve(max(steps.horizon, steps.total))
        self._pictures = 0
        self._steps_before = 0
        self._started = time.perf_counter()
        self._seconds_before = 0.0
        self._checkpoints: Checkpoints | None = None
        self._identity = ""

    def keep(self, checkpoints: Checkpoints, identity: str) -> None:
        """Write checkpoints from now on, and go on from the newest sound one.

        Raises:
            TrainingError: The processes of the team find different ones.
        """
        self._checkpoints, self._identity = checkpoints, identity
        found = checkpoints.find(identity, self._steps)
        done = 0 if found is None else found.state.done
        if self._team.agree(done) != done:
            raise TrainingError(
                f"checkpoints: process {self._team.rank} finds step {done}, process 0 another one; "
                "expected a folder that all processes see"
            )
        if found is not None:
            self._go_on(found)

    def run(
        self,
        loader: TrainLoader,
        frozen: Iterable[nn.Module],
        progress: ProgressCallback | None,
    ) -> None:
        """Take all steps; the detector is left in eval mode, also where one of them fails."""
        shown = ThrottledProgress(progress)
        self._detector.train()
        for part in frozen:
            part.eval()
        try:
            while self.done < self._steps.total:
                self._run_epoch(loader, shown)
            if self._average is not None:
                self._average.write_back()
        finally:
            self._detector.eval()

    def log(self, initial: InitReport | None) -> FitLog:
        """Return what the training did."""
        checkpoints = self._checkpoints
        return FitLog(
            curve=tuple(self._curve.points),
            steps=self.done,
            pictures=self._pictures,
            steps_before=self._steps_before,
            seconds=self._seconds,
            precision=self._precision,
            initial_weights=initial,
            notes=() if checkpoints is None else tuple(checkpoints.notes),
            checkpoint_seconds=0.0 if checkpoints is None else checkpoints.seconds,
        )

    @property
    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def _run_epoch(self, loader: TrainLoader, shown: ThrottledProgress) -> None:
        """Take the rest of the steps of one epoch."""
        epoch, done = divmod(self.done, len(loader))
        team = self._team
        first = share_of(loader.pictures, team.rank, team.size).start
        with closing(loader.epoch(epoch, done, team.rank, team.size)) as batches:
            for images_B3HW, targets in batches:
                loss = self._step(images_B3HW, targets, first)
                self._pictures += loader.pictures
                self._keep_state()
                if team.leads:
                    shown.report(self.done / self._steps.total, loss)
                if self.done == self._steps.total:
                    break

    def _step(self, images_B3HW: Tensor, targets: Targets, first: int) -> float:
        """Take one step down the gradient of one batch and return its loss."""
        rate = self._recipe.peak_learning_rate * self._steps.rate_share(self.done)
        set_learning_rate(self._optimizer, rate)
        self._optimizer.zero_grad(set_to_none=True)
        seed = derive_seed(self._sampling_seed, self.done)
        losses = self._gradient.add(images_B3HW, targets, seed, first)
        norm = clip_gradients(self._detector.parameters(), self._recipe.optimizer.clip_norm)
        # One transfer for all numbers of the step: on a GPU each would wait for the device.
        values = self._team.sum(torch.stack([*losses.values(), norm])) / self._team.size
        numbers = values.tolist()
        parts = dict(zip(losses, numbers, strict=False))
        self._check_finite(parts, numbers[-1])
        self._optimizer.step()
        self.done += 1
        if self._average is not None:
            self._average.update()
        self._curve.add(self.done, rate, parts, last=self.done == self._steps.total)
        return sum(parts.values())

    def _keep_state(self) -> None:
        """Write the trunk where it ends, else a checkpoint if one is due."""
        checkpoints, steps = self._checkpoints, self._steps
        if checkpoints is None or not self._team.leads:
            return
        if self.done == steps.trunk and steps.is_rung:
            checkpoints.write_trunk(self._checkpoint())
        elif self.done < steps.total and checkpoints.is_due(
            self.done % steps.per_epoch == 0, self._mebibytes
        ):
            checkpoints.write(self._checkpoint())

    def _checkpoint(self) -> Checkpoint:
        state = TrainingState(
            identity=self._identity,
            done=self.done,
            pictures=self._pictures,
            average_updates=0 if self._average is None else self._average.updates,
            seconds=self._seconds,
            curve=self._curve.state,
            steps_before=self._steps_before,
        )
        return Checkpoint(state_tensors(self._detector, self._optimizer, self._average), state)

    def _mebibytes(self) -> float:
        tensors = state_tensors(self._detector, self._optimizer, self._average)
        return sum(value.nbytes for value in tensors.values()) / 2**20

    def _go_on(self, found: Checkpoint) -> None:
        state = found.state
        load_tensors(found.tensors, self._detector, self._optimizer, self._average)
        if self._average is not None:
            self._average.updates = state.average_updates
        self._curve.go_on(state.curve)
        self.done, self._pictures = state.done, state.pictures
        if found.is_start:
            self._steps_before = state.done
        else:
            self._steps_before, self._seconds_before = state.steps_before, state.seconds

    def _check_finite(self, parts: dict[str, float], norm: float) -> None:
        if math.isfinite(norm) and all(map(math.isfinite, parts.values())):
            return
        losses = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
        settings = self._recipe.optimizer
        raise TrainingError(
            f"step {self.done + 1} of {self._steps.total}: expected finite losses and gradients; "
            f"got {losses}, gradient norm {norm:.4g}; try a learning rate below "
            f"{settings.learning_rate:g}, a longer warm-up, a smaller clip_norm, or float32"
        )
