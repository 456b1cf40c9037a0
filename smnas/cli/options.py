"""Arguments and options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

_DATA = (
    "'trees' (embedded photographs), 'scenes:easy' (made pictures; also normal and hard), a COCO "
    "or BDD100K JSON file, a Pascal VOC folder, or the data.yaml of a YOLO folder."
)
_DEVICE = "Where to compute: cpu (the default), cuda or cuda:N."

Data = Annotated[str, typer.Argument(help=_DATA, show_default=False)]
OptionalData = Annotated[
    str | None,
    typer.Argument(help=f"{_DATA} May stand in the configuration file.", show_default=False),
]
Images = Annotated[
    Path | None,
    typer.Option(help="Folder of the pictures; without it they are looked for."),
]
Val = Annotated[
    Path | None,
    typer.Option(
        help="Data to validate on, of any format. Without it: the split that the data bring, or "
        "one that is made, by picture."
    ),
]
Test = Annotated[
    Path | None,
    typer.Option(help="Data that are read once, at the end; without it as for --val."),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD|PATTERN",
        help="Pictures that a split keeps on one side: those that share a field of their record "
        "(COCO, BDD100K), such as video_id, or what a pattern for file names holds in parentheses, "
        "such as '(.*)_[0-9]+'. Pictures that look alike are kept together anyway.",
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all that is drawn at random.")]
Device = Annotated[str, typer.Option(help=_DEVICE, show_default=False)]
ChosenDevice = Annotated[str | None, typer.Option(help=_DEVICE)]
Runtime = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What accuracy and time are taken in: onnxruntime (the exported file, on the CPU), "
        "openvino, onnxruntime-cuda, tensorrt, or torch itself: torch-eager (a quick look) and "
        "torch-compile.",
        show_default=False,
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|FILE",
        help="Weights to begin from: 'imagenet' for backbones by name (fetched once, permissive "
        "licences only), or a file. What fits is taken over; a file of ours also fits other depths "
        "and widths.",
    ),
]
Half = Annotated[bool, typer.Option("--half", help="Convolutions and weights in float16.")]
Int8 = Annotated[
    bool, typer.Option("--int8", help="Quantised, calibrated on the training pictures.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
Run = Annotated[
    Path,
    typer.Argument(
        help="Run folder of a search.", show_default=False, exists=True, file_okay=False
    ),
]
Weights = Annotated[
    Path,
    typer.Argument(
        help="Weights (also an exported .onnx file, unless it is to be exported), the folder of a "
        "front package, or a run folder: then its recommended detector.",
        show_default=False,
    ),
]
