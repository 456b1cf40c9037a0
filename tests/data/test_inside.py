"""Nothing that stands in data files leads out of the data folder, in any format."""

import json
import shutil

import pytest

from smnas.data.bdd100k import load_bdd100k
from smnas.data.coco import load_coco
from smnas.data.inside import Inside
from smnas.data.voc_folder import load_voc
from smnas.data.yolo import load_yolo
from smnas.errors import DataError

WAYS = ("above", "root", "link", "linked folder")


@pytest.fixture
def outside(tmp_path_factory):
    return tmp_path_factory.mktemp("secret")


def lead_out(way: str, folder, picture, outside) -> str:
    """Move ``picture`` of ``folder`` outside, and return a name by which it is still there."""
    moved = outside / picture.name
    shutil.move(picture, moved)
    if way == "above":
        depth = len(folder.parts) - 1
        return "../" * depth + str(moved).lstrip("/")
    if way == "root":
        return str(moved)
    if way == "link":
        picture.symlink_to(moved)
        return picture.relative_to(folder).as_posix()
    (folder / "away").symlink_to(outside)
    return f"away/{picture.name}"


def test_what_stays_and_what_leaves(tmp_path, outside):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(b"")
    (tmp_path / "near").symlink_to(tmp_path / "a")
    (tmp_path / "far").symlink_to(outside)
    (tmp_path / "a" / "far.jpg").symlink_to(outside / "x.jpg")
    inside = Inside(tmp_path)
    for name in ("a/x.jpg", "a/../a/x.jpg", "near/x.jpg", "nowhere/x.jpg", tmp_path / "a", "..x"):
        assert inside.holds(name), name
    for name in ("../x.jpg", "/etc/passwd", "far/x.jpg", "a/far.jpg", f"{tmp_path}x/a", "a/../.."):
        assert not inside.holds(name), name
    assert not inside.holds("a\0b/c")


def test_folder_may_be_a_link_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Inside(tmp_path / "link").holds("x.jpg")


@pytest.mark.parametrize("way", WAYS)
def test_coco(make_coco, coco_content, outside, way):
    path = make_coco()
    folder = path.parent / "images"
    picture = folder / coco_content["images"][2]["file_name"]
    coco_content["images"][2]["file_name"] = lead_out(way, folder, picture, outside)
    path.write_text(json.dumps(coco_content))
    with pytest.raises(DataError, match="leaves the folder of the pictures"):
        load_coco(path)


@pytest.mark.parametrize("way", WAYS)
def test_bdd100k(tmp_path, bdd_frames, outside, way):
    frame = bdd_frames[0]
    folder = tmp_path / "images"
    frame["name"] = lead_out(way, folder, folder / frame["name"], outside)
    path = tmp_path / "det_train.json"
    path.write_text(json.dumps(bdd_frames))
    with pytest.raises(DataError, match="leaves"):
        load_bdd100k(path)


@pytest.mark.parametrize("way", WAYS)
def test_yolo_lists(yolo_folder, outside, way):
    picture = next((yolo_folder / "images" / "train").glob("*.jpg"))
    name = lead_out(way, yolo_folder, picture, outside)
    (yolo_folder / "list.txt").write_text(name + "\n")
    yaml = yolo_folder / "data.yaml"
    yaml.write_text(yaml.read_text().replace("images/train", "list.txt"))
    with pytest.raises(DataError, match="leaves"):
        load_yolo(yaml)


def test_yolo_splits(yolo_folder, outside):
    shutil.copytree(yolo_folder / "images", outside / "images")
    yaml = yolo_folder / "data.yaml"
    yaml.write_text(yaml.read_text().replace("images/train", str(outside / "images" / "train")))
    with pytest.raises(DataError, match="leaves"):
        load_yolo(yaml)


def test_voc_pictures(voc_folder, outside):
    pictures = voc_folder / "JPEGImages"
    lead_out("link", pictures, next(pictures.glob("*.jpg")), outside)
    with pytest.raises(DataError, match="leaves the folder of the pictures"):
        load_voc(voc_folder)


@pytest.mark.parametrize("way", WAYS)
def test_voc_sets(voc_folder, outside, way):
    annotations = voc_folder / "Annotations"
    chosen = next(annotations.glob("*.xml"))
    name = lead_out(way, annotations, chosen, outside).removesuffix(".xml")
    file = voc_folder / "ImageSets" / "Main" / "train.txt"
    rest = [line for line in file.read_text().split() if line != chosen.stem]
    file.write_text("\n".join([*rest, name]) + "\n")
    with pytest.raises(DataError, match="leaves"):
        load_voc(voc_folder)
