"""An interrupted training goes on as if nothing had happened, whatever it was interrupted by."""

import random
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import torch

from smnas.training.course import Course
from smnas.training.keeping import TRUNK, Checkpoints
from smnas.training.loop import fit
from smnas.training.recipe import OptimizerSettings, Recipe

RECIPES = {
    "adamw": Recipe(batch=2, precision="float32"),
    "averaged sgd": Recipe(
        batch=2,
        precision="float32",
        averaging=0.9,
        optimizer=OptimizerSettings(kind="sgd", learning_rate=0.1),
    ),
}
RECIPE = RECIPES["adamw"]


class InterruptedError_(Exception):
    pass


def keep(folder: Path, **changes) -> Checkpoints:
    """A checkpoint after every step."""
    clock = count().__next__
    return Checkpoints(folder, every_seconds=0.0, most_share=1e9, clock=clock, **changes)


def stop_after(step: int, steps: int):
    """Progress that raises after a step; with the checkpoint of that step on disk."""

    def progress(share: float, loss: float) -> None:
        if round(share * steps) >= step:
            raise InterruptedError_

    return progress


def interrupt(detector, squares, folder, *, at, recipe=RECIPE, course=4, steps=12) -> None:
    """Train up to a step. Progress is throttled, so its first call decides: a fresh one each."""
    for step in range(1, at + 1):
        with pytest.raises(InterruptedError_):
            fit(
                detector,
                squares,
                recipe,
                course,
                seed=1,
                progress=stop_after(step, steps),
                checkpoints=keep(folder),
            )


def states(detector) -> list[torch.Tensor]:
    return [value.clone() for value in detector.state_dict().values()]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(states(one), states(other), strict=True))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("at", [1, 3, 7])
def test_goes_on_bit_by_bit(make_tiny, squares, tmp_path, name, at) -> None:
    whole, broken, resumed = make_tiny(), make_tiny(), make_tiny()
    expected = fit(whole, squares, RECIPES[name], 4, seed=1)
    interrupt(broken, squares, tmp_path, at=at, recipe=RECIPES[name])
    log = fit(resumed, squares, RECIPES[name], 4, seed=1, checkpoints=keep(tmp_path))
    assert same(whole, resumed)
    assert log.curve == expected.curve
    assert (log.steps, log.pictures) == (expected.steps, expected.pictures)
    assert any(f"goes on after step {at} of 12" in note for note in log.notes)


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-9] if how == "cut" else data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])


@pytest.mark.parametrize("how", ["cut", "altered"])
def test_a_damaged_checkpoint_leaves_the_one_before(make_tiny, squares, tmp_path, how) -> None:
    whole, resumed = make_tiny(), make_tiny()
    fit(whole, squares, RECIPE, 4, seed=1)
    interrupt(make_tiny(), squares, tmp_path, at=5)
    newest = max(tmp_path.glob("step-*"))
    assert newest.name.startswith("step-000000005")
    damage(newest, how)
    log = fit(resumed, squares, RECIPE, 4, seed=1, checkpoints=keep(tmp_path))
    assert same(whole, resumed)
    assert "checkpoint not used" in log.notes[0]
    assert "after step 4" in log.notes[1]


def test_without_a_sound_checkpoint_it_begins_anew(make_tiny, squares, tmp_path) -> None:
    whole, resumed = make_tiny(), make_tiny()
    fit(whole, squares, RECIPE, 4, seed=1)
    interrupt(make_tiny(), squares, tmp_path, at=2)
    for path in tmp_path.iterdir():
        damage(path, "cut")
    said: list[str] = []
    log = fit(resumed, squares, RECIPE, 4, seed=1, checkpoints=keep(tmp_path, say=said.append))
    assert same(whole, resumed)
    assert log.notes[-1] == said[-1] == "no checkpoint can be used: training begins anew"


@pytest.mark.parametrize("change", ["seed", "recipe", "epochs", "data"])
def test_checkpoints_of_another_training_are_not_used(
    make_tiny, make_squares, squares, tmp_path, change
) -> None:
    interrupt(make_tiny(), squares, tmp_path, at=2)
    log = fit(
        make_tiny(),
        make_squares(7) if change == "data" else squares,
        RECIPES["averaged sgd"] if change == "recipe" else RECIPE,
        5 if change == "epochs" else 4,
        seed=2 if change == "seed" else 1,
        checkpoints=keep(tmp_path),
    )
    assert "another training" in log.notes[0]
    assert log.notes[-1].endswith("begins anew")


