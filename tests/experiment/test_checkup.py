"""The check of a data set, with what it means for a search."""

import json

import pytest
from PIL import Image

from smnas.data.sources import DataSpec, load_splits
from smnas.errors import ConfigError
from smnas.experiment.checkup import check_data
from smnas.measure.noise_floor import noise_floor


@pytest.fixture
def write(tmp_path):
    """Write eight pictures of a size with an object each; returns which data they are."""

    def make(width, height):
        rows = range(8)
        for row in rows:
            Image.effect_noise((width, height), 50 + row).save(tmp_path / f"{row}.png")
        images = [
            {"id": r, "file_name": f"{r}.png", "width": width, "height": height} for r in rows
        ]
        found = [{"image_id": r, "category_id": 1, "bbox": [9, 9, 30, 20]} for r in rows]
        path = tmp_path / "my.json"
        content = {"images": images, "annotations": found}
        path.write_text(json.dumps(content | {"categories": [{"id": 1, "name": "thing"}]}))
        return DataSpec(source=str(path))

    return make


def checks_of(checkup):
    return {item.check for item in checkup.findings}


def test_the_noise_floor_is_that_of_the_validation_pictures(write):
    spec = write(64, 48)
    checkup = check_data(spec)
    assert checkup.floor == noise_floor(load_splits(spec, 0).val)
    assert "val-small" in checks_of(checkup)
    assert checkup.count("error") == 0
    assert checkup.count("warning") == sum(item.severity == "warning" for item in checkup.findings)


def test_sizes_are_told_at_the_inputs_of_the_space(write):
    spec = write(64, 48)
    micro, paper = (check_data(spec, space).sizes for space in ("micro", "paper"))
    assert [item.input for item in paper] == ["512x512", "800x600", "1080x720", "1333x800"]
    assert max(item.side_px[1] for item in micro) < min(item.side_px[1] for item in paper)


def test_an_unknown_space_is_a_wrong_call(write):
    with pytest.raises(ConfigError, match="unknown"):
        check_data(write(64, 48), "hugo")


def test_pictures_that_no_input_is_made_for_are_an_error_not_the_end(write):
    checkup = check_data(write(400, 40))
    assert "input-shape" in checks_of(checkup)
    assert checkup.floor is not None
    assert checkup.sizes == ()
