"""What a process must know to run the trials of a search: small, so that it can travel."""

from collections.abc import Mapping

import torch
from pydantic import BaseModel, ConfigDict

from smnas.arch.parts import InputSize
from smnas.data.picture_cache import CachedPictures, for_training
from smnas.data.sources import DataSpec, load_splits
from smnas.errors import DataError
from smnas.experiment.evaluate import Clock, Evaluator
from smnas.training.recipe import Recipe
from smnas.trial.budget import Budget
from smnas.trial.constraint import ConstraintText


class TrialWorld(BaseModel):
    """A search as its trials see it; a ``World`` of the room of execution."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataSpec
    seed: int
    """Decides how the data are split."""
    data_ids: Mapping[str, str]
    """Of ``train`` and ``val``: what the search began with."""
    largest_input: InputSize
    """Training pictures are kept as large as this needs."""
    recipe: Recipe
    device: str
    clock: Clock
    final_budget: Budget
    constraints: tuple[ConstraintText, ...]
    further: tuple[str, ...] = ()
    """Accuracies to measure beside COCO's."""
    threads: int
    """How many a trial computes with."""
    processes: int = 1
    """How many processes share a training, on ``cuda`` each with a GPU of its own."""

    def open(self) -> Evaluator:
        """Return what turns trials into outcomes, with the data read.

        Raises:
            DataError: The data are not those that the search began with.
            MissingFileError: They are not here.
        """
        torch.set_num_threads(1)  # no thread may be running when trials are forked
        splits = load_splits(self.data, self.seed)
        found = {"train": splits.train.data_id, "val": splits.val.data_id}
        if found != dict(self.data_ids):
            raise DataError(
                f"data {self.data.source!r}: expected the content that the search began with "
                f"({self.data_ids}); got another ({found}); put the files back as they were"
            )
        zoom = self.recipe.augmentation.zoom[1]
        train = for_training(splits.train, self.largest_input, zoom)
        if isinstance(train, CachedPictures):
            train.prepare()
        return Evaluator(
            train=train,
            val=splits.val,
            recipe=self.recipe,
            device=self.device,
            clock=self.clock,
            final_budget=self.final_budget,
            constraints=self.constraints,
            further=self.further,
            threads=self.threads,
            processes=self.processes,
        )
