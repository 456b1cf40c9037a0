"""``smnas evaluate``: how good and how fast given weights are on given pictures."""

from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from smnas.cli import options
from smnas.cli.measured import measured_json, measured_table
from smnas.cli.output import print_json, remarks, results
from smnas.cli.weights import find_weights
from smnas.errors import ConfigError
from smnas.trial.measurement import Split
from smnas.trial.metrics import find_metric

if TYPE_CHECKING:
    from smnas.data.dataset import DetectionDataset
    from smnas.data.sources import DataSpec


def evaluate(
    weights: options.Weights,
    data: options.Data,
    images: options.Images = None,
    group_by: options.GroupBy = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, test, or all pictures of data without splits. The default is val for "
            "data that bring splits, and all for others.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    runtime: options.Runtime = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="An accuracy to measure beside COCO's and each class's AP: recall@fppi=0.1, "
            "ap50:CLASS.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure AP with its interval, time, parameters and multiply-adds of trained weights.

    The splits of a file without splits are made from --seed and --group-by, as the search with
    these made them.
    """
    file = find_weights(weights, exported=runtime is None or not runtime.startswith("torch"))

    from smnas.cli.measuring import measure_splits
    from smnas.cli.specification import data_spec
    from smnas.experiment.artifact import (
        check_runtime,
        is_exported,
        load,
        usual_runtime,
    )
    from smnas.experiment.goals import check_objectives

    chosen = runtime or usual_runtime(file)
    check_runtime(chosen)
    further = () if metric is None else (_require_accuracy(metric),)
    trained = load(file, device, chosen)
    given = file if is_exported(file) else None
    name, dataset = _choose(data_spec(data, images, group_by=group_by), split, seed or 0)
    remarks().print(f"{dataset.name}: {len(dataset)} pictures", markup=False, soft_wrap=True)
    check_objectives(further, dataset, "--metric")
    found = measure_splits(trained, {name: dataset}, device, chosen, given, further)
    if json:
        facts = {"arch": str(trained.arch), "arch_id": trained.arch.arch_id, "weights": str(file)}
        print_json(facts | {"split": name, "pictures": len(dataset)} | measured_json(found))
    else:
        results().print(measured_table(found))


def _require_accuracy(metric: str) -> str:
    if find_metric(metric).kind != "accuracy":
        raise ConfigError(f"--metric {metric!r}: expected an accuracy; it is measured in any case")
    return metric


def _choose(spec: "DataSpec", split: str | None, seed: int) -> "tuple[Split, DetectionDataset]":
    """Return the pictures to measure on, and the split that they stand for."""
    from smnas.data.embedded import is_embedded
    from smnas.data.sources import load_splits, open_files
    from smnas.data.splits import join_splits

    own = {} if is_embedded(spec.source) else open_files(spec)
    chosen = split or ("all" if len(own) == 1 else "val")
    if chosen == "all" and len(own) == 1:
        return "test", own["train"]
    if chosen not in get_args(Split):
        raise ConfigError(
            f"--split {chosen!r}: expected train, val, test, or all for data without splits"
        )
    name = cast(Split, chosen)
    whole = own.pop("train", None)
    if whole is None:
        splits = load_splits(spec, seed)
    else:
        splits = join_splits(whole, own, seed, spec.group_by)
    dataset = {"train": splits.train, "val": splits.val, "test": splits.test}[name]
    if dataset is None:
        raise ConfigError(f"--split test: {spec.source} has no test split; its notes say why")
    return name, dataset
