"""The cache: its folder, its limit, and who has to make room."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smnas.data import cache
from smnas.data.cache import cache_folder, cache_limit_bytes, keep_folder, make_room
from smnas.errors import ConfigError

MIB = 2**20


@pytest.fixture(autouse=True)
def fixture_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_SPARE_BYTES", 0)


def put(name, mib, age_s):
    """Make a folder of that many mebibytes that was last opened so long ago."""
    folder = cache_folder() / name
    folder.mkdir(parents=True)
    (folder / "content").write_bytes(bytes(mib * MIB))
    then = time.time() - age_s
    os.utime(folder / "content", (then, then))
    os.utime(folder, (then, then))
    return folder


def test_the_folder_follows_the_variables(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/caches")
    monkeypatch.setenv("SMNAS_CACHE_DIR", "/elsewhere")
    assert cache_folder() == Path("/elsewhere")
    monkeypatch.delenv("SMNAS_CACHE_DIR")
    assert cache_folder() == Path("/var/caches/smnas")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path("/home/someone/.cache/smnas")


@pytest.mark.parametrize(("told", "expected"), [("1.5", 3 * 2**29), ("", 20 * 2**30), ("-1", 0)])
def test_the_limit_follows_its_variable(monkeypatch, told, expected):
    monkeypatch.setenv("SMNAS_CACHE_GIB", told)
    assert cache_limit_bytes() == expected


def test_a_limit_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_GIB", "much")
    with pytest.raises(ConfigError, match="expected gibibytes, such as 20; got 'much'"):
        cache_limit_bytes()


def test_what_nobody_opened_for_longest_goes_first(monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_GIB", str(10 / 1024))
    old, older, new = (put(f"pictures-{age}", 3, age) for age in (20_000, 30_000, 10_000))
    other = put("weights", 30, 90_000)
    assert make_room(3 * MIB) == 3 * MIB
    assert [path.exists() for path in (older, old, new, other)] == [False, True, True, True]
    assert make_room(6 * MIB) == 6 * MIB
    assert [path.exists() for path in (old, new)] == [False, True]


def test_what_is_in_use_stays_and_the_new_gets_what_is_left(monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_GIB", str(10 / 1024))
    used = put("table-a", 8, 60)
    assert make_room(3 * MIB) == 2 * MIB
    assert used.exists()


def test_opening_a_folder_makes_it_the_last_to_go(monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_GIB", str(10 / 1024))
    put("pictures-a", 4, 20_000)
    put("pictures-b", 4, 10_000)
    assert keep_folder("pictures-a", lambda path: path.name, pytest.fail, 0) == "pictures-a"
    assert make_room(4 * MIB) == 4 * MIB
    assert [path.name for path in cache_folder().iterdir()] == ["pictures-a"]


def test_what_a_killed_process_left_is_removed_too(monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_GIB", str(1 / 1024))
    left = put(".pictures-a-x7", 1, 90_000)
    assert make_room(MIB) == MIB
    assert not left.exists()


def test_data_that_were_sent_make_room_too(monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_GIB", str(6 / 1024))
    sent = put("sent-a", 1, 90_000)
    deeper = put("sent-a/pictures", 4, 90_000)
    os.utime(sent, (0, 0))
    assert make_room(2 * MIB) == 2 * MIB
    assert not deeper.exists()


def test_the_disk_is_not_filled(monkeypatch):
    monkeypatch.setattr(cache, "_SPARE_BYTES", 2**60)
    assert make_room(MIB) == 0


def test_processes_that_begin_at_once_all_get_the_same():
    code = (
        "import sys, time\n"
        "from smnas.data.cache import keep_folder\n"
        "def read(path):\n"
        "    file = path / 'a'\n"
        "    return file.read_text() if file.exists() else None\n"
        "def write(path):\n"
        "    (path / 'a').write_text('x' * 10)\n"
        "    time.sleep(0.2)\n"
        "print(keep_folder('table-a', read, write, 10))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in running] == [b"x" * 10] * 3
    assert [path.name for path in cache_folder().iterdir()] == ["table-a"]
