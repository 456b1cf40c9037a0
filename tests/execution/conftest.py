import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Trial

ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")

# Other processes import the worlds of these tests by name.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def make_trial() -> Callable[[int], Trial]:
    def make(number: int) -> Trial:
        proposal = Proposal(
            arch=ARCH, stage=1, origin=Origin(operator="sample"), budget=Budget(epochs=1), seed=0
        )
        return Trial(number=number, proposal=proposal)

    return make


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Return which processes begun in the test are there; none may be left at its end."""
    mark = f"SMNAS_TEST_MARK={uuid.uuid4()}".encode()
    monkeypatch.setenv(*mark.decode().split("="))

    def left() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if process.name != str(os.getpid()) and mark in (process / "environ").read_bytes():
                    found.append(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
            except OSError:  # it has just ended, or is another user's
                continue
        return found

    yield left
    deadline = time.monotonic() + 5
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left() == []
