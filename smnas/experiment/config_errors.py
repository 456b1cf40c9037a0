"""What is wrong with a configuration, in words: every finding, with place, cause and a hint."""

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from smnas.errors import nearest


def explain(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one sentence per finding; an unknown key names the nearest valid one.

    Args:
        error: What pydantic found.
        model: The model that was validated, to know which keys are valid where.
    """
    found: list[str] = []
    for item in error.errors(include_url=False):
        place, cause = item["loc"], item["msg"].removeprefix("Value error, ")
        name = ".".join(str(step) for step in place)
        if item["type"] == "extra_forbidden":
            found.append(f"{name}: unknown key; {nearest(str(place[-1]), keys_at(model, place))}")
        elif item["type"] == "missing":
            found.append(f"{name}: is missing; give it in the file or as a flag")
        elif not place or isinstance(item["input"], dict):
            found.append(f"{name}: {cause}" if place else cause)
        else:
            found.append(f"{name}: {cause}; got {item['input']!r}")
    return found


def keys_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
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
