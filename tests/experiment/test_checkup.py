"""The check of a data set, with what it means for a search."""

import json

import pytest
from PIL import Image

from smnas.data.sources import DataSpec
from smnas.data.trees import load_trees
from smnas.errors import ConfigError
from smnas.experiment.checkup import check_data
from smnas.measure.noise_floor import noise_floor


def checks_of(checkup):
    return {item.check for item in checkup.findings}


def test_the_noise_floor_is_that_of_the_validation_pictures():
    checkup = check_data(DataSpec(source="trees"))
    assert checkup.floor == noise_floor(load_trees().val)
    assert checks_of(checkup) == {"val-small"}
    assert (checkup.count("error"), checkup.count("warning")) == (0, 1)


def test_sizes_are_told_at_the_inputs_of_the_space():
    micro, paper = (
        check_data(DataSpec(source="trees"), space).sizes for space in ("micro", "paper")
    )
    assert [item.input for item in paper] == ["512x512", "800x600", "1080x720", "1333x800"]
    assert max(item.side_px[1] for item in micro) < min(item.side_px[1] for item in paper)


def test_an_unknown_space_is_a_wrong_call():
    with pytest.raises(ConfigError, match="unknown"):
        check_data(DataSpec(source="trees"), "hugo")


def test_pictures_that_no_input_is_made_for_are_an_error_not_the_end(tmp_path):
    rows = range(6)
    for row in rows:
        Image.effect_noise((400, 40), 50 + row).save(tmp_path / f"{row}.png")
    content = {
        "images": [{"id": r, "file_name": f"{r}.png", "width": 400, "height": 40} for r in rows],
        "annotations": [{"image_id": r, "category_id": 1, "bbox": [9, 9, 30, 20]} for r in rows],
        "categories": [{"id": 1, "name": "thing"}],
    }
    path = tmp_path / "wide.json"
    path.write_text(json.dumps(content))
    checkup = check_data(DataSpec(source=str(path)))
    assert "input-shape" in checks_of(checkup)
    assert checkup.floor is not None
    assert checkup.sizes == ()
