"""All faults of a file in one error."""

from pathlib import Path

import pytest

from smnas.data.faults import Faults, KeptFaults, Noted
from smnas.errors import DataError


def test_no_faults_are_no_error():
    Faults(Path("a.json")).raise_if_any()


def test_one_fault_is_told_with_advice():
    faults = Faults(Path("a.json"))
    faults.add("images: empty")
    with pytest.raises(DataError, match=r"a\.json: 1 fault\n  images: empty\n  add some$"):
        faults.raise_if_any("add some")


def test_of_many_the_first_twenty_are_told():
    faults = Faults(Path("a.json"))
    for number in range(1000):
        faults.add(f"fault {number}")
    lines = str(faults.error()).splitlines()
    assert lines[0] == "a.json: 1000 faults"
    assert lines[1:21] == [f"  fault {number}" for number in range(20)]
    assert lines[21:] == ["  and 980 more"]


def test_kept_faults_let_the_reader_go_on_and_forget_none():
    faults = KeptFaults(Path("a.json"))
    for number in range(30):
        faults.add(f"fault {number}")
    faults.raise_if_any("mend")
    faults.raise_if_any("nothing new")
    faults.add("the end")
    assert str(faults.error("give up")).startswith("a.json: 31 faults")
    all_of_them = tuple(f"fault {number}" for number in range(30))
    assert faults.noted == [Noted(all_of_them, "mend"), Noted(("the end",), "give up")]
