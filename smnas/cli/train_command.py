"""``smnas train``: one detector, trained from its description."""

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
        typer.Option(help="JSON file whose 'recipe' is followed, such as a search's."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Train one detector, measure it on the validation pictures, and write its weights.

    With --test the test pictures are measured as well, after the training.
    """
    from smnas.arch import DetectorArch
    from smnas.cli.measuring import measure_splits
    from smnas.cli.specification import data_spec
    from smnas.data.embedded import is_embedded
    from smnas.data.sources import load_splits
    from smnas.detector.build import build_detector
    from smnas.training.initial_weights import check_start
    from smnas.training.trained_detector import TrainedDetector

    parsed, recipe, seed = DetectorArch.parse(arch), read_recipe(config, init), seed or 0
    check_start(recipe.initial_weights, [parsed.backbone])
    splits = load_splits(data_spec(data, images, val, test, group_by), seed)
    for note in splits.notes:
        remarks().print(note, markup=False, soft_wrap=True)
    categories = splits.train.categories
    detector = build_detector(parsed, len(categories), recipe.losses, seed=seed)
    log = _fit_shown(detector, splits.train, recipe, epochs, seed, device)
    if log.initial_weights is not None:
        remarks().print(log.initial_weights.sentence, markup=False, soft_wrap=True)
    trained = TrainedDetector(detector, categories)
    trained.save(out / WEIGHTS, {"recipe": recipe.recipe_id})
    (out / "log.json").write_text(log.model_dump_json(), encoding="utf-8")
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
    from smnas.training.recipe import Recipe

    settings: Any = read_config_file(config).get("recipe", {}) if config else {}
    if init is not None and isinstance(settings, dict):
        settings = {**settings, "initial_weights": init}
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        raise ConfigError(describe_validation_error(f"{config}: recipe", error, Recipe)) from None


def _fit_shown(
    detector: Any, dataset: Any, recipe: "Recipe", epochs: int, seed: int, device: str
) -> "FitLog":
    """Train with a progress bar on stderr."""
    from smnas.experiment.threads import one_core_left
    from smnas.training.loop import fit

    bar = Progress(
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %, loss {task.fields[loss]:.2f}"),
        TimeRemainingColumn(),
        console=remarks(),
        transient=True,
    )
    with bar, one_core_left():
        task = bar.add_task("training", total=1.0, loss=float("nan"))

        def show(share: float, loss: float) -> None:
            bar.update(task, completed=share, loss=loss)

        return fit(detector, dataset, recipe, epochs, seed, device, show)
