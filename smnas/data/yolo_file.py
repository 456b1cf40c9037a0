"""The ``data.yaml`` of a YOLO folder: where the splits are, and what the classes are called."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from smnas.data.faults import Faults
from smnas.data.table import Text
from smnas.errors import MissingFileError


def _as_list(value: Any) -> Any:
    """Return one place as a list of one; an empty entry names none."""
    return [value] if isinstance(value, str) else value or []


Places = Annotated[list[Text], BeforeValidator(_as_list)]


class _Content(BaseModel):
    """What the file may say; what else it says is not needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str | None = None
    train: Places
    val: Places = Field(default=[], validation_alias=AliasChoices("val", "validation"))
    test: Places = []
    names: list[Text] | dict[int, Text]
    nc: int | None = None


@dataclass(frozen=True)
class YoloFile:
    """The file's content.

    Attributes:
        path: The folder that places start from, as it is written.
        splits: By name, the folders and lists of its pictures.
        classes: Their names, by number.
    """

    path: str | None
    splits: dict[str, list[str]]
    classes: list[str]


_NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)
"""What the parser raises: also of its own accord for dates, numbers and the like that are none."""


def read_yolo_file(path: Path, faults: Faults) -> YoloFile:
    """Return what a ``data.yaml`` says.

    Raises:
        MissingFileError: No such file.
        DataError: Not YAML, or keys missing or wrong.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file; expected the data.yaml of a YOLO folder")
    expected = "expected a YOLO data.yaml: train, val and names"
    try:
        content = _Content.model_validate(yaml.safe_load(path.read_text("utf-8-sig")))
    except ValidationError as error:
        for item in error.errors(include_url=False):
            faults.add(_tell(item))
        raise faults.error(expected) from None
    except _NOT_YAML as error:
        cause = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        faults.add(f"not YAML: {' '.join(cause.split())}")
        raise faults.error(expected) from None
    names = content.names
    classes = names if isinstance(names, list) else [names[number] for number in sorted(names)]
    if isinstance(names, dict) and sorted(names) != list(range(len(names))):
        faults.add(f"names: expected the numbers 0 to {len(names) - 1}, got {sorted(names)!r:.60}")
    if content.nc not in (None, len(classes)):
        faults.add(f"nc: expected the number of names, {len(classes)}, got {content.nc}")
    splits = {"train": content.train, "val": content.val, "test": content.test}
    if not classes or not content.train:
        faults.add("names and train: expected at least one of each")
    faults.raise_if_any(expected)
    return YoloFile(content.path, {k: places for k, places in splits.items() if places}, classes)


def _tell(item: ErrorDetails) -> str:
    """Return a fault in words: where it is, what was expected, and what came."""
    place = ".".join(map(str, item["loc"]))
    if item["type"] == "missing":
        return f"{place}: missing"
    if not place:
        return f"expected keys and values, got {item['input']!r:.60}"
    return f"{place}: {item['msg'].removeprefix('Input ')}, got {item['input']!r:.60}"
