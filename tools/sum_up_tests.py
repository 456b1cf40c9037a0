"""Sum up what pytest wrote: which test files ran, how many tests, how long, and what failed.

.venv/bin/python tools/sum_up_tests.py tests/full_counts.md build/test-all.xml [MORE.xml ...]
"""

import argparse
import platform
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

_HEAD = """# The full counts

Written by `make test-all` ({machine}, Python {python}); {date}.

| file | passed | skipped | failed | seconds |
|---|---|---|---|---|
"""


@dataclass
class Count:
    """What became of the tests of a file."""

    passed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failed: list[str] = field(default_factory=list[str])

    def add(self, case: ElementTree.Element) -> None:
        """Count one test."""
        self.seconds += float(case.get("time", "0"))
        found = {child.tag for child in case}
        if found & {"failure", "error"}:
            self.failed.append(case.get("name", ""))
        elif "skipped" in found:
            self.skipped += 1
        else:
            self.passed += 1


def count(paths: Iterable[Path]) -> dict[str, Count]:
    """Return the counts of each test file, in the order of their names.

    Of a test that ran more than once the last run counts, in the order of ``paths``.
    """
    cases: dict[tuple[str, str], ElementTree.Element] = {}
    for path in paths:
        for case in ElementTree.parse(path).iter("testcase"):
            cases[case.get("classname", ""), case.get("name", "")] = case
    counts: dict[str, Count] = defaultdict(Count)
    for (module, _), case in cases.items():
        counts[module.replace(".", "/")].add(case)
    return dict(sorted(counts.items()))


def write(counts: dict[str, Count], date: str) -> str:
    """Return the page."""
    machine = f"{platform.machine()}, {platform.system()}"
    text = _HEAD.format(machine=machine, python=platform.python_version(), date=date)
    for name, item in [*counts.items(), ("all", total(counts.values()))]:
        cells = (item.passed, item.skipped, len(item.failed), f"{item.seconds:,.0f}")
        text += f"| {name} | {' | '.join(map(str, cells))} |\n"
    failed = [f"- {name}: {test}\n" for name, item in counts.items() for test in item.failed]
    return text + ("\nFailed:\n\n" + "".join(failed) if failed else "")


def total(counts: Iterable[Count]) -> Count:
    """Return the sum."""
    whole = Count()
    for item in counts:
        whole.passed += item.passed
        whole.skipped += item.skipped
        whole.seconds += item.seconds
        whole.failed += item.failed
    return whole


def main() -> None:
    """Read, count, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    arguments = parser.parse_args()
    date = datetime.now(UTC).date().isoformat()
    arguments.page.write_text(write(count(arguments.results), date))


if __name__ == "__main__":
    main()
