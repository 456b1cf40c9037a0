"""Make the embedded photographs of ``smnas/data/trees`` from an unpacked deepforest wheel.

    python tools/make_trees.py UNPACKED_WHEEL/deepforest/data smnas/data/trees

Pictures become JPEG (a sixth of the size); their VOC XML is kept as it is.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image

NAMES = (
    "2019_YELL_2_528000_4978000_image_crop2",
    "2019_YELL_2_541000_4977000_image_crop",
    "OSBS_029",
    "SOAP_061",
)
JPEG_QUALITY = 80


def make_trees(source: Path, target: Path) -> None:
    """Write the four pictures and their annotations into ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        with Image.open(source / f"{name}.png") as image:
            image.convert("RGB").save(target / f"{name}.jpg", quality=JPEG_QUALITY, optimize=True)
        shutil.copyfile(source / f"{name}.xml", target / f"{name}.xml")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python tools/make_trees.py UNPACKED_WHEEL/deepforest/data TARGET")
    make_trees(Path(sys.argv[1]), Path(sys.argv[2]))
