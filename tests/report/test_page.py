"""The report: what stands in the one file, looked at without a browser."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.errors import ArchiveError
from smnas.report.page import render_page, render_report
from smnas.trial.measurement import Measurement
from smnas.trial.trial import Trial


class Reader(HTMLParser):
    """Collects the visible text, the pictures, and all that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.pictures = 0
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        self.pictures += tag == "img"
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.fixture
def page(run_folder: Path) -> Reader:
    return read(render_report(run_folder).read_text(encoding="utf-8"))


def test_it_is_one_file_that_fetches_nothing(page: Reader, run_folder: Path) -> None:
    assert page.links
    assert all(link.startswith("data:") for link in page.links)
    assert not list(run_folder.glob("*.part"))


def test_it_says_what_was_searched_and_what_came_of_it(page: Reader) -> None:
    assert "3 detectors for trees" in page.text
    assert "5 candidate detectors to find tree" in page.text
    assert "The search paid on this data." in page.text
    assert "54.0 (49.0-59.0)" in page.text  # AP50 of the recommended on the test split
    assert "50.4 (45.4-55.4)" in page.text  # and of the yardstick


def test_failed_trials_stand_with_stage_and_reason(page: Reader) -> None:
    assert "the loss is not finite after 12 steps" in page.text
    assert "Failed at" in page.text


def test_pictures_are_inside(page: Reader) -> None:
    assert page.pictures == 8
    assert "3 hits, 1 miss, 2 false alarms" in page.text


def test_protocol_says_how_the_numbers_were_taken(page: Reader) -> None:
    for part in (
        "two cores of a test machine",
        "differences below 3.0 AP mean nothing",
        "torch 2.9.0",
        "batch 1, 2 threads; median of up to 30 predictions after up to 5 to warm up",
        "200 bootstrap replicates",
        "search.trials",
    ):
        assert part in page.text


def test_every_measured_trial_is_in_the_figure(run_folder: Path) -> None:
    html = render_report(run_folder).read_text(encoding="utf-8")
    figure = re.search(r'id="front-figure">(.*?)</script>', html, re.DOTALL)
    assert figure is not None
    traces = json.loads(figure[1])["data"]
    assert sum(len(t["x"]) for t in traces if t["mode"] == "markers") == 10


def test_names_from_outside_cannot_become_markup(
    header: RunHeader, make_trial: Callable[..., Trial], tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script>"
    changed = header.model_copy(update={"categories": (evil,), "notes": (evil,)})
    html = render_page([make_trial(0, 1, 0.1, 2.0)], changed, tmp_path)
    assert evil not in html
    assert "&lt;script&gt;" in html


def test_a_run_at_its_beginning_has_a_report(header: RunHeader, tmp_path: Path) -> None:
    Archive.create(tmp_path / "run", header).close()
    page = read(render_report(tmp_path / "run").read_text(encoding="utf-8"))
    assert "not finished yet" in page.text
    assert "Nothing has been measured yet." in page.text


def test_pictures_that_are_gone_are_an_error_that_says_so(run_folder: Path) -> None:
    next((run_folder / "pictures").glob("*.png")).unlink()
    with pytest.raises(ArchiveError, match=r"index\.json: expected the pictures"):
        render_report(run_folder)


def test_pictures_are_left_out_where_they_may_not_be_shown(
    run_folder: Path, header: RunHeader, finished_trials: list[Trial]
) -> None:
    page = read(render_report(run_folder, pictures=False).read_text())
    assert page.pictures == 0
    assert "What they see" not in page.text
    private = header.model_copy(update={"config": {**header.config, "pictures": False}})
    assert read(render_page(finished_trials, private, run_folder)).pictures == 0


def test_classes_stand_side_by_side(
    header: RunHeader,
    make_trial: Callable[..., Trial],
    make_accuracy: Callable[..., Measurement],
    tmp_path: Path,
) -> None:
    """Also where the AP of one of them is what the run wants."""
    trials = [make_trial(0, "final", 0.3, 4.0), make_trial(1, "yardstick", 0.2, 8.0)]
    trials = [
        trial.model_copy(
            update={"later": (*trial.later, make_accuracy("ap:cat", 0.123 + trial.number / 2))}
        )
        for trial in trials
    ]
    config = {**header.config, "objectives": ["ap:cat", "latency_ms"]}
    two = header.model_copy(update={"categories": ("cat", "dog"), "config": config})
    page = read(render_page(trials, two, tmp_path))
    for text in ("Class by class", "12.3", "62.3", "AP of cat val", "best AP of cat"):
        assert text in page.text
    assert "Class by class" not in read(render_page(trials, header, tmp_path)).text


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        render_report(tmp_path)


def test_it_speaks_of_the_runs_own_objectives_and_constraints(
    header: RunHeader,
    finished_trials: list[Trial],
    make_refused: Callable[[int], Trial],
    tmp_path: Path,
) -> None:
    config = {"objectives": ["ap50", "params_m"], "constraints": ["params_m <= 5"]}
    changed = header.model_copy(update={"config": {**header.config, **config}})
    page = read(render_page([*finished_trials, make_refused(11)], changed, tmp_path))
    assert "Recommended is the smallest with at least 95 % of the best AP50" in page.text
    assert "the further left the cheaper" in page.text
    assert "the space of AP50 and M parameters (logarithmic)" in page.text
    assert "Candidates had to keep params_m <= 5." in page.text
    assert "1 proposal was counted or timed, found unfit, and not trained" in page.text


def test_a_run_without_constraints_does_not_speak_of_them(page: Reader) -> None:
    assert "had to keep" not in page.text
    assert "Not trained" not in page.text
    assert "Recommended is the fastest with at least 95 % of the best AP" in page.text


def test_a_place_on_the_front_has_its_chance(
    finished_trials: list[Trial], header: RunHeader, tmp_path: Path
) -> None:
    plain = read(render_page(finished_trials, header, tmp_path)).text
    assert "On front" not in plain
    ap = finished_trials[8].measurement("ap", "test")
    assert ap is not None
    chance = ap.model_copy(update={"metric": "front_chance", "value": 0.874, "interval": None})
    later = (*finished_trials[8].later, chance)
    trials = [*finished_trials]
    trials[8] = trials[8].model_copy(update={"later": later})
    text = read(render_page(trials, header, tmp_path)).text
    assert "On front" in text
    assert "87 %" in text
    assert "test pictures redrawn for all alike" in text
    assert "accuracies by the" in text  # trials 0 and 4 are one arch
    text = read(render_page(trials[6:], header, tmp_path)).text
    assert "times within their intervals)." in text
