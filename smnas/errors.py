"""Every error that smnas raises on purpose.

A message says what was expected, what came, and what to do. ``exit_code`` is what the command line
returns: 2 when the call is wrong, 1 when the call was fine and the work failed.
"""

import difflib
from collections.abc import Iterable
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


class SmnasError(Exception):
    """Base of all errors that smnas raises on purpose."""

    exit_code = 1


class ArchError(SmnasError, ValueError):
    """An arch text or value that names no detector, or parts that do not fit together."""

    exit_code = 2


class NotBuiltYetError(SmnasError, NotImplementedError):
    """A part that parses, but that this version cannot turn into a network."""


class ConfigError(SmnasError, ValueError):
    """A setting, a flag or a configuration file that is wrong."""

    exit_code = 2


class DataError(SmnasError, ValueError):
    """A picture or an annotation file whose content is wrong; names the file and the field."""


class MissingFileError(DataError):
    """A file or folder that the call names and that is not there."""

    exit_code = 2


class TrainingError(SmnasError):
    """A training that cannot go on, for example because its loss is not finite."""


class WeightsError(SmnasError):
    """A weights file that cannot be read or does not belong to the arch."""


class MeasurementError(SmnasError):
    """A number that could not be taken, such as the time of a file that does not run."""


class ExportError(SmnasError):
    """A detector that cannot be exported, or whose exported file computes something else."""


class PackageError(SmnasError):
    """A front package that is not whole, was changed, or is none."""


class RuntimeMissingError(SmnasError, ImportError):
    """A runtime, or a device of it, that is not there; says what brings it."""

    exit_code = 2


class ArchiveError(SmnasError):
    """A run folder that is half-written, or that another version has made."""


class RunBusyError(ArchiveError):
    """A run that another driver is writing to."""

    @classmethod
    def held_by(cls, run: str, holder: str) -> "RunBusyError":
        """Return the error for a run that ``holder`` writes to."""
        return cls(
            f"{run}: is in use by {holder}; one search at a time writes to a run: wait for that "
            "one, stop it, or name another folder with --out"
        )


class RunMismatchError(ArchiveError):
    """A run folder that holds another search than the one that is asked for."""

    exit_code = 2


class SpaceError(SmnasError, ValueError):
    """An arch that a design space does not hold, or a move where it offers none."""


class ComparisonError(SmnasError, ValueError):
    """Trials that must not be compared, such as two of different budgets."""


class StorageFullError(SmnasError):
    """The disk is full; what is there has been kept."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return a hint that names the allowed word most like ``name``, or lists all of them.

    >>> nearest("retnia", ["retina", "rcnn"])
    "did you mean 'retina'?"
    >>> nearest("xyz", ["retina", "rcnn"])
    'one of: retina, rcnn'
    """
    words = list(allowed)
    close = difflib.get_close_matches(name, words, n=1)
    return f"did you mean {close[0]!r}?" if close else "one of: " + ", ".join(words)


def describe_validation_error(
    what: str, error: ValidationError, model: type[BaseModel] | None = None
) -> str:
    """Return all of pydantic's findings on ``what``: for each its place, cause and value.

    Args:
        what: What was validated, to begin the text with.
        error: What pydantic found.
        model: The model that was validated; beside an unknown key the nearest of its keys is named.
    """
    found: list[str] = []
    for item in error.errors(include_url=False):
        cause = item["msg"].removeprefix("Value error, ")
        place = ".".join(str(step) for step in item["loc"])
        if item["type"] == "missing":
            found.append(f"{place}: is missing")
        elif item["type"] == "extra_forbidden" and model is not None:
            allowed = _keys_at(model, item["loc"])
            found.append(f"{place}: unknown key; {nearest(str(item['loc'][-1]), allowed)}")
        elif place and not isinstance(item["input"], dict):
            found.append(f"{place}: {cause}; got {item['input']!r}")
        else:
            found.append(f"{place}: {cause}" if place else cause)
    return f"{what}: " + "; ".join(found)


def _keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are valid beside the last step of ``place``."""
    for step in place[:-1]:
        field = model.model_fields.get(str(step))
        inner = None if field is None else _model_in(field.annotation)
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        return next((m for m in map(_model_in, get_args(annotation)) if m is not None), None)
    return None
