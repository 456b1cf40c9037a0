"""A journal keeps what was finished, also where the last line was cut off."""

import pytest


@pytest.fixture(name="journal")
def fixture_journal():
    import journal

    return journal


def test_records_come_back(journal, tmp_path):
    path = tmp_path / "deep" / "records.jsonl"
    first = journal.Journal(path)
    first.add("a", {"ap": 0.5})
    first.add("b", {"ap": 0.25})
    again = journal.Journal(path)
    assert [record["key"] for record in again] == ["a", "b"]
    assert again["b"] == {"key": "b", "ap": 0.25}
    assert "a" in again
    assert "c" not in again
    with pytest.raises(KeyError, match="under 'a' already"):
        again.add("a", {})


def test_a_line_that_was_cut_off_is_dropped_and_the_next_one_stands_alone(journal, tmp_path):
    path = tmp_path / "records.jsonl"
    journal.Journal(path).add("a", {"n": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key":"b","n"')
    cut = journal.Journal(path)
    assert len(cut) == 1
    cut.add("b", {"n": 2})
    assert [record["n"] for record in journal.Journal(path)] == [1, 2]
