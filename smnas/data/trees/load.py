"""``trees``: real aerial photographs inside the package, split by scene and never by random tile.

Train and val are separate rows of one scene, 72 rows (more than the mean tree) apart; test is
another scene of the same site. ``out_of_domain`` are other forests, taken with the same camera.
"""

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from smnas.data.annotations import Annotations
from smnas.data.dataset import Category, hash_content
from smnas.data.picture import Picture, read_picture
from smnas.data.scene import Scene, SceneDataset, TileGrid
from smnas.data.voc import find_picture, read_voc_xml
from smnas.data.window import cut_annotations

TREE = Category(id=1, name="tree")
"""The only class: dead and living trees of the out-of-domain photographs are trees alike."""

TILE_PX = 160

_FOLDER = Path(__file__).parent
_SCENE = "2019_YELL_2_528000_4978000_image_crop2"
_OTHER_SCENE = "2019_YELL_2_541000_4977000_image_crop"
_OTHER_FORESTS = ("OSBS_029", "SOAP_061")
_TRAIN_ROWS = (0, 1760)
_VAL_ROWS = (1832, 2472)
_SEPARATE = TileGrid(side=TILE_PX, stride=TILE_PX)
_HALF_OVERLAPPING = TileGrid(side=TILE_PX, stride=TILE_PX // 2)


@dataclass(frozen=True)
class Trees:
    """The splits of the embedded photographs."""

    train: SceneDataset
    val: SceneDataset
    test: SceneDataset
    out_of_domain: SceneDataset


def load_trees() -> Trees:
    """Return the embedded photographs; they are decoded when first looked at, once per process."""
    return Trees(
        train=_dataset("train", [_load_scene(_SCENE, _TRAIN_ROWS)], _HALF_OVERLAPPING),
        val=_dataset("val", [_load_scene(_SCENE, _VAL_ROWS)], _SEPARATE),
        test=_dataset("test", [_load_scene(_OTHER_SCENE)], _SEPARATE),
        out_of_domain=_dataset(
            "out-of-domain", [_load_scene(name) for name in _OTHER_FORESTS], _SEPARATE
        ),
    )


def _dataset(split: str, scenes: list[Scene], grid: TileGrid) -> SceneDataset:
    return SceneDataset(f"trees/{split}", scenes, grid, (TREE,))


def _load_scene(name: str, rows: tuple[int, int] | None = None) -> Scene:
    annotation_path = _FOLDER / f"{name}.xml"
    voc = read_voc_xml(annotation_path)
    picture_path = find_picture(annotation_path, voc.file_name)
    top, bottom = rows or (0, voc.height)
    whole = Annotations.of(
        [item.box_xyxy for item in voc.objects], ignore=[item.difficult for item in voc.objects]
    )
    return Scene(
        name=name,
        size=(voc.width, bottom - top),
        annotations=cut_annotations(whole, (0, top, voc.width, bottom)),
        decode=partial(_decode_rows, picture_path, top, bottom),
        content_id=hash_content([picture_path.read_bytes()]),
    )


def _decode_rows(path: Path, top: int, bottom: int) -> Picture:
    return _decode(path)[top:bottom]


@cache
def _decode(path: Path) -> Picture:
    return read_picture(path)
