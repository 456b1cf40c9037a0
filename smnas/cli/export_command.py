"""``smnas export``: a trained detector as the file that is deployed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smnas.cli import options
from smnas.cli.output import print_json, remarks, results
from smnas.cli.weights import find_weights, run_data
from smnas.errors import ConfigError

if TYPE_CHECKING:
    from smnas.data.splits import Splits
    from smnas.experiment.artifact import Export


def export(
    weights: options.Weights,
    data: Annotated[
        str | None,
        typer.Option(
            help="Pictures to check the file on, with annotations; a run folder has its own. "
            "Without any the embedded photographs are used, and no AP is compared.",
            show_default=False,
        ),
    ] = None,
    images: options.Images = None,
    runtime: Annotated[
        str, typer.Option(help="Run the file in this runtime as well, to see that it works there.")
    ] = "onnxruntime",
    half: options.Half = False,
    int8: options.Int8 = False,
    out: Annotated[Path, typer.Option(help="The file.")] = Path("detector.onnx"),
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Write a detector as one ONNX file that takes pictures of any size.

    The file is compared with the network on real pictures first: where the two find something else,
    nothing is written, and the exit code is 1. With --half and --int8 the AP that it costs is told.
    """
    if half and int8:
        raise ConfigError("--half, --int8: expected one of the two; got both")
    file = find_weights(weights)

    from smnas.experiment.artifact import CALIBRATION_PICTURES, export, first_pictures, load
    from smnas.export.runtime import require_runtime
    from smnas.training.trained_detector import TrainedDetector

    require_runtime(runtime)
    trained = TrainedDetector.load(file)
    splits = _load_splits(weights, data, images, seed or 0)
    if int8 and splits is None:
        raise ConfigError(
            "--int8: expected the pictures that the detector will see, to calibrate on; name them "
            "with --data, or give a run folder"
        )
    shown = _pictures(splits)
    made = export(
        trained,
        out,
        first_pictures(shown),
        annotated=None if splits is None else splits.val,
        precision="float16" if half else "int8" if int8 else "float32",
        calibration=first_pictures(splits.train, CALIBRATION_PICTURES) if int8 and splits else (),
    )
    load(out, runtime=runtime).predict(first_pictures(shown, 1)[0])
    if json:
        facts = {"arch": str(trained.arch), "arch_id": trained.arch.arch_id, "weights": str(file)}
        print_json(facts | {"runtime": runtime} | _facts(made))
    else:
        _tell(made)


def _load_splits(
    weights: Path, data: str | None, images: Path | None, seed: int
) -> "Splits | None":
    """Return the data that were named, or those of a run folder; None where there are none."""
    from smnas.data.sources import load_splits

    spec, seed = run_data(weights, data, images, seed)
    return None if spec is None else load_splits(spec, seed)


def _pictures(splits: "Splits | None") -> Any:
    """Return what to compare on: the validation pictures, or photographs that we bring."""
    if splits is not None:
        return splits.val
    from smnas.data.trees import load_trees

    remarks().print("no data named: compared on the embedded photographs", markup=False)
    return load_trees().val


def _facts(made: "Export") -> dict[str, Any]:
    """Return what the export showed, as JSON has it; AP is 0-1."""
    parity = made.parity
    facts: dict[str, Any] = {
        "file": str(made.path),
        "precision": made.precision,
        "bytes": made.path.stat().st_size,
        "pictures": parity.pictures,
        "detections": parity.detections,
        "partnered": parity.partnered,
        "raw_difference": parity.raw,
    }
    if parity.ap is not None:
        facts |= {"ap_network": parity.ap[0], "ap_float32": parity.ap[1]}
    if made.ap is not None:
        facts |= {"ap_file": made.ap[1], "ap_cost": made.ap[0] - made.ap[1]}
    return facts


def _tell(made: "Export") -> None:
    parity = made.parity
    lines = [
        f"{made.path}: {made.path.stat().st_size / 2**20:.1f} MiB, {made.precision}",
        f"Finds what the network finds: {100 * parity.partnered:.1f} % of {parity.detections} "
        f"detections on {parity.pictures} pictures have a partner; raw outputs within "
        f"{parity.raw:.1g}",
    ]
    if parity.ap is not None:
        lines.append(f"AP: network {100 * parity.ap[0]:.2f}, file {100 * parity.ap[1]:.2f}")
    if made.ap is not None:
        full, less = made.ap
        lines.append(
            f"AP in {made.precision}: {100 * less:.2f}; it costs {100 * (full - less):.2f} points"
        )
    for line in lines:
        results().print(line, markup=False, soft_wrap=True)
