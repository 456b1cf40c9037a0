"""Data of any format written in another, without loss of what that one can hold."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smnas.data.bdd100k_writer import write_bdd100k
from smnas.data.coco_writer import write_coco
from smnas.data.dataset import DetectionDataset
from smnas.data.voc_writer import write_voc
from smnas.data.writing import Part, make_parts
from smnas.data.yolo_writer import write_yolo
from smnas.errors import ConfigError, nearest

WRITERS: dict[str, Callable[[Mapping[str, Part], Path], tuple[str, ...]]] = {
    "coco": write_coco,
    "voc": write_voc,
    "bdd100k": write_bdd100k,
    "yolo": write_yolo,
}
BOXES_ONLY = (
    "Pictures, classes, boxes and what is ignored are written; masks, outlines, key points and "
    "other attributes of objects and pictures are not."
)


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        pictures: How many, by split.
        boxes: How many were read, by split.
        notes: What the format cannot hold, with counts.
    """

    pictures: dict[str, int]
    boxes: dict[str, int]
    notes: tuple[str, ...]


def convert(
    datasets: Mapping[str, DetectionDataset], out: Path, form: str, copy: bool = False
) -> Conversion:
    """Write data in another format, whole or not at all.

    Ids and names of categories stay; a format that numbers its classes itself gets them in a file
    ``categories.json`` beside, which our readers know.

    Args:
        datasets: By the name of the split; all with the same categories.
        out: A folder that is not there, or empty.
        form: One of ``WRITERS``.
        copy: Copy the pictures; otherwise they are linked where the disk allows it.

    Raises:
        ConfigError: No such format, something is in the folder, or it cannot be made.
        DataError: Names of pictures that the format cannot tell apart.
    """
    if form not in WRITERS:
        raise ConfigError(f"--to {form!r}: expected a format; {nearest(form, WRITERS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: is there and not empty; name a new folder")
    parts = make_parts(datasets, copy)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f"{out.name}.", dir=out.parent))
    except OSError as error:
        raise ConfigError(
            f"{out}: no folder can be made there: {error.strerror}; name one that can be written to"
        ) from None
    try:
        folder = workshop / "data"
        folder.mkdir()
        notes = WRITERS[form](parts, folder)
        folder.replace(out)
    finally:
        shutil.rmtree(workshop)
    return Conversion(
        pictures={name: len(part.table.pictures) for name, part in parts.items()},
        boxes={name: len(part.table.boxes) for name, part in parts.items()},
        notes=(*notes, BOXES_ONLY),
    )
