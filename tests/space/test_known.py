"""The spaces by name, the paper's counted, and files with spaces of one's own."""

import json

import pytest

from smnas.arch import DetectorArch
from smnas.errors import ConfigError, MissingFileError
from smnas.space.known import describe_spaces, input_levels, known_space, load_space
from smnas.space.pair import SpacePair


def test_the_papers_structural_space(paper):
    space = paper.structural
    assert len(space.backbones) == 7
    assert len(space.inputs) == 4
    # Pyramids: first level a, last input b >= a up to P4, last output c >= b up to P6.
    pyramids = {(a, b, c) for a in range(1, 5) for b in range(a, 5) for c in range(b, 7)}
    levels = {(n.neck.first, n.neck.inputs[1], n.neck.last) for n in _with_neck(space)}
    assert levels == pyramids
    assert len(pyramids) == 40
    # Two RPNs times four heads, and RetinaNet, on each; without a neck two-stage only.
    assert space.size == 28 * (9 * 40 + 8) == 10_304
    assert space.size == pytest.approx(1.1e4, rel=0.07)  # paper.md 1.1


def _with_neck(space):
    texts = [neck for neck in space.necks if neck != "none"]
    for text in texts:
        field, *keys = text.split("/")
        yield DetectorArch.parse("/".join(["512x512/resnet18", field, "rpn/rcnn", *keys]))


def test_the_papers_modular_space(paper):
    # The sibling codec's limits, as paper.md 2.1 counts them: 2.1e8 codes, 2.5e9 in all.
    assert paper.modular.num_codes == pytest.approx(2.1e8, rel=0.02)
    assert paper.modular.size == pytest.approx(2.5e9, rel=0.01)


def test_published_detectors_are_members(paper):
    for name in ("faster-rcnn-r50-fpn", "cascade-rcnn-r101-fpn", "ga-faster-rcnn-r50-fpn"):
        assert paper.structural.contains(DetectorArch.parse(name))
    # Early groups of one block, and a stem of base 64 or 56: inside the modular limits.
    e2 = DetectorArch.parse("sm-nas-e2").replace(norm="gn-ws")
    assert paper.modular.contains(e2)


def test_micro_is_small_enough_for_small_pictures(micro):
    assert micro.structural.size == 595
    members = list(micro.structural.enumerate())
    assert all(arch.norm == "gn" for arch in members)
    areas = [arch.input.width * arch.input.height for arch in members]
    assert (min(areas), max(areas)) == (96**2, 224**2)
    assert {arch.head.kind for arch in members} == {"retina", "rcnn"}


@pytest.mark.parametrize("name", ["micro", "paper"])
def test_every_structure_enters_stage_two_and_can_move_there(name):
    pair = known_space(name)
    seen = set()
    for arch in pair.structural.enumerate():
        if (arch.backbone, arch.neck) not in seen:
            seen.add((arch.backbone, arch.neck))
            assert pair.modular.contains(pair.modular.enter(arch))
    assert len(seen) == len(pair.structural.backbones) * len(pair.structural.necks)


def test_micros_structures_enter_as_they_are(micro):
    assert all(micro.modular.enter(arch) == arch for arch in micro.structural.enumerate())


@pytest.mark.parametrize(
    ("ratio", "sizes"),
    [
        (1.0, [(96, 96), (128, 128), (160, 160), (192, 192), (224, 224)]),
        (1.33, [(128, 96), (160, 128), (192, 128), (224, 160), (256, 192)]),
        (0.75, [(96, 128), (128, 160), (128, 192), (160, 224), (192, 256)]),
    ],
)
def test_inputs_follow_the_aspect_of_the_pictures(ratio, sizes):
    assert [(size.width, size.height) for size in input_levels(ratio)] == sizes
    pair = known_space("micro", ratio)
    assert pair.structural.inputs == tuple(f"{width}x{height}" for width, height in sizes)
    middle = pair.yardstick.input
    assert (middle.width, middle.height) == sizes[2]


@pytest.mark.parametrize("ratio", [0.2, 0.37, 0.9, 1.1, 1.5, 16 / 9, 2.4, 5.0])
def test_inputs_differ_are_padded_already_and_near_the_aspect(ratio):
    sizes = [(size.width, size.height) for size in input_levels(ratio)]
    assert len(set(sizes)) == 5
    assert all(side % 32 == 0 for size in sizes for side in size)
    for width, height in sizes:
        assert ratio / 1.6 < width / height < ratio * 1.6


@pytest.mark.parametrize("ratio", [0.0, -1.0, 6.0, float("nan"), float("inf")])
def test_pictures_too_long_or_of_no_shape_are_refused(ratio):
    with pytest.raises(ConfigError, match=r"expected width over height between 0\.2 and 5\.0"):
        known_space("micro", ratio)


def test_yardsticks(micro, paper):
    assert str(micro.yardstick) == (
        "160x160/basicblock_16_11-21-21-21/fpn-p2-p6-64/none/retina/extra=conv/norm=gn"
    )
    assert paper.yardstick == DetectorArch.parse("faster-rcnn-r50-fpn")


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(ConfigError, match=r"space 'mikro': unknown; did you mean 'micro'\?"):
        known_space("mikro")


def test_the_table_shows_both_side_by_side():
    rows = describe_spaces()
    assert all(list(row) == ["", "micro", "paper"] and all(row.values()) for row in rows)
    by_name = {row[""]: row for row in rows}
    assert by_name["stage 1: structures"]["paper"] == "10,304"
    assert by_name["stage 2: base widths"] == {
        "": "stage 2: base widths",
        "micro": "8, 12, 16, 24, 32",
        "paper": "48, 56, 64, 72",
    }


@pytest.mark.parametrize("name", ["micro", "paper"])
def test_a_space_file_gives_the_space_back(name, tmp_path):
    pair = known_space(name, 1.33)
    path = tmp_path / "space.json"
    path.write_text(pair.model_dump_json())
    assert load_space(path) == pair
    assert isinstance(json.loads(path.read_text())["yardstick"], str)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere\.json: no such file"):
        load_space(tmp_path / "nowhere.json")


def _write(path, change):
    data = known_space("micro").model_dump(mode="json")
    change(data)
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("yardstick"), "yardstick: is missing"),
        (lambda d: d.update(yardstick="frcnn"), "yardstick"),
        (lambda d: d["modular"].update(min_blocks=2), "modular.min_blocks"),
        (lambda d: d["structural"].update(inputs=[]), "structural.inputs"),
        (
            lambda d: d["structural"].update(nekcs=["none"]),
            "structural.nekcs: unknown key; did you mean 'necks'",
        ),
        (
            lambda d: d["structural"].update(backbones=["resnet101", "timm:resnet26"]),
            "outside the modular space.*has no code",
        ),
    ],
)
def test_faulty_files_are_refused_with_file_and_field(tmp_path, change, message):
    path = _write(tmp_path / "space.json", change)
    with pytest.raises(ConfigError, match=rf"space\.json.*{message}"):
        load_space(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe"])
def test_what_is_no_json_object_is_refused(tmp_path, content):
    path = tmp_path / "space.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"space\.json"):
        load_space(path)


def test_all_faults_of_a_file_are_shown_at_once(tmp_path):
    def change(data):
        data["modular"]["min_blocks"] = 2
        data["structural"]["inputs"] = ["9x"]

    with pytest.raises(ConfigError, match=r"structural\.inputs.*modular\.min_blocks"):
        load_space(_write(tmp_path / "space.json", change))


def test_a_pair_is_a_value(micro):
    assert micro == SpacePair.model_validate_json(micro.model_dump_json())
