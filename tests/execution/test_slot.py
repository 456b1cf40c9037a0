"""A slot and its nest: what they promise beyond the contract of an executor."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripted_world import BrokenWorld, ScriptedWorld, succeed

from smnas.errors import DataError, SmnasError
from smnas.execution.slot import Slot
from smnas.execution.work import Fault, Order
from smnas.trial.trial import Outcome

HERE = Path(__file__).parent
OWNER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from scripted_world import ScriptedWorld
from smnas.execution.slot import Slot
from smnas.execution.work import Order
from smnas.trial.trial import Trial
slot = Slot.of(ScriptedWorld(Path(sys.argv[2]), {0: sys.argv[3]}), Path(sys.argv[2]))
list(slot.run(Order(Trial.model_validate_json(sys.argv[4]))))
"""


def end(slot: Slot, order: Order) -> object:
    return list(slot.run(order))[-1]


@pytest.fixture
def slot(tmp_path, nothing_left):
    slot = Slot.of(ScriptedWorld(tmp_path, {3: "sleep 1000"}), tmp_path)
    yield slot
    slot.close()


def test_one_nest_serves_all_trials(slot, tmp_path, make_trial):
    assert [end(slot, Order(make_trial(number))) for number in range(3)] == [succeed()] * 3
    nests = {ScriptedWorld(tmp_path).attempts(number)[0][1] for number in range(3)}
    assert len(nests) == 1
    assert os.getpid() not in nests


def test_nest_has_no_thread_when_trials_are_forked(slot, tmp_path, make_trial):
    end(slot, Order(make_trial(0)))
    ((_, nest),) = ScriptedWorld(tmp_path).attempts(0)
    assert len(list(Path(f"/proc/{nest}/task").iterdir())) == 1


def test_leaving_an_attempt_ends_it_and_the_slot_can_be_used_again(slot, make_trial, nothing_left):
    events = slot.run(Order(make_trial(3)))
    next(events)
    events.close()
    assert nothing_left() == []
    assert end(slot, Order(make_trial(0))) == succeed()


def test_world_that_cannot_be_built_says_why(tmp_path, make_trial, nothing_left):
    slot = Slot.of(BrokenWorld(DataError("no such pictures")), tmp_path)
    with pytest.raises(DataError, match="no such pictures"):
        slot.open()
    slot = Slot.of(BrokenWorld(KeyError("ids")), tmp_path)
    with pytest.raises(SmnasError, match="trials are started from has ended: KeyError: 'ids'"):
        slot.open()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_its_owner(tmp_path, make_trial, nothing_left, number):
    left = tmp_path / "left"
    command = [sys.executable, "-c", OWNER, str(HERE), str(tmp_path), f"leave {left}"]
    with subprocess.Popen(
        [*command, make_trial(0).model_dump_json()], stderr=subprocess.DEVNULL
    ) as owner:
        while owner.poll() is None and not (left.exists() and left.read_text()):
            time.sleep(0.02)
        until = time.monotonic() + 5
        # A process that has just been started shows its environment a moment later.
        while len(running := nothing_left()) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        owner.send_signal(number)
    assert len(running) == 4, running  # owner, nest, child and what that has started


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_processes_killed_at_random_moments_cost_attempts_and_no_trial(
    tmp_path, make_trial, nothing_left, seed
):
    import random
    import threading

    draw, kills = random.Random(seed), 50 if seed else 6
    world = ScriptedWorld(tmp_path, dict.fromkeys(range(1000), "sleep 0.3"))
    slot, done = Slot.of(world, tmp_path), threading.Event()
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < kills:
            time.sleep(draw.uniform(0.1, 0.8))
            number = max(int(path.name) for path in tmp_path.glob("[0-9]*"))
            attempts = world.attempts(number)
            if not attempts:  # its file is there, its line not yet
                continue
            child, nest = attempts[-1]
            try:
                os.kill(draw.choice([child, nest]), signal.SIGKILL)
                killed.append(number)
            except ProcessLookupError:
                continue
        done.set()

    assert end(slot, Order(make_trial(0))) == succeed()
    killer = threading.Thread(target=kill)
    killer.start()
    trial, attempts = 1, 0
    while not done.is_set() or trial < 3:
        found = end(slot, Order(make_trial(trial)))
        attempts += 1
        if isinstance(found, Outcome):
            assert found == succeed()
            trial += 1
        else:
            assert isinstance(found, Fault)
            assert found.kind == "killed"
    killer.join()
    slot.close()
    assert attempts >= trial - 1
    assert len(killed) == kills
