"""``smnas train``: one detector, trained from its description."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from smnas.cli import options
from smnas.cli.measured import measured_json, measured_table
from smnas.cli.output import print_json, remarks, results

if TYPE_CHECKING:
    from smnas.training.fit_log import FitLog
    from smnas.training.recipe import Recipe

WEIGHTS = "weights.safetensors"
CHECKPOINTS = "checkpoints"


def train(
    arch: Annotated[
        str, typer.Argument(help="Text form of the detector, or a known name.", show_default=False)
    ],
    data: options.Data,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training pictures.")] = 12,
    images: options.Images = None,
    val: options.Val = None,
    test: options.Test = None,
    group_by: options.GroupBy = None,
    init: options.Init = None,
    device: options.Device = "cpu",
    seed: options.Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder for weights and log.")] = Path("trained"),
    config: Annotated[
        Path | None,
        typer.Option(help="JSON file whose recipe of finals is followed, such as a search's."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Train one detector, measure it on the validation pictures, and write its weights.

    With --test the test pictures are measured as well, after the training. The same call goes on
    where a stopped one was; under torchrun, several processes or GPUs share the training.
    """
    from smnas.arch import DetectorArch
    from smnas.cli.measuring import measure_splits
    from smnas.cli.specification import data_spec
    from smnas.data.embedded import is_embedded
    from smnas.data.sources import load_splits
    from smnas.detector.build import build_detector
    from smnas.training.initial_weights import check_start
    from smnas.training.keeping import Checkpoints
    from smnas.training.trained_detector import TrainedDetector

    parsed, recipe, seed = DetectorArch.parse(arch), read_recipe(config, init), seed or 0
    check_start(recipe.initial_weights, [parsed.backbone])
    splits = load_splits(data_spec(data, images, val, test, group_by), seed)
    _say(splits.notes)
    categories = splits.train.categories
    detector = build_detector(parsed, len(categories), recipe.losses, seed=seed)
    log = _fit_shown(detector, splits.train, recipe, epochs, seed, device, out)
    if log is None:
        return
    trained = TrainedDetector(detector, categories)
    trained.save(out / WEIGHTS, {"recipe": recipe.recipe_id})
    (out / "log.json").write_text(log.model_dump_json(), encoding="utf-8")
    Checkpoints(out / CHECKPOINTS).clear()
    found = measure_splits(
        trained,
        {"val": splits.val, "test": splits.test if test or is_embedded(data) else None},
        device,
    )
    facts = {"arch": str(parsed), "arch_id": parsed.arch_id, "weights": str(out / WEIGHTS)}
    if json:
        print_json(facts | measured_json(found))
    else:
        results().print(measured_table(found))
        results().print(f"Weights: {out / WEIGHTS}", markup=False, soft_wrap=True)


def read_recipe(config: Path | None, init: str | None) -> "Recipe":
    """Return the recipe of a configuration file, or the default one; ``init`` wins over it.

    Raises:
        MissingFileError: No such file.
        ConfigError: Not JSON, unknown keys, or values out of range.
    """
    from pydantic import ValidationError

    from smnas.errors import ConfigError, describe_validation_error
    from smnas.experiment.config import read_config_file
    from smnas.experiment.defaults import fill_defaults
    from smnas.experiment.recipes import with_start
    from smnas.training.recipe import Recipe

    found = fill_defaults(read_config_file(config)) if config else {}
    settings: Any = found.get("recipe_final") or found.get("recipe", {})
    if init is not None:
        settings = with_start({"recipe": settings}, init)["recipe"]
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(describe_validation_error(f"{config}: recipe", error, Recipe)) from None


def _fit_shown(
    detector: Any,
    dataset: Any,
    recipe: "Recipe",
    epochs: int,
    seed: int,
    device: str,
    out: Path,
) -> "FitLog | None":
    """Train with a progress bar on stderr; None where another process of the team writes."""
    from smnas.experiment.threads import one_core_left
    from smnas.training.keeping import Checkpoints
    from smnas.training.loop import fit
    from smnas.training.team import Team, joined_by_torchrun

    checkpoints = Checkpoints(out / CHECKPOINTS)
    bar = Progress(
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %, loss {task.fields[loss]:.2f}"),
        TimeRemainingColumn(),
        console=remarks(),
        transient=True,
    )
    with joined_by_torchrun(device) as own_device, one_core_left():
        if not Team().leads:
            fit(detector, dataset, recipe, epochs, seed, own_device, None, checkpoints)
            return None
        with bar:
            task = bar.add_task("training", total=1.0, loss=float("nan"))

            def show(share: float, loss: float) -> None:
                bar.update(task, completed=share, loss=loss)

            log = fit(detector, dataset, recipe, epochs, seed, own_device, show, checkpoints)
        _say(log.notes)
        _say([] if log.initial_weights is None else [log.initial_weights.sentence])
        return log


def _say(notes: Iterable[str]) -> None:
    """Tell people, once for all processes that torchrun has started."""
    for note in notes if os.environ.get("RANK", "0") == "0" else ():
        remarks().print(note, markup=False, soft_wrap=True)
