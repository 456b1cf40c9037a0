"""The training of one trial, which goes on where an interrupted attempt or a lower rung stopped."""

from pathlib import Path

from pydantic import ValidationError

from smnas.data.dataset import DetectionDataset
from smnas.detector.build import build_detector
from smnas.errors import WeightsError
from smnas.execution.work import Report
from smnas.experiment.run_folder import (
    CHECKPOINTS,
    FOLD,
    TRAINING_LOG,
    WEIGHTS,
    checkpoint_folder,
    trial_folder,
    write_whole,
)
from smnas.experiment.together import train_together
from smnas.seeding import derive_seed
from smnas.training.course import Course
from smnas.training.fit_log import FitLog
from smnas.training.keeping import TRUNK, Checkpoints
from smnas.training.loop import fit
from smnas.training.recipe import Recipe
from smnas.training.team import Team
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.trial import Trial


class TrialTraining:
    """Trains what a trial proposes, and leaves log, weights and a rung's trunk in its folder.

    Args:
        run_folder: Of the search.
        trial: What is trained.
        dataset: What it learns from.
        recipe: How it learns.
        device: Where it computes.
        batch_parts: Parts that each batch is computed in, where memory is short.
        processes: How many share the training, on ``cuda`` each with a GPU of its own.
        fold: Which training of the trial, from 0; each has a folder and a seed of its own, the
            first those of the trial.
    """

    def __init__(
        self,
        run_folder: Path,
        trial: Trial,
        dataset: DetectionDataset,
        recipe: Recipe,
        device: str,
        batch_parts: int = 1,
        processes: int = 1,
        fold: int = 0,
    ) -> None:
        self.seconds_before = 0.0
        """Of attempts that were interrupted, as far as their training counts."""
        self._folder = trial_folder(run_folder, trial.number, fold)
        self._weights = self._folder / WEIGHTS
        self._proposal = trial.proposal
        seed = trial.proposal.seed
        self._seed = derive_seed(seed, "fold", fold) if fold else seed
        self._dataset = dataset
        self._recipe = recipe
        self._device = device
        self._processes = processes
        budget, lower = trial.proposal.budget, trial.proposal.continues
        self._course = Course(
            budget.epochs, budget.horizon_epochs, budget.cooldown_epochs, batch_parts
        )
        self._checkpoints = checkpoint_folder(run_folder, trial.number, fold)
        self._start = None if lower is None else checkpoint_folder(run_folder, lower) / TRUNK
        self._notes = {
            "trial": str(trial.number),
            "budget": str(budget),
            "seed": str(self._seed),
            "recipe": recipe.recipe_id,
        }

    def run(self, report: Report) -> TrainedDetector:
        """Return the trained detector; its weights are on disk.

        Raises:
            ArchError, NotBuiltYetError, TrainingError, WeightsError: It cannot be trained.
            DataError: A picture cannot be read.
            StorageFullError: No room on the disk; the checkpoints before are kept.
        """
        self._sweep()
        found = self._find_trained()
        if found is None and self._processes > 1:
            seconds = train_together(self._train_in_team, self._processes, self._device, report)
            found = self._find_trained()
            self.seconds_before = seconds
        return found or self._train(self._device, report)

    def _train_in_team(self, device: str, report: Report) -> float:
        """Train as one process of a team and return the seconds of interrupted attempts."""
        self._train(device, report)
        return self.seconds_before

    def _sweep(self) -> None:
        """Remove what an interrupted attempt left half done."""
        kept = (CHECKPOINTS, TRAINING_LOG, WEIGHTS)
        for path in self._folder.glob("*"):
            if path.name not in kept and not path.name.startswith(FOLD):
                path.unlink()

    def _find_trained(self) -> TrainedDetector | None:
        """Return what an interrupted attempt had trained to the end, or None."""
        try:
            found = TrainedDetector.load(self._weights, self._device)
            log = FitLog.model_validate_json((self._folder / TRAINING_LOG).read_bytes())
        except (WeightsError, ValidationError, FileNotFoundError):
            return None
        if found.extra != self._notes or found.arch != self._proposal.arch:
            return None
        self.seconds_before = log.seconds
        return found

    def _train(self, device: str, report: Report) -> TrainedDetector:
        report("build", 0.0, "building")
        categories, proposal = self._dataset.categories, self._proposal
        detector = build_detector(
            proposal.arch,
            len(categories),
            self._recipe.losses,
            seed=derive_seed(self._seed, "weights"),
        )
        checkpoints = Checkpoints(
            self._checkpoints, self._start, say=lambda note: report("training", 0.0, note)
        )
        report("training", 0.0, "training")
        log = fit(
            detector,
            self._dataset,
            self._recipe,
            self._course,
            self._seed,
            device,
            lambda share, loss: report("training", share, f"training, loss {loss:.2f}"),
            checkpoints,
        )
        self.seconds_before = checkpoints.seconds_before
        trained = TrainedDetector(detector, categories, self._notes)
        if Team().leads:
            report("writing", 1.0, "writing")
            write_whole(self._folder / TRAINING_LOG, log.model_dump_json())
            trained.save(self._weights)
            checkpoints.clear()
        return trained
