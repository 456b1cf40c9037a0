"""Pieces side by side: each is kept once, whatever fails or is killed."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# Records that processes can make which know nothing of this file.
FAILS = partial(json.loads, "not JSON")


def give(record):
    return partial(dict, record)


@pytest.fixture(name="finish_all")
def fixture_finish_all(tmp_path):
    import journal
    import side_by_side

    def finish_all(works, **options):
        """Do what is in the journal's file not yet, and return all of it."""
        records, order = journal.Journal(tmp_path / "records.jsonl"), []

        def next_piece(begun):
            left = [key for key in works if key not in begun]
            return side_by_side.Piece(left[0], works[left[0]], {"of": "test"}) if left else None

        side_by_side.finish(records, next_piece, tell=order.append, **options)
        assert order == [record for record in records if record in order]
        return {r["key"]: r for r in journal.Journal(tmp_path / "records.jsonl")}

    return finish_all


def test_every_piece_is_kept_once_and_none_again(finish_all):
    works = {key: give({"ap": at}) for at, key in enumerate("abcd")}
    assert len(finish_all(works, processes=2, most=3)) == 3
    found = finish_all({**works, "a": FAILS}, processes=2)
    assert [found[key] for key in sorted(found)] == [
        {"key": key, "of": "test", "ap": at} for at, key in enumerate("abcd")
    ]


def test_a_piece_that_fails_is_told_when_the_others_are_kept(finish_all, capsys, tmp_path):
    works = {"bad": FAILS, "one": give({"ap": 1}), "two": give({"ap": 2})}
    with pytest.raises(ExceptionGroup, match="1 pieces failed"):
        finish_all(works, processes=2)
    assert "bad: JSONDecodeError" in capsys.readouterr().err
    lines = (tmp_path / "records.jsonl").read_text().splitlines()
    assert {json.loads(line)["ap"] for line in lines} == {1, 2}


def test_nothing_is_begun_that_would_not_fit(finish_all):
    works = {key: partial(eval, "__import__('time').sleep(0.8) or {}") for key in "ab"}
    assert list(finish_all(works, minutes=1.2 / 60)) == ["a"]


def test_what_a_limit_allows(monkeypatch):
    import side_by_side

    now = [0.0]
    monkeypatch.setattr(side_by_side.time, "monotonic", lambda: now[0])
    limit = side_by_side.TimeLimit(10)
    now[0] = 350.0
    assert limit.allows(250.0)
    assert not limit.allows(251.0)
    assert side_by_side.TimeLimit(None).allows(1e9)


SCRIPT = """
import functools, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from journal import Journal
from side_by_side import Piece, finish

def next_piece(begun):
    works = {"short": dict, "long": functools.partial(time.sleep, 60)}
    return next((Piece(k, work) for k, work in works.items() if k not in begun), None)

if __name__ == "__main__":
    finish(Journal(Path(sys.argv[2])), next_piece, processes=2)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_their_parent_and_records_stay(tmp_path, ending):
    script, records = tmp_path / "script.py", tmp_path / "records.jsonl"
    script.write_text(SCRIPT)
    command = [sys.executable, "-u", script, BENCHMARKS, records]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert b"short" in process.stdout.readline()
    os.kill(process.pid, ending)
    process.communicate(timeout=30)  # returns when nobody holds the pipes any more
    assert process.returncode != 0
    lines = records.read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["short"]
