"""Whole searches in a world of integers, compared with what they proposed when recorded.

A change that alters proposals on purpose copies the file that the failing test names over the
recorded one, and says so in its message.
"""

from pathlib import Path

import pytest

from smnas.search import SmNas
from smnas.space.known import known_space

GOLDEN = Path(__file__).parent / "golden"
SEARCHES = {
    "micro": ("micro", {"trials": 18, "groups": 2}, 1),
    "micro-three-slots": ("micro", {"trials": 18, "groups": 2}, 3),
    "paper": ("paper", {"trials": 20, "stage_two": {"epochs": 9}, "final": {"epochs": 24}}, 1),
}


@pytest.mark.golden
@pytest.mark.parametrize("name", SEARCHES)
def test_search_proposes_what_was_recorded(name, make_settings, world, texts, tmp_path):
    space, changes, slots = SEARCHES[name]
    algorithm = SmNas(known_space(space), make_settings(**changes))
    lines = texts(world(slots=slots).play(algorithm))
    anew = tmp_path / f"{name}.txt"
    anew.write_text("\n".join(lines) + "\n")
    assert (GOLDEN / f"{name}.txt").read_text().splitlines() == lines, f"copy {anew} if meant"
