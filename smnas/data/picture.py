"""A picture from its file to the network's input, and boxes back again.

One function, ``fit_picture``, prepares pictures in evaluation, prediction and export. Training does
the same, and exactly where nothing is resized; where something is, it rounds to whole grey levels
(docs/decisions/0009). The picture is scaled by one factor to fit the input's width and height
(bilinear, antialiased), placed top left, and the rest is filled with the mean, which is zero after
normalisation.
"""

import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from smnas.arch.parts import InputSize
from smnas.errors import DataError, MissingFileError

Picture = NDArray[np.uint8]
"""Height x width x 3, RGB."""
AnyPicture = Picture | Image.Image | str | Path
"""An H x W x 3 uint8 array, a PIL image, or a file."""
Boxes = NDArray[np.float32]
"""Rows of x1, y1, x2, y2 in pixels."""

MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics for values in 0-1, those of all pretrained backbones we load."""

_SERIAL_ELEMENTS = 2**15 - 1
"""Torch calls in its other threads for more. While a detector trains these are busy, and waiting
for them costs a hundred times the work on a picture: what the loader does stays in its thread."""

_MODES_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error)
"""What Pillow raises on broken content; a bomb is refused with an error of its own."""


@dataclass(frozen=True)
class FittedPicture:
    """A picture as the network takes it.

    Attributes:
        image_3HW: float32, normalised, of the padded input size; zero where no picture is.
        scale: Network pixels per picture pixel; ``unfit_boxes`` takes it back.
    """

    image_3HW: Tensor
    scale: float


def read_picture(path: str | Path) -> Picture:
    """Return the picture in a file as RGB.

    The EXIF orientation is honoured. Grey, palette and CMYK pictures become RGB, transparent ones
    are laid over white (what most viewers show), and of 16-bit grey the upper 8 bits are kept.

    Args:
        path: A file in any format that Pillow reads.

    Returns:
        Height x width x 3, uint8; the array is the caller's own.

    Raises:
        MissingFileError: No such file.
        DataError: Not a picture, a truncated one, one too large to be meant, or an unknown mode.
    """
    path = Path(path)
    with open_picture(path) as image:
        return _to_rgb(ImageOps.exif_transpose(image), path)


def as_picture(picture: AnyPicture) -> Picture:
    """Return whatever stands for a picture as RGB; arrays are taken as they are.

    Raises:
        DataError: See ``read_picture``.
    """
    if isinstance(picture, str | Path):
        return read_picture(picture)
    if isinstance(picture, Image.Image):
        return np.asarray(picture.convert("RGB"))
    return picture


@contextmanager
def open_picture(path: Path) -> Generator[Image.Image]:
    """Open a picture file; what Pillow raises, also later inside the block, is told in words.

    Raises:
        MissingFileError: No such file.
        DataError: Not a picture, a truncated one, or one too large to be meant.
    """
    if not os.path.isfile(path):  # pathlib's raises for names that no file can have
        raise MissingFileError(f"{path}: no such picture file")
    try:
        with Image.open(path) as image:
            yield image
    except UnidentifiedImageError:
        raise DataError(
            f"{path}: not a picture, or of a format that cannot be read; expected JPEG, PNG, TIFF, "
            "BMP, GIF or WebP"
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: refused as too large: {error}; cut it into tiles") from None
    except DataError:
        raise
    except _UNREADABLE as error:
        raise DataError(f"{path}: the picture cannot be read: {error}") from None


def _to_rgb(image: Image.Image, path: Path) -> Picture:
    if image.mode.startswith("I"):
        return _grey_16_to_rgb(np.asarray(image), path)
    if image.mode == "F":
        raise DataError(
            f"{path}: floating-point values have no fixed range; save the picture with 8 or 16 bits"
        )
    if image.mode in _MODES_WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    # A copy: what Pillow hands out cannot be written to, and torch wants arrays that can.
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _grey_16_to_rgb(grey: NDArray[np.generic], path: Path) -> Picture:
    values = grey.astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise DataError(
            f"{path}: expected grey values of 0 to 65535, "
            f"got {values.min()} to {values.max()}; save the picture with 8 or 16 bits"
        )
    return np.repeat((values >> 8).astype(np.uint8)[:, :, None], 3, axis=2)


def fit_picture(picture: Picture | Tensor, size: InputSize) -> FittedPicture:
    """Return the picture scaled, placed and normalised for a network input.

    It is resized in float32 and not rounded in between, which every runtime of an exported file
    does alike: rounding to whole grey levels differs between them, and a level here and there moves
    scores by more than all else. Training rounds, see ``resize_picture``.

    Args:
        picture: Height x width x 3, uint8, RGB; an array or a tensor.
        size: The input that the arch names.

    Returns:
        The image of ``size.padded`` and the scale.

    Raises:
        DataError: The picture has another shape or type.
    """
    picture_HW3 = as_tensor(picture)
    height, width = picture_HW3.shape[:2]
    scale = fit_scale(width, height, size)
    resized_3HW = _resize_unrounded(picture_HW3, *scaled_size(width, height, scale))
    image_3HW = torch.zeros(3, *size.padded, device=picture_HW3.device)
    place_picture(resized_3HW, image_3HW)
    return FittedPicture(image_3HW, scale)


def _resize_unrounded(picture_HW3: Tensor, width: int, height: int) -> Tensor:
    """Return the picture as 3 x height x width, float32, resized bilinearly with antialiasing."""
    picture_13HW = picture_HW3.permute(2, 0, 1)[None].float()
    if picture_13HW.shape[2:] == (height, width):
        return picture_13HW[0]
    if width > 1:
        size = (height, width)
        return interpolate(picture_13HW, size=size, mode="bilinear", antialias=True)[0]
    # Torch (2.14) leaves out rows of what is one column wide; of one row it does not.
    turned_13WH = picture_13HW.transpose(2, 3)
    resized_13WH = interpolate(turned_13WH, size=(1, height), mode="bilinear", antialias=True)
    return resized_13WH[0].transpose(1, 2)


def as_tensor(picture: Picture | Tensor) -> Tensor:
    """Return the picture as a contiguous uint8 tensor of height x width x 3.

    Raises:
        DataError: The picture has another shape or type.
    """
    check_picture(picture)
    if isinstance(picture, Tensor):
        return picture.contiguous()
    # NumPy copies in this thread alone; torch refuses mirrored arrays and warns of read-only ones.
    contiguous = np.ascontiguousarray(picture)
    return torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy())


def check_picture(picture: Picture | Tensor) -> None:
    """Make sure that a picture is one.

    Raises:
        DataError: It has another shape or type than uint8 of height x width x 3.
    """
    shape, kind = tuple(picture.shape), str(picture.dtype).removeprefix("torch.")
    if len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != "uint8":
        raise DataError(
            "a picture is a uint8 array of height x width x 3 (RGB, at least 1 x 1); "
            f"got {kind} of shape {shape}"
        )


def fit_scale(width: float, height: float, size: InputSize) -> float:
    """Return the one factor that makes ``width`` x ``height`` pixels just fit the input."""
    return min(size.width / width, size.height / height)


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return width and height after scaling: whole pixels, at least one of each."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize_picture(picture_HW3: Tensor, width: int, height: int) -> Tensor:
    """Return the uint8 picture as 3 x height x width, resized bilinearly with antialiasing.

    For training: values are rounded along rows and along columns, so that each is within one grey
    level of that of ``fit_picture`` (docs/decisions/0009). Torch has fast integer kernels for this
    memory layout, so the picture stays uint8 and channels-last until it has its final size.
    """
    picture_3HW = picture_HW3.permute(2, 0, 1)
    if picture_3HW.shape[1:] == (height, width):
        return picture_3HW.contiguous()
    resized_13HW = interpolate(
        picture_3HW[None], size=(height, width), mode="bilinear", antialias=True
    )
    return resized_13HW[0]


def place_picture(
    resized_3HW: Tensor,
    image_3HW: Tensor,
    *,
    left: int = 0,
    top: int = 0,
    mirrored: bool = False,
    brightness: float = 1.0,
    contrast: float = 1.0,
) -> None:
    """Normalise a resized uint8 picture into its place in a float image.

    Args:
        resized_3HW: The picture, 0 to 255.
        image_3HW: Written to, from column ``left`` and row ``top`` on.
        left: First column.
        top: First row.
        mirrored: Exchange left and right: eighty times as fast here as before the resizing.
        brightness: Factor on the values (training's colour jitter).
        contrast: Factor on their distance from the mean, which normalisation subtracts.
    """
    height, width = resized_3HW.shape[1:]
    place = image_3HW[:, top : top + height, left : left + width]
    rows = max(1, _SERIAL_ELEMENTS // width)
    for channel, (mean, std) in enumerate(zip(MEAN_RGB, STD_RGB, strict=True)):
        factor = brightness * contrast / (255.0 * std)
        shift = contrast * mean / std
        for start in range(0, height, rows):
            block = slice(start, start + rows)
            values = resized_3HW[channel, block]
            values = values.flip(-1) if mirrored else values
            torch.mul(values, factor, out=place[channel, block]).sub_(shift)


def fit_boxes(boxes_xyxy: Boxes, scale: float, width: int, height: int) -> Boxes:
    """Return boxes of a picture of ``width`` x ``height`` in network pixels."""
    return (boxes_xyxy * _box_factors(scale, width, height)).astype(np.float32)


def unfit_boxes(boxes_xyxy: Boxes, scale: float, width: int, height: int) -> Boxes:
    """Return boxes of the network in the pixels of its picture, clipped to it.

    Args:
        boxes_xyxy: Rows of x1, y1, x2, y2 in network pixels.
        scale: The scale of ``fit_picture``.
        width: The picture's width in its own pixels.
        height: The picture's height.

    Returns:
        float32, as many rows.
    """
    boxes = boxes_xyxy / _box_factors(scale, width, height)
    limits = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(boxes, 0.0, limits).astype(np.float32)


def _box_factors(scale: float, width: int, height: int) -> NDArray[np.float64]:
    """Return the factors that the pixels have really moved by: the scaled sides are rounded."""
    scaled_width, scaled_height = scaled_size(width, height, scale)
    return np.array([scaled_width / width, scaled_height / height] * 2)
