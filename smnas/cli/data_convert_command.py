"""``smnas data convert``: data written in another format."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smnas.cli import options
from smnas.cli.output import results

if TYPE_CHECKING:
    from smnas.data.dataset import DetectionDataset
    from smnas.data.sources import DataSpec


def convert(
    data: options.Data,
    out: Annotated[
        Path, typer.Argument(help="A new folder, for annotations and pictures.", show_default=False)
    ],
    to: Annotated[
        str, typer.Option(help="coco, voc, bdd100k or yolo.", metavar="FORMAT", show_default=False)
    ],
    images: options.Images = None,
    val: Annotated[
        Path | None,
        typer.Option(help="What becomes the split val; without it the one that the data bring."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="What becomes the split test; without it as for --val.")
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy pictures; otherwise they become hard links.")
    ] = False,
) -> None:
    """Write data in another format, with ids and names of classes as they are.

    Crowds, difficult and ignored objects stay so where the format has such; what it cannot hold is
    said, with counts. Splits that the data bring are kept, none is made.
    """
    from smnas.cli.specification import data_spec
    from smnas.data.convert import convert as write

    done = write(_open(data_spec(data, images, val, test)), out, to, copy)
    console = results()
    for split, pictures in done.pictures.items():
        line = f"{out}: {split}: {pictures:,} pictures, {done.boxes[split]:,} boxes read"
        console.print(line, markup=False, soft_wrap=True)
    for note in done.notes:
        console.print(f"- {note}", markup=False)


def _open(spec: "DataSpec") -> "Mapping[str, DetectionDataset]":
    from smnas.data.embedded import is_embedded
    from smnas.data.sources import load_splits, open_files

    if not is_embedded(spec.source):
        return open_files(spec)
    splits = load_splits(spec, seed=0)
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    return {name: part for name, part in parts.items() if part is not None}
