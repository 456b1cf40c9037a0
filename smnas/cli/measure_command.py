"""``smnas measure --blocks``: a folder to take to the device that a search is for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smnas.cli import options, search_options
from smnas.cli.output import print_json, remarks, results
from smnas.errors import ConfigError

if TYPE_CHECKING:
    from smnas.experiment.block_folder import BlockFolder


Blocks = Annotated[
    bool,
    typer.Option(
        "--blocks",
        help="Write the parts of the detectors of the search space, and some whole ones, as ONNX "
        "files with the script that times them.",
        show_default=False,
    ),
]
Folder = Annotated[Path, typer.Option(help="The folder; it must not be there yet.")]
MostBlocks = Annotated[
    int | None, typer.Option(min=1, help="Files of blocks at most; 1500 unless told otherwise.")
]
MostMib = Annotated[
    float | None,
    typer.Option(min=1.0, help="MiB of their weights at most; 2048 unless told otherwise."),
]


def measure(
    data: options.OptionalData = None,
    *,
    blocks: Blocks = False,
    out: Folder,
    images: options.Images = None,
    val: options.Val = None,
    test: options.Test = None,
    group_by: options.GroupBy = None,
    folds: search_options.Folds = None,
    space: search_options.Space = None,
    inputs: search_options.Inputs = None,
    anchors: search_options.AnchorShapes = None,
    seed: options.Seed = None,
    final_norm: search_options.FinalNorm = None,
    config: search_options.Config = None,
    most_blocks: MostBlocks = None,
    most_mib: MostMib = None,
    json: options.Json = False,
) -> None:
    """Write a folder to take to the device that a search is for, to be timed there.

    Give the data and options of the search. On the device `python measure.py` needs NumPy and
    onnxruntime alone; what it writes is for `smnas search ... --latency-from device-report.json`.
    """
    given = dict(locals())  # every setting has the name of its flag
    if not blocks:
        raise ConfigError(
            "measure: expected --blocks; trained detectors are measured by `smnas evaluate`, and "
            "on another device by the measure.py of `smnas package`"
        )
    from smnas.experiment.block_folder import MOST_BLOCKS, MOST_MIB, write_block_folder
    from smnas.experiment.config import Flags, make_config

    flags = {name: given[name] for name in Flags.__annotations__ if name in given}
    found = write_block_folder(
        make_config(data, config, **flags),
        out,
        most_blocks=most_blocks or MOST_BLOCKS,
        most_mib=most_mib or MOST_MIB,
        note=lambda sentence: remarks().print(sentence, markup=False, soft_wrap=True),
    )
    if json:
        print_json(_tell(found))
        return
    results().print(
        f"{found.files} files, {found.mib:.0f} MiB: {out}\n"
        "Next, on the device (it needs numpy and onnxruntime):\n"
        "  python measure.py --threads 1\n"
        "and here again, with the options of this call:\n"
        "  smnas search ... --latency-from device-report.json",
        markup=False,
        soft_wrap=True,
    )


def _tell(found: "BlockFolder") -> dict[str, object]:
    chosen = found.chosen
    one, two = (
        {"seen": seen, "covered": covered}
        for seen, covered in zip(chosen.seen, chosen.covered, strict=True)
    )
    return {
        "folder": str(found.folder),
        "blocks": len(chosen.blocks),
        "detectors": list(map(str, chosen.detectors)),
        "mib": found.mib,
        "structures": one,
        "stage_two_drawn": two,
    }