def rung(epochs: int) -> Course:
    return Course(epochs, horizon_epochs=6, cooldown_epochs=0.5)


@pytest.mark.parametrize("name", RECIPES)
def test_rungs_go_on_from_before_the_cooldown(make_tiny, squares, tmp_path, name) -> None:
    """Three rungs after each other are one training; each score is a cooled copy's."""
    whole, low, middle, top = (make_tiny() for _ in range(4))
    recipe = RECIPES[name]
    fit(whole, squares, recipe, 6, seed=1)
    folders = [tmp_path / str(number) for number in range(3)]
    first = fit(low, squares, recipe, rung(1), 1, checkpoints=keep(folders[0]))
    second = fit(
        middle, squares, recipe, rung(3), 1, checkpoints=keep(folders[1], start=folders[0] / TRUNK)
    )
    third = fit(
        top, squares, recipe, Course(6), 1, checkpoints=keep(folders[2], start=folders[1] / TRUNK)
    )
    assert same(whole, top)
    assert not same(low, middle)
    assert [log.steps for log in (first, second, third)] == [5, 11, 18]
    assert [log.steps_before for log in (first, second, third)] == [0, 3, 9]
    assert not (folders[2] / TRUNK).exists()
    # The same rung without what the lower one left is the same training.
    alone = make_tiny()
    fit(alone, squares, recipe, rung(3), 1)
    assert same(alone, middle)


@pytest.mark.parametrize("at", [2, 3, 4])
def test_an_interrupted_rung_goes_on(make_tiny, squares, tmp_path, at) -> None:
    whole, resumed = make_tiny(), make_tiny()
    fit(whole, squares, RECIPE, rung(1), 1, checkpoints=keep(tmp_path / "whole"))
    folder = tmp_path / "broken"
    interrupt(make_tiny(), squares, folder, at=at, course=rung(1), steps=5)
    log = fit(resumed, squares, RECIPE, rung(1), 1, checkpoints=keep(folder))
    assert f"after step {at} of 5" in log.notes[0]
    assert same(whole, resumed)
    one, two = ((tmp_path / name / TRUNK).exists() for name in ("whole", "broken"))
    assert one
    assert two


def test_a_cooling_copy_without_its_trunk_is_not_used(make_tiny, squares, tmp_path) -> None:
    interrupt(make_tiny(), squares, tmp_path, at=4, course=rung(1), steps=5)
    damage(tmp_path / TRUNK, "altered")
    log = fit(make_tiny(), squares, RECIPE, rung(1), 1, checkpoints=keep(tmp_path))
    assert "after step 2 of 5" in log.notes[-1]
    assert [point.step for point in log.curve][-1] == 5


def test_a_lower_rung_that_is_gone_is_trained_again(make_tiny, squares, tmp_path) -> None:
    whole, top = make_tiny(), make_tiny()
    fit(whole, squares, RECIPE, 6, seed=1)
    store = keep(tmp_path, start=tmp_path / "gone" / TRUNK)
    log = fit(top, squares, RECIPE, 6, seed=1, checkpoints=store)
    assert same(whole, top)
    assert "no such weights file" in log.notes[0]


def run_killed(tmp_path: Path, kills: int, seed: int) -> None:
    script = Path(__file__).with_name("killed_fit.py")
    places = [str(random.Random(seed).uniform(0, 1)) for _ in range(kills)]
    ended = subprocess.run(
        [sys.executable, script, tmp_path, *places], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^equal after [1-9]\d* of \d+ starts$", ended.stdout, re.MULTILINE), (
        ended.stdout
    )


def test_killed_at_random_moments(tmp_path) -> None:
    run_killed(tmp_path, kills=3, seed=7)


@pytest.mark.slow
def test_killed_at_fifty_random_moments(tmp_path) -> None:
    run_killed(tmp_path, kills=50, seed=8)
