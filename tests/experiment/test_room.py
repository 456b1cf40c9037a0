import pytest

from smnas.errors import StorageFullError
from smnas.experiment.room import ENOUGH_MIB, LOOK_EVERY_S, RETRY_AFTER_S, with_room


class Disk:
    """A disk that is full until somebody removes something."""

    def __init__(self, room_after_s: float, visible: bool = True) -> None:
        self.now = 0.0
        self.room_after_s = room_after_s
        self.visible = visible
        self.tries = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def free(self, folder) -> float:
        return 2 * ENOUGH_MIB if self.visible and self.now >= self.room_after_s else 1.0

    def write(self) -> str:
        self.tries += 1
        if self.now < self.room_after_s:
            raise StorageFullError("the disk is full")
        return "written"


def wait(disk: Disk, tmp_path) -> list[str]:
    said: list[str] = []
    assert with_room(disk.write, tmp_path, said.append, disk.sleep, disk.free) == "written"
    return said


def test_it_goes_on_when_there_is_room(tmp_path) -> None:
    disk = Disk(room_after_s=100.0)
    said = wait(disk, tmp_path)
    assert said[0].startswith("PAUSED: the disk is full. The search waits for room")
    assert said[1:] == ["The search goes on."]
    assert disk.tries == 2
    assert 100.0 <= disk.now < 100.0 + LOOK_EVERY_S


def test_room_that_cannot_be_seen_is_tried_for(tmp_path) -> None:
    disk = Disk(room_after_s=1.5 * RETRY_AFTER_S, visible=False)
    said = wait(disk, tmp_path)
    assert disk.tries == 3
    assert disk.now == 2 * RETRY_AFTER_S
    assert len(said) == 4


def test_nothing_is_said_where_there_is_room(tmp_path) -> None:
    assert wait(Disk(room_after_s=0.0), tmp_path) == []


def test_other_errors_are_not_waited_for(tmp_path) -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        with_room(fail, tmp_path, print)
