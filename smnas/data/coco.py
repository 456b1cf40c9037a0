"""COCO JSON: the format in which users bring their own pictures."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smnas.data.annotations import Annotations
from smnas.data.coco_file import CocoFile, CocoImage, clip_boxes, read_coco_file
from smnas.data.dataset import Category, DetectionDataset, hash_content
from smnas.data.faults import Faults
from smnas.data.picture import Picture, read_picture
from smnas.errors import DataError, MissingFileError

_LOOKED_AT = 20
"""Pictures that are looked for when the folder has to be found."""


class CocoDataset(DetectionDataset):
    """The pictures of a COCO file; made by ``load_coco``, which has checked them.

    Args:
        path: The annotation file, named in errors.
        folder: Where the pictures are.
        content: What the file says.
        boxes_xyxy: All boxes, clipped, in the file's order.
        rows: Position in ``images`` of each annotation's picture.
        file_sizes: Bytes of each picture's file; enters ``data_id``.
    """

    def __init__(
        self,
        path: Path,
        folder: Path,
        content: CocoFile,
        boxes_xyxy: NDArray[np.float32],
        rows: NDArray[np.int64],
        file_sizes: list[int],
    ) -> None:
        self.name = path.name
        # By id, so that the splits of a data set agree whatever the order in their files.
        by_id = sorted(content.categories, key=lambda item: item.id)
        self.categories = tuple(Category(item.id, item.name) for item in by_id)
        self.path = path
        self._folder = folder.absolute()
        self._images = content.images
        # Boxes picture by picture: those of picture i are rows starts[i] to starts[i + 1].
        order = np.argsort(rows, kind="stable")
        self._starts = np.searchsorted(rows[order], np.arange(len(content.images) + 1))
        labels = {category.id: label for label, category in enumerate(self.categories)}
        self._found = Annotations(
            boxes_xyxy=boxes_xyxy[order],
            labels=np.array([labels[item.category_id] for item in content.annotations])[order],
            ignore=np.array([item.iscrowd for item in content.annotations])[order],
        )
        self._data_id = self._hash(file_sizes)

    @property
    def data_id(self) -> str:
        """From categories, pictures (names, sizes, bytes of the files) and boxes.

        The pixels are not read, so that 100,000 pictures take a second.
        """
        return self._data_id

    def _hash(self, file_sizes: list[int]) -> str:
        found = self._found
        return hash_content(
            [
                repr(self.categories),
                *(
                    f"{image.id!r} {image.file_name} {image.width} {image.height} {size}"
                    for image, size in zip(self._images, file_sizes, strict=True)
                ),
                self._starts.tobytes(),
                found.boxes_xyxy.tobytes(),
                found.labels.tobytes(),
                found.ignore.tobytes(),
            ]
        )

    def __len__(self) -> int:
        """Return the number of pictures, those without objects included."""
        return len(self._images)

    def picture_id(self, index: int) -> int | str:
        """Return the id that the file gives."""
        return self._images[index].id

    def picture_file(self, index: int) -> Path:
        """Return the file that the folder and the file's entry make."""
        return self._folder / self._images[index].file_name

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return width and height as the file says."""
        image = self._images[index]
        return image.width, image.height

    def annotations(self, index: int) -> Annotations:
        """Return the objects of a picture; crowds are ignored."""
        rows = slice(self._starts[index], self._starts[index + 1])
        found = self._found
        return Annotations(found.boxes_xyxy[rows], found.labels[rows], found.ignore[rows])

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return a picture and its objects.

        Raises:
            DataError: The picture cannot be read, or is not of the size that the file says.
        """
        image, file = self._images[index], self.picture_file(index)
        picture = read_picture(file)
        height, width = picture.shape[:2]
        if (width, height) != (image.width, image.height):
            raise DataError(_size_fault(self.path, file, image, (width, height)))
        return picture, self.annotations(index)


def load_coco(
    path: str | Path, images: str | Path | None = None, look_in: str | Path | None = None
) -> CocoDataset:
    """Return the pictures of a COCO JSON file.

    Everything but the pixels is checked here; pictures are read when they are asked for.

    Args:
        path: The annotation file.
        images: Folder that the file names start from; where not given it is looked for: the folder
            of the annotation file, ``images`` in it, and ``images`` beside it.
        look_in: A further place to look at, before these.

    Raises:
        MissingFileError: No such file or folder.
        DataError: What the file says is wrong; all faults are named.
    """
    path = Path(path)
    content = read_coco_file(path)
    folder = Path(images) if images else _find_folder(path, content.images, look_in)
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: no such folder of pictures")
    faults = Faults(path)
    positions = {image.id: row for row, image in enumerate(content.images)}
    rows = np.array([positions[item.image_id] for item in content.annotations], dtype=np.int64)
    boxes_xyxy = clip_boxes(content, rows, faults)
    faults.raise_if_any("correct or remove these annotations")
    file_sizes = _measure_files(folder, content.images, faults)
    faults.raise_if_any(f"pictures were looked for in {folder}; name another folder with --images")
    return CocoDataset(path, folder, content, boxes_xyxy, rows, file_sizes)


def _find_folder(path: Path, images: list[CocoImage], look_in: str | Path | None) -> Path:
    """Return the place in which most of the first pictures are."""
    places = [path.parent, path.parent / "images", path.absolute().parent.parent / "images"]
    if look_in:
        places.insert(0, Path(look_in))
    first = images[:_LOOKED_AT]

    def count_found(folder: Path) -> int:
        return sum((folder / image.file_name).is_file() for image in first)

    best = max(places, key=count_found)
    if count_found(best) == 0:
        raise MissingFileError(
            f"{path}: images[0].file_name: no {images[0].file_name!r} in "
            + " or ".join(map(str, places))
            + "; name the folder of the pictures with --images"
        )
    return best


def _measure_files(folder: Path, images: list[CocoImage], faults: Faults) -> list[int]:
    sizes: list[int] = []
    for row, image in enumerate(images):
        try:
            sizes.append(os.stat(folder / image.file_name).st_size)
        except (OSError, ValueError):
            faults.add(f"images[{row}].file_name: no picture {image.file_name!r}")
    return sizes


def _size_fault(path: Path, file: Path, image: CocoImage, found: tuple[int, int]) -> str:
    hint = "annotate the picture as it is"
    if found == (image.height, image.width):
        hint = "its EXIF orientation may turn it: annotate it upright, or remove that tag"
    return (
        f"{file}: the picture is {found[0]} x {found[1]} pixels, but image {image.id!r} of {path} "
        f"has width {image.width} and height {image.height}; {hint}"
    )
