import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Trial

ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")

# Other processes import the worlds of these tests by name.
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture
def make_trial() -> Callable[[int], Trial]:
    def make(number: int) -> Trial:
        proposal = Proposal(
            arch=ARCH, stage=1, origin=Origin(operator="sample"), budget=Budget(epochs=1), seed=0
        )
        return Trial(number=number, proposal=proposal)

    return make


def marked(mark: str) -> list[str]:
    """Return which processes but this one have ``mark`` in their environment."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_marked = mark.encode() in (process / "environ").read_bytes()
            if is_marked and process.name != str(os.getpid()):
                found.append(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
        except OSError:  # it has just ended, or is another user's
            continue
    return found


@contextmanager
def nothing_left_behind(
    patch: pytest.MonkeyPatch, seconds: float
) -> Iterator[Callable[[], list[str]]]:
    mark = str(uuid.uuid4())
    patch.setenv(f"SMNAS_TEST_{mark[:8]}", mark)
    yield lambda: marked(mark)
    deadline = time.monotonic() + seconds
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(mark) == []


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Return which processes begun in the test are there; none may be left at its end."""
    with nothing_left_behind(monkeypatch, 5.0) as left:
        yield left


@pytest.fixture(scope="module")
def local_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray of two slots, the same for all tests of a module; none of it is left afterwards."""
    from smnas.execution.ray_cluster import Share, connected

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        patch.setenv("SMNAS_TEST_SENT", str(tmp_path_factory.mktemp("sent")))
        with nothing_left_behind(patch, 20.0), connected(None, 2, Share()):
            yield
