"""Make the parts of ``smnas/data/scenes`` from the packages that their NOTICE names.

    python tools/make_scenes.py FASHION_MNIST DIGITS PHOTOGRAPHS smnas/data/scenes

FASHION_MNIST is the folder of the ``*-ubyte.gz`` files, DIGITS is ``digits.csv.gz`` of
scikit-learn, PHOTOGRAPHS is the folder ``skimage/data``. Each split gets a folder: for each class a
sheet of cut-outs (PNG, the grey values unchanged), a sheet of digits, and photographs (JPEG).
"""

import gzip
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Tiles = NDArray[np.uint8]

CLASSES = {"top": (0, 2, 4, 6), "trouser": (1,), "dress": (3,), "footwear": (5, 7, 9), "bag": (8,)}
"""Labels of Fashion-MNIST. T-shirt, pullover, coat and shirt look alike at this size."""
FASHION_FILES = {"train": ("train",), "t10k": ("val", "test")}
"""Which splits are made from which file."""
CUTOUTS = {"train": 480, "val": 120, "test": 120}
"""Of each class, evenly from its labels."""
DIGITS = {"train": 200, "val": 100, "test": 100}
PHOTOGRAPHS = {
    "train": ("astronaut", "camera", "coffee", "grass", "hubble_deep_field"),
    "val": ("brick", "chelsea", "clock_motion"),
    "test": ("gravel", "retina", "rocket"),
}

SHEET_COLUMNS = 10
SHORT_SIDE_PX = 400
JPEG_QUALITY = 85
PRODUCT_GREY = 12
"""What is not brighter belongs to the black ground of a product photograph."""
DIGIT_BORDER_PX = 2


def make_scenes(fashion: Path, digits: Path, photographs: Path, target: Path) -> None:
    """Write the folders of all splits into ``target``."""
    for split in PHOTOGRAPHS:
        (target / split).mkdir(parents=True, exist_ok=True)
    for file, splits in FASHION_FILES.items():
        tiles, labels = read_fashion(fashion, file)
        for name, merged in CLASSES.items():
            streams = [whole_products(tiles[labels == label]) for label in merged]
            for split in splits:
                share = CUTOUTS[split] // len(streams)
                found = [tile for stream in streams for tile in islice(stream, share)]
                save_sheet(np.stack(found), target / split / f"{name}.png")
    hands = iter(read_digits(digits))
    for split, count in DIGITS.items():
        save_sheet(np.stack(list(islice(hands, count))), target / split / "digits.png")
    for split, names in PHOTOGRAPHS.items():
        for name in names:
            save_photograph(next(photographs.glob(f"{name}.*")), target / split / f"{name}.jpg")


def read_fashion(folder: Path, file: str) -> tuple[Tiles, Tiles]:
    """Return the N x 28 x 28 photographs of a file of Fashion-MNIST, and their labels."""
    pixels = gzip.decompress((folder / f"{file}-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / f"{file}-labels-idx1-ubyte.gz").read_bytes())[8:]
    return np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8)


def whole_products(tiles: Tiles) -> Iterator[Tiles]:
    """Yield those whose product is one connected piece: a speck far away would widen its box."""
    for tile in tiles:
        product = tile > PRODUCT_GREY
        piece = np.zeros_like(product)
        piece.flat[product.argmax()] = True
        while True:
            grown = grow(piece) & product
            if (grown == piece).all():
                break
            piece = grown
        if (piece == product).all():
            yield tile


def grow(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask and its eight neighbours."""
    padded = np.pad(mask, 1)
    tall = padded[:-2] | padded[1:-1] | padded[2:]
    return tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]


def read_digits(path: Path) -> Tiles:
    """Return the 8 x 8 digits of 17 grey values, stretched to 0-255, with an empty border."""
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",")
    tiles = np.rint(rows[:, :-1] * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
    border = (DIGIT_BORDER_PX, DIGIT_BORDER_PX)
    return np.pad(tiles, ((0, 0), border, border))


def save_sheet(tiles: Tiles, path: Path) -> None:
    """Write tiles side by side, row by row; rows are full."""
    count, side, _ = tiles.shape
    rows = tiles.reshape(count // SHEET_COLUMNS, SHEET_COLUMNS, side, side)
    sheet = rows.swapaxes(1, 2).reshape(-1, SHEET_COLUMNS * side)
    Image.fromarray(sheet).save(path, optimize=True)


def save_photograph(source: Path, path: Path) -> None:
    """Write a photograph as JPEG, scaled down where its short side is longer than we need."""
    with Image.open(source) as image:
        scale = min(1.0, SHORT_SIDE_PX / min(image.size))
        size = tuple(round(side * scale) for side in image.size)
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(
            path, quality=JPEG_QUALITY, optimize=True
        )


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: python tools/make_scenes.py FASHION_MNIST DIGITS PHOTOGRAPHS TARGET")
    make_scenes(*map(Path, sys.argv[1:]))
