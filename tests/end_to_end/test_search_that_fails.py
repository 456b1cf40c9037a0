"""Searches that come to nothing, and say why."""

import json

import pytest

from smnas.errors import DataError, SmnasError
from smnas.experiment.search import search


def test_search_whose_trainings_all_run_away_says_why(pictures, config, tmp_path, read):
    settings = json.loads(config.read_text())
    wild = {"kind": "sgd", "learning_rate": 1e30, "clip_norm": 1e30}
    settings["recipe"]["optimizer"] = wild
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(SmnasError, match=r"no front: \d+ trials failed; the first in .*finite"):
        search(pictures, config=tmp_path / "config.json", out=tmp_path / "run")
    candidates = [trial for trial in read(tmp_path / "run") if trial.proposal.is_candidate]
    assert len(candidates) == 2  # stage one's; without a front stage two has no structure
    assert all(trial.outcome.failure.reason for trial in candidates)


def test_data_without_objects_is_refused_before_anything_runs(pictures, config, tmp_path):
    empty = {**json.loads(pictures.read_text()), "annotations": []}
    (tmp_path / "empty.json").write_text(json.dumps(empty))
    with pytest.raises(DataError, match="empty"):
        search(tmp_path / "empty.json", images=pictures.parent, config=config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
