"""What a process must know to run the trials of a search: small, so that it can travel."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict

from smnas.arch.parts import InputSize, Norm
from smnas.data.category_file import FILE_NAME as CATEGORIES
from smnas.data.dataset import hash_content
from smnas.data.embedded import is_embedded
from smnas.data.picture_cache import CachedPictures, for_training
from smnas.data.sources import DataSpec, load_splits
from smnas.data.splits import Splits
from smnas.errors import DataError, MissingFileError
from smnas.experiment.artifact import TORCH_RUNTIMES
from smnas.experiment.attempt import Clock, Conditions
from smnas.experiment.config import SearchConfig
from smnas.experiment.evaluate import Evaluator
from smnas.experiment.recipes import Recipes
from smnas.experiment.sent_data import find_sent, pack_files
from smnas.export.onnx import warm_up
from smnas.measure.blocks.device_times import DeviceTimes
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
    recipes: Recipes
    device: str
    clock: Clock
    final_budget: Budget
    ships: Norm
    """In which candidates are counted and timed."""
    constraints: tuple[ConstraintText, ...]
    further: tuple[str, ...] = ()
    """Accuracies to measure beside COCO's."""
    threads: int
    """How many a trial computes with."""
    processes: int = 1
    """How many processes share a training, on ``cuda`` each with a GPU of its own."""
    runtime: str = "torch-eager"
    """What accuracies and times are taken in."""
    elsewhere: DeviceTimes | None = None
    """Times of another device, which are told and not taken."""

    @classmethod
    def of_search(
        cls,
        config: SearchConfig,
        data_ids: Mapping[str, str],
        largest_input: InputSize,
        final_budget: Budget,
        threads: int,
        further: tuple[str, ...] = (),
        processes: int = 1,
        elsewhere: DeviceTimes | None = None,
    ) -> Self:
        """Return the world of a search, its paths absolute: other processes start elsewhere."""
        data = config.data
        if not is_embedded(data.source):
            places = {name: _absolute(getattr(data, name)) for name in _PLACES}
            data = data.model_copy(update=places)
        return cls(
            data=data,
            seed=config.seed,
            data_ids=data_ids,
            largest_input=largest_input,
            recipes=config.recipes.with_files(Path.absolute),
            device=config.device,
            clock=config.clock,
            final_budget=final_budget,
            ships=config.final_norm[0],
            constraints=config.constraints,
            threads=threads,
            further=further,
            processes=processes,
            runtime=config.runtime,
            elsewhere=elsewhere,
        )

    def open(self) -> Evaluator:
        """Return what turns trials into outcomes, with the data read.

        Raises:
            DataError: The data are not those that the search began with.
            MissingFileError: They are not here.
        """
        torch.set_num_threads(1)  # no thread may be running when trials are forked
        for start in self.recipes.files:
            if not start.exists():
                raise MissingFileError(f"{start}: no such file of initial weights")
        splits = load_splits(self.data, self.seed)
        found = {"train": splits.train.data_id, "val": splits.val.data_id}
        if found != dict(self.data_ids):
            raise DataError(
                f"data {self.data.source!r}: expected the content that the search began with "
                f"({self.data_ids}); got another ({found}); put the files back as they were"
            )
        learned = for_training(splits.learned, self.largest_input, self.recipes.largest_zoom)
        if isinstance(learned, CachedPictures):
            learned.prepare()
        splits = splits.shown_as(learned)
        if self.runtime not in TORCH_RUNTIMES:
            warm_up()
        conditions = Conditions(
            train=splits.train,
            val=splits.val,
            recipes=self.recipes,
            device=self.device,
            clock=self.clock,
            final_budget=self.final_budget,
            ships=self.ships,
            constraints=self.constraints,
            further=self.further,
            threads=self.threads,
            processes=self.processes,
            runtime=self.runtime,
            folds=splits.folds,
            elsewhere=self.elsewhere,
        )
        return Evaluator(conditions)

    @property
    def key(self) -> str:
        """Name of the data and initial weights, by their content."""
        weights = [file.read_bytes() for file in self.recipes.files if file.is_file()]
        return f"sent-{hash_content([*map(str, sorted(self.data_ids.items())), *weights])}"

    def pack(self) -> Iterator[dict[str, bytes]]:
        """Yield the files that ``open`` reads, some at a time, by relative path."""
        files = list(self.recipes.files)
        if not is_embedded(self.data.source):
            files += _data_files(self.data, load_splits(self.data, self.seed))
        return pack_files(files)

    def moved(self, folder: Path) -> Self:
        """Return the world that reads those files from ``folder``."""
        data = self.data
        if not is_embedded(data.source):
            now = {name: getattr(data, name) for name in _PLACES}
            now = {name: place and find_sent(folder, place) for name, place in now.items()}
            data = data.model_copy(update=now)
        recipes = self.recipes.with_files(lambda start: Path(find_sent(folder, str(start))))
        return self.model_copy(update={"data": data, "recipes": recipes})


_PLACES = ("source", "images", "val", "test")
"""The paths of a ``DataSpec``."""


def _absolute(place: str | None) -> str | None:
    return place and str(Path(place).absolute())


def _data_files(spec: DataSpec, splits: Splits) -> list[Path]:
    """Return the annotations, whole folders of them in formats that have folders, and pictures."""
    files: list[Path] = []
    for place in (spec.source, spec.val, spec.test):
        if place is None:
            continue
        path = Path(place)
        if path.suffix == ".json":
            beside = path.with_name(CATEGORIES)
            files += [path, beside] if beside.is_file() else [path]
        else:
            folder = path if path.is_dir() else path.parent
            files += [file for file in folder.rglob("*") if file.is_file()]
    for split in (splits.train, splits.val, splits.test):
        if split is not None:
            pictures = (split.picture_file(index) for index in range(len(split)))
            files += [file for file in pictures if file is not None]
    return files
