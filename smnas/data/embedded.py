"""The data inside the package, by name: ``trees``, and ``scenes`` of three grades."""

from dataclasses import dataclass

from smnas.data.dataset import DetectionDataset
from smnas.data.scenes import SCENES_NAMES, ScenesSettings, load_scenes, names_scenes
from smnas.data.trees import load_trees

TREES = "trees"
EMBEDDED_NAMES = (TREES, *SCENES_NAMES)
"""The names of ``scenes`` may carry options, as in ``scenes:easy,train=400,size=128``."""

_TREES_NOTE = (
    "Data 'trees': train and val are separate rows of one aerial photograph, test is another "
    "photograph; trees touch and many are not annotated, so no detector comes near AP 1."
)
_SCENES_NOTE = (
    "Data '{}': made pictures, real cut-outs over real photographs; train, val and test share "
    "neither. They show which detector learns more, not how it does on pictures of another kind."
)


@dataclass(frozen=True)
class EmbeddedData:
    """The splits of data that bring their own, and what should be known of them."""

    train: DetectionDataset
    val: DetectionDataset
    test: DetectionDataset
    note: str


def is_embedded(source: str) -> bool:
    """Tell whether a source is meant as the name of embedded data, right or wrong."""
    return source == TREES or names_scenes(source)


def load_embedded(source: str) -> EmbeddedData:
    """Return embedded data; pictures are made or decoded when they are looked at.

    Raises:
        ConfigError: ``scenes`` without a grade, or with an option that is wrong.
    """
    if source == TREES:
        trees = load_trees()
        return EmbeddedData(trees.train, trees.val, trees.test, _TREES_NOTE)
    settings = ScenesSettings.parse(source)
    scenes = load_scenes(settings)
    note = _SCENES_NOTE.format(settings)
    return EmbeddedData(scenes.train, scenes.val, scenes.test, note)
