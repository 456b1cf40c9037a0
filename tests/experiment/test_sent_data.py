"""Data sent to a machine that has none of them are the same data there."""

import shutil
from pathlib import Path

import pytest

from smnas.arch import DetectorArch
from smnas.data.convert import convert
from smnas.data.embedded import load_embedded
from smnas.data.sources import load_splits
from smnas.experiment import sent_data
from smnas.experiment.config import make_config
from smnas.experiment.sent_data import keep_sent, pack_files
from smnas.experiment.trial_world import TrialWorld
from smnas.trial.budget import Budget


def unpack(world: TrialWorld, folder: Path) -> None:
    for part in world.pack():
        for name, content in part.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            assert not path.exists()
            path.write_bytes(content)


def make_world(source: Path, **flags) -> TrialWorld:
    config = make_config(source, **flags)
    splits = load_splits(config.data, config.seed)
    ids = {"train": splits.train.data_id, "val": splits.val.data_id}
    size = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina").input
    return TrialWorld.of_search(config, ids, size, Budget(epochs=1), threads=1)


@pytest.mark.parametrize("form", ["coco", "voc", "yolo", "bdd100k"])
def test_moved_world_opens_the_same_data(tmp_path, monkeypatch, form):
    here, there = tmp_path / "here", tmp_path / "there"
    pictures = load_embedded("scenes:easy,train=14,size=64").train
    convert({"train": pictures}, here, form, copy=True)
    named = [path for path in here.glob("*.*") if path.name != "categories.json" and path.is_file()]
    source = named[0] if named else here
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(sent_data, "PART_BYTES", 2000)
    monkeypatch.chdir(tmp_path)
    world = make_world(source.relative_to(tmp_path), init="weights.safetensors")
    monkeypatch.chdir("/")
    unpack(world, there)
    shutil.rmtree(here)
    weights.unlink()
    moved = world.moved(there)
    found = load_splits(moved.data, moved.seed)
    assert {"train": found.train.data_id, "val": found.val.data_id} == dict(world.data_ids)
    assert found.train.read(0)[0].shape == (64, 64, 3)
    assert Path(moved.recipes.stage_one.initial_weights).read_bytes() == b"weights"
    assert moved.open().conditions.val.data_id == found.val.data_id


def test_embedded_data_need_not_travel():
    assert list(make_world(Path("trees")).pack()) == []


def test_what_was_sent_is_kept_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SMNAS_CACHE_DIR", str(tmp_path / "cache"))
    written = []

    def write(folder: Path) -> None:
        written.append(folder)
        (folder / "picture").write_bytes(b"1")

    folders = {keep_sent("sent-1", write), keep_sent("sent-1", write)}
    assert len(folders) == len(written) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["sent-1"]


def test_files_are_packed_by_their_place_below_what_they_share(tmp_path):
    paths = [tmp_path / "a/1.json", tmp_path / "b/c/2.png"]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(path.name.encode())
    (part,) = pack_files(paths)
    assert {"a/1.json", "b/c/2.png"} < part.keys()
