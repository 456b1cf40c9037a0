"""What is said of a search against its rivals, and that a small contest comes to an end."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tiny_trials import Squares

from smnas.detector.contract import Prediction


@dataclass(frozen=True)
class MadeUp:
    """A ground whose detectors find the first so many squares, as the folder's name says."""

    test: Squares

    def read_predictions(self, folder: Path, number: int) -> tuple[Prediction, ...]:
        found = int(folder.name)
        return tuple(
            Prediction(
                boxes_xyxy=self.test.annotations(at).boxes_xyxy[: int(at < found)],
                scores=np.ones(int(at < found), np.float32),
                labels=np.full(int(at < found), 5),
            )
            for at in range(len(self.test))
        )


def record(found: int, latency_ms: float | None = 1.0, **more):
    return {
        "folder": str(found),
        "trial": 0,
        "ap_test": found / 6,
        "latency_ms": latency_ms,
        "seconds": 60.0,
        **more,
    }


def judge(winners, defaults, members, frcnns):
    from search_pays_result import Entrants, judge

    return judge(Entrants(Path("."), MadeUp(Squares()), winners, defaults, members, frcnns))


def test_who_finds_all_leads_whom_finds_nothing():
    members = [record(6, 2.0), record(6, 2.1), record(6, None), record(0, 1.0)]
    found = judge([record(6)] * 2, [record(0)] * 2, members, [record(0, 4.0)] * 2)
    for rival in ("default", "frcnn"):
        assert found[f"gain_over_{rival}"] == found[f"gain_over_{rival}_low"] == 100.0
    assert found["gain_over_random"] == 0.0
    assert found["latency_ratio"] == 0.25
    # One of those that are as good is too slow, one was never timed.
    assert found["random_pass_share"] == 0.25
    assert (found["winner_ap"], found["frcnn_ap"], found["search_minutes"]) == (1.0, 0.0, 1.0)
    assert "folder" not in found["winners"][0]


def test_a_gain_that_pictures_or_searches_may_have_given_has_a_low_end_below_zero():
    on_pictures = judge([record(3)], [record(2)], [record(3)], [record(2, 4.0)])
    assert on_pictures["gain_over_default"] > 0
    assert on_pictures["gain_over_default_low"] <= 0
    assert on_pictures["random_pass_share"] == 0.0
    winners, frcnns = [record(6), record(0)], [record(3, 4.0), record(3, 4.0)]
    of_searches = judge(winners, frcnns, [record(0)], frcnns)
    assert of_searches["gain_over_frcnn"] == 0.0
    assert of_searches["gain_over_frcnn_low"] < -30
    assert of_searches["gain_over_frcnn_high"] > 30


@pytest.mark.slow
def test_a_contest_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    import search_pays

    data = {"data": {"source": "scenes:easy,train=16,val=8,test=8,size=64"}}
    monkeypatch.setattr(search_pays, "DATA", {"scenes": data})
    epochs = {"stage_one": {"epochs": 1}, "stage_two": {"epochs": 1}, "final": {"epochs": 2}}
    settings = {"inputs": ["64x64", "96x96"], "runtime": "torch-eager", "finals": 1}
    config, path = tmp_path / "config.json", tmp_path / "found.json"
    config.write_text(json.dumps({**settings, "budgets": epochs, "seeds": 2}))
    options = {"minutes": 0.05, "seeds": 1, "random": 2, "runs": tmp_path / "runs", "json": path}
    given = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    given += ["--config", str(config)]
    monkeypatch.setattr(sys, "argv", ["search_pays.py", *given, "--budget-minutes", "0.01"])
    search_pays.main()
    assert json.loads(path.read_text())["scenes"] is None
    assert "is still to be done" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["search_pays.py", *given])
    search_pays.main()
    numbers = json.loads(path.read_text())["scenes"]
    assert numbers["gain_over_frcnn_low"] <= numbers["gain_over_frcnn_high"]
    assert numbers["latency_ratio"] > 0
    assert numbers["frcnns"][0]["arch"].startswith("96x96/bottleneck_16_111-2111-211111-211/")
    assert numbers["defaults"][0]["epochs"] >= 2
    assert len(numbers["members"]) == 2
    (kept,) = (tmp_path / "runs").glob("scenes-0.05-minutes-*/records.jsonl")
    records = kept.read_text()
    capsys.readouterr()
    search_pays.main()
    assert kept.read_text() == records
    assert json.loads(path.read_text())["scenes"] == numbers
