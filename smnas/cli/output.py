"""Where a command writes: what was asked for to stdout, everything else to stderr."""

import json
import sys
from typing import Any

from rich.console import Console


def results() -> Console:
    """Return the console of what a command was asked for; ``ap:cat`` is a name and no emoji."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=False, emoji=False)


def remarks() -> Console:
    """Return the console of everything else: progress, notes, errors."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=False, emoji=False)


def complain(message: str) -> None:
    """Say on stderr what went wrong."""
    remarks().print(f"smnas: {message}", markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Write ``value`` to stdout as JSON and nothing beside it.

    Raises:
        ValueError: A number that JSON has no word for, such as NaN.
    """
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
