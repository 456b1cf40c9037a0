"""How every benchmark leaves its numbers: one JSON file with machine, versions and date."""

import argparse
import datetime
import json
from collections.abc import Mapping
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
STAMPS = ("machine", "versions", "date")
"""What ``write_result`` adds to the numbers."""


def make_parser(description: str | None, name: str) -> argparse.ArgumentParser:
    """Return a parser with ``--json`` (default: the committed result) and ``--device``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--json", type=Path, default=RESULTS / f"{name}.json", help="where to write the numbers"
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default) or cuda")
    return parser


def write_result(path: Path, numbers: Mapping[str, object], device: str = "cpu") -> None:
    """Write ``numbers`` beside what they were measured with, and print them.

    Args:
        path: The file; its folder is made where it is missing.
        numbers: Plain numbers by name; ``NAME_interval`` is ``[low, high]``.
        device: What they were measured on.
    """
    # Not above: worlds of sleeping trials live in benchmarks, and their processes do without torch.
    from smnas.measure.protocol import describe_device, library_versions

    result = {
        "machine": describe_device(device),
        "versions": library_versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **numbers,
    }
    text = json.dumps(result, indent=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    print(text)
