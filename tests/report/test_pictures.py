"""Pictures of the report, read back."""

import base64
from pathlib import Path

import pytest

from smnas.errors import ArchiveError
from smnas.report.pictures import load_pictures


def test_pictures_come_with_their_counts_and_inside_the_page(run_folder: Path) -> None:
    pictures = load_pictures(run_folder)
    assert sorted(pictures) == [7, 10]
    shown = pictures[7][2]
    assert (shown.name, shown.split, shown.score) == ("scene-2.jpg", "test", 0.37)
    assert (shown.hits, shown.misses, shown.false_alarms) == (2, 1, 2)
    kind, _, content = shown.uri.partition(",")
    assert kind == "data:image/png;base64"
    file = run_folder / "pictures" / "0007-2.png"
    assert base64.b64decode(content) == file.read_bytes()


def test_before_the_final_test_there_are_none(tmp_path: Path) -> None:
    assert load_pictures(tmp_path) == {}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"x": []}', '{"7": [{"file": "a.png"}]}', '{"7": 3}']
)
def test_an_index_that_does_not_read_is_named(run_folder: Path, content: str) -> None:
    index = run_folder / "pictures" / "index.json"
    index.write_text(content)
    with pytest.raises(ArchiveError, match=r"index\.json"):
        load_pictures(run_folder)
