"""Two processes that share a training find what one alone does, up to rounding."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from smnas.training.fit_log import FitLog
from smnas.training.team import Team, joined_by_torchrun
from smnas.training.weights_file import read_weights

SCRIPT = Path(__file__).with_name("team_fit.py")


@pytest.fixture(scope="module")
def trainings(tmp_path_factory) -> Path:
    """The folder in which all trainings have left their results."""
    folder = tmp_path_factory.mktemp("team")
    ended = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    return folder


def read(folder: Path, size: int) -> tuple[FitLog, torch.Tensor]:
    """Return what the leading process found, all of them having found the same weights."""
    found = [read_weights(folder / f"{rank}.safetensors").tensors for rank in range(size)]
    for other in found[1:]:
        for name, value in found[0].items():
            assert "running_" in name or torch.equal(value, other[name]), name
    weights = torch.cat([value.flatten().double() for value in found[0].values()])
    return FitLog.model_validate_json((folder / "0.json").read_bytes()), weights


@pytest.mark.parametrize("head", ["rcnn", "retina"])
def test_two_processes_are_one_training(trainings, head) -> None:
    """A batch of five is shared out as two and three; each process is built differently."""
    alone, expected = read(trainings / f"{head}-alone", 1)
    shared, found = read(trainings / f"{head}-shared", 2)
    assert (shared.steps, shared.pictures) == (alone.steps, alone.pictures) == (8, 40)
    for point, twin in zip(alone.curve, shared.curve, strict=True):
        assert twin.parts == pytest.approx(point.parts, rel=2e-3, abs=1e-4)
    assert (found - expected).norm() < 2e-3 * expected.norm()


def test_batch_norms_see_their_own_pictures(trainings) -> None:
    alone, _ = read(trainings / "bn-alone", 1)
    shared, found = read(trainings / "bn-shared", 2)
    assert found.isfinite().all()
    assert shared.final_loss == pytest.approx(alone.final_loss, rel=0.5)


def test_a_shared_training_goes_on_from_its_checkpoints(trainings) -> None:
    """The one that had ended left its last checkpoint but one: a step is taken again."""
    _, expected = read(trainings / "retina-shared", 2)
    log, found = read(trainings / "retina-resumed", 2)
    assert "goes on after step 7 of 8" in log.notes[0]
    assert torch.equal(found, expected)


def test_alone_where_nobody_else_was_started(monkeypatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with joined_by_torchrun("cuda:1") as device:
        assert device == "cuda:1"
        team = Team()
    assert (team.rank, team.size, team.leads) == (0, 1, True)
    value = torch.tensor([2.0])
    assert team.sum(value) is value
    assert team.agree(7) == 7
