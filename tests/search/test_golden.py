"""Whole searches in a world of integers, compared with what they proposed when recorded.

A change that alters proposals on purpose copies the file that the failing test names over the
recorded one, and says so in its message.
"""

from pathlib import Path

import pytest

from smnas.search import SmNas
from smnas.space.known import known_space

GOLDEN = Path(__file__).parent / "golden"
NINE = {"stage_two": {"epochs": 9}, "final": {"epochs": 24}}
SEARCHES = {
    "micro": ("micro", {"trials": 18, "groups": 2}, 1, ()),
    "micro-three-slots": ("micro", {"trials": 18, "groups": 2}, 3, ()),
    "micro-three-objectives": (
        "micro", {"trials": 18, "groups": 2, "objectives": "ap50,latency_ms,params_m"}, 1, (),
    ),
    "micro-constrained": (
        "micro", {"trials": 18, "groups": 2}, 2, ("latency_ms <= 40", "params_m >= 0.1"),
    ),
    "paper": ("paper", {"trials": 20, **NINE}, 1, ()),
}  # fmt: skip


@pytest.mark.golden
@pytest.mark.parametrize("name", SEARCHES)
def test_search_proposes_what_was_recorded(
    name, make_settings, world, texts, answer_within, tmp_path
):
    space, changes, slots, constraints = SEARCHES[name]
    algorithm = SmNas(known_space(space), make_settings(**changes))
    lines = texts(world(answer_within(*constraints), slots).play(algorithm))
    anew = tmp_path / f"{name}.txt"
    anew.write_text("\n".join(lines) + "\n")
    assert (GOLDEN / f"{name}.txt").read_text().splitlines() == lines, f"copy {anew} if meant"
