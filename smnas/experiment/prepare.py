"""What a search is made from: data, spaces and settings, read and checked before anything runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from smnas.data.picture_cache import CachedPictures, for_training
from smnas.data.sources import load_splits
from smnas.data.splits import Splits
from smnas.errors import ConfigError
from smnas.experiment.artifact import check_runtime
from smnas.experiment.briefing import describe_split
from smnas.experiment.checkup import COARSE_AP50
from smnas.experiment.config import SearchConfig
from smnas.experiment.elsewhere import read_times
from smnas.experiment.goals import check_objectives, settled_metric, tie_width
from smnas.experiment.shapes import load_spaces
from smnas.measure.blocks.device_times import DeviceTimes
from smnas.measure.noise_floor import NoiseFloor, noise_floor
from smnas.search import SearchSettings
from smnas.space.pair import SpacePair
from smnas.training.initial_weights import check_start

ADVICE_ON_FOLDS = (
    "--folds 5 judges the finals on the pictures of train and val together, each by a training "
    "that has not seen it, for five times their training."
)


@dataclass(frozen=True)
class Prepared:
    """What a search is made from, read and checked."""

    splits: Splits
    spaces: SpacePair
    settings: SearchSettings
    notes: tuple[str, ...]
    """Sentences about the data and, where the parts of the search differ in it, their recipes."""
    elsewhere: DeviceTimes | None = None
    """Times of another device, which the search goes by."""


def prepare(config: SearchConfig, report: Path | None = None) -> Prepared:
    """Return what ``config`` names; see ``search`` for errors.

    Args:
        config: Of the search.
        report: Where the device report of ``latency_from`` lies; None: nothing is read of it.
    """
    check_machine(config)
    splits = load_splits(config.data, config.seed)
    check_objectives(config.objectives, splits.val)
    spaces = load_spaces(config.space, splits, config.inputs, config.anchors)
    for recipe in config.recipes.all:
        check_start(recipe.initial_weights, spaces.structural.backbone_parts)
    floor = noise_floor(splits.val, metric=settled_metric(config.objectives))
    settings = config.settings(len(splits.train), tie_width(config.objectives, floor))
    known = min(settings.yardsticks, len(spaces.yardsticks))
    settings = settings.model_copy(update={"yardsticks": known})
    notes = (*describe_data(splits, floor), *config.recipes.sentences)
    if report is None:
        return Prepared(splits, spaces, settings, notes)
    classes = len(splits.train.categories)
    elsewhere, told = read_times(report, spaces, classes, config.seed, config.final_norm[0])
    return Prepared(splits, spaces, settings, (*notes, told), elsewhere)


def check_machine(config: SearchConfig) -> None:
    """Make sure that device and runtime are there.

    Raises:
        ConfigError: No such device, or no such runtime.
        RuntimeMissingError: The runtime is not installed, or its device is not there.
    """
    check_runtime(config.runtime)
    kind, _, index = config.device.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device: {config.device!r}: torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices; use --device cpu, or another index"
        )


def describe_data(splits: Splits, floor: NoiseFloor) -> tuple[str, ...]:
    """Return sentences about the data that a search reads, and how fine it can judge."""
    return (
        describe_split("train", splits.train),
        describe_split("val", splits.val),
        *splits.notes,
        floor.sentence,
        *_describe_folds(splits, floor),
    )


def _describe_folds(splits: Splits, floor: NoiseFloor) -> tuple[str, ...]:
    """Return what is done so that finals can be told apart, or what could be."""
    if splits.folds is not None:
        judged = noise_floor(splits.judged)
        return (
            f"Finals and the yardsticks beside them are trained {len(splits.folds)} times, each "
            "time without the pictures of one fold, and judged on all folds together. "
            f"{judged.sentence}",
        )
    if splits.own_val or floor.ap50 <= COARSE_AP50:
        return ()
    return (ADVICE_ON_FOLDS,)


def cache_pictures(
    splits: Splits, config: SearchConfig, spaces: SpacePair, note: Callable[[str], None]
) -> Splits:
    """Return the splits with training pictures that all trials read fast, in whatever process.

    Raises:
        DataError: A picture cannot be read.
        StorageFullError: There is no room for the cache.
    """
    train = for_training(splits.learned, spaces.enclosing_input, config.recipes.largest_zoom)
    if isinstance(train, CachedPictures):
        note(f"reading {len(train)} training pictures into the cache, where they are not")
        train.prepare()
    return splits.shown_as(train)
