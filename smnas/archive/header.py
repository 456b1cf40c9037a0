"""The first record of a run: who made it, from what, and where."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class RunHeader(BaseModel):
    """What is fixed when a run begins; it goes on only where that still holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smnas_version: str
    created: str
    """Start of the run: ISO 8601, UTC."""
    config: dict[str, Any]
    """The search's configuration as JSON, every default written out."""
    data_ids: dict[str, str]
    """Content hash of each split that the search reads: ``train`` and ``val``."""
    space: dict[str, Any] = {}
    """The space's content as JSON, since a name or a file can come to mean something else."""
    categories: tuple[str, ...] = ()
    """Names of the classes, in the order of their labels."""
    machine: str = ""
    """The machine in one line."""
    notes: tuple[str, ...] = ()
    """Sentences for people: pictures and boxes, how the split was made, the noise floor."""
    versions: dict[str, str] = {}
    """Versions of the libraries that the numbers depend on."""
