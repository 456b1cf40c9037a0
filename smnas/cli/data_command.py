"""``smnas data``: what is in a data set, before hours are spent on it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from smnas.cli import options
from smnas.cli.output import print_json, results

if TYPE_CHECKING:
    from smnas.data.summary import DataSummary


def data(
    data: options.Data,
    images: options.Images = None,
    val: options.Val = None,
    test: options.Test = None,
    group_by: options.GroupBy = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Check annotations and show the splits: pictures, boxes and their sizes, and what to know.

    Says how small a difference of AP means nothing on the validation pictures. The splits are those
    that a search with the same seed makes. Faults of the annotations are named all at once.
    """
    from smnas.cli.specification import data_spec
    from smnas.data.sources import load_splits
    from smnas.data.summary import summarise
    from smnas.measure.noise_floor import noise_floor

    splits = load_splits(data_spec(data, images, val, test, group_by), seed or 0)
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    summaries = {name: summarise(part) for name, part in parts.items() if part is not None}
    floor = noise_floor(splits.val)
    if json:
        print_json(
            {
                "splits": {name: asdict(found) for name, found in summaries.items()},
                "noise_floor": asdict(floor),
                "notes": splits.notes,
            }
        )
        return
    console = results()
    console.print(_table(summaries))
    for note in (*splits.notes, floor.sentence):
        console.print(f"- {note}", markup=False)


def _table(summaries: "Mapping[str, DataSummary]") -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in summaries:
        table.add_column(name, justify="right", overflow="fold")
    found = list(summaries.values())
    names = dict.fromkeys(name for item in found for name in item.boxes_by_category)
    lines: dict[str, list[str]] = {
        "pictures": [f"{item.pictures:,}" for item in found],
        "without objects": [f"{item.empty_pictures:,}" for item in found],
        "median size, px": [f"{item.median_size[0]} x {item.median_size[1]}" for item in found],
        "objects": [f"{item.boxes:,}" for item in found],
        **{
            f"  {name}": [f"{item.boxes_by_category.get(name, 0):,}" for item in found]
            for name in names
        },
        "ignored boxes": [f"{item.ignored_boxes:,}" for item in found],
        "box side, px (5 %, median, 95 %)": [
            ", ".join(f"{side:.0f}" for side in item.box_side_px) for item in found
        ],
    }
    for line, cells in lines.items():
        table.add_row(*map(Text, (line, *cells)))
    return table
