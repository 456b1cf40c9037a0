"""What a BDD100K JSON file may say, as far as detection needs it."""

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from smnas.data.faults import Faults
from smnas.data.json_file import parse_json, read_json_bytes
from smnas.data.table import Pixels, Text
from smnas.errors import MissingFileError

EXPECTED = "expected BDD100K JSON: a list of frames, or frames and config"


@dataclass(frozen=True, slots=True)
class Box2d:
    """Corners in pixels, both inside the box."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Label:
    """One object, lane or area; lanes and areas have no ``box2d``."""

    category: Text | None = None
    box2d: Box2d | None = None
    attributes: dict[str, Any] | None = None

    def is_marked(self, attribute: str) -> bool:
        """Whether an attribute is there and true."""
        return bool(self.attributes and self.attributes.get(attribute))


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Of a frame, or of all."""

    width: Pixels
    height: Pixels


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture; what else it says is not needed."""

    name: Text
    labels: list[Label] | None = None
    video: str | None = Field(default=None, alias="videoName")
    size: ImageSize | None = None

    @property
    def film_name(self) -> str:
        """The name, with the film before it where there is one."""
        return f"{self.video}/{self.name}" if self.video else self.name


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class, or a group of classes."""

    name: Text
    subcategories: "list[ClassName] | None" = None

    def leaves(self) -> list[str]:
        """Return the classes that are no groups."""
        if not self.subcategories:
            return [self.name]
        return [leaf for item in self.subcategories for leaf in item.leaves()]


@dataclass(frozen=True)
class Config:
    """What holds for all frames."""

    categories: list[ClassName]
    image_size: ImageSize | None = Field(
        default=None, validation_alias=AliasChoices("imageSize", "image_size")
    )


@dataclass(frozen=True)
class BddFile:
    """The parts of a file that detection needs."""

    frames: list[Frame]
    config: Config | None = None


_FILE = TypeAdapter(BddFile)
_FRAMES = TypeAdapter(list[Frame])


def read_bdd_file(path: Path, faults: Faults) -> BddFile:
    """Return the content of a file of either shape; faulty frames are noted and left out.

    Raises:
        MissingFileError: No such file.
        DataError: Not JSON, or of another kind.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such annotation file; expected a BDD100K JSON file")
    data = read_json_bytes(path)
    if data.lstrip().startswith(b"["):
        return BddFile(frames=parse_json(data, _FRAMES, faults, EXPECTED))
    return parse_json(data, _FILE, faults, EXPECTED)
