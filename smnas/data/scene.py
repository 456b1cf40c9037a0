"""A few large pictures, seen as many tiles: aerial photographs are annotated scene by scene.

Measuring reads a fixed grid of tiles. Training sees the surroundings of a tile, displaced and
enlarged anew each time, so that it never meets the same crop twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from smnas.data.annotations import Annotations
from smnas.data.dataset import Category, DetectionDataset, hash_content
from smnas.data.picture import Picture
from smnas.data.window import View, Window, cut_annotations, look_through


@dataclass(frozen=True)
class Scene:
    """One large picture, or some of its rows.

    Attributes:
        name: Part of the ids of its tiles.
        size: Width and height in pixels.
        annotations: In pixels of the scene.
        decode: Returns the picture; expected to remember it.
        content_id: Changes when the picture's content does.
    """

    name: str
    size: tuple[int, int]
    annotations: Annotations
    decode: Callable[[], Picture] = field(repr=False)
    content_id: str


@dataclass(frozen=True)
class TileGrid:
    """Square tiles of ``side`` pixels, a new one every ``stride`` pixels, whole tiles only."""

    side: int
    stride: int

    def windows(self, scene: Scene) -> list[Window]:
        """Return the scene's tiles in which something is annotated, row by row.

        Tiles without are left out: annotators of such large pictures skip whole areas, and a tile
        without a box tells more often of them than of a place without objects.
        """
        width, height = scene.size
        windows = [
            Window(left, top, self.side, self.side)
            for top in range(0, height - self.side + 1, self.stride)
            for left in range(0, width - self.side + 1, self.stride)
        ]
        return [window for window in windows if _annotations_in(scene, window).objects.any()]


class SceneDataset(DetectionDataset):
    """The tiles of some scenes.

    Args:
        name: Name of the split.
        scenes: Where the tiles lie.
        grid: How they lie.
        categories: What is annotated.
    """

    def __init__(
        self, name: str, scenes: Sequence[Scene], grid: TileGrid, categories: tuple[Category, ...]
    ) -> None:
        self.name = name
        self.categories = categories
        self._scenes = tuple(scenes)
        self._grid = grid
        self._tiles = [(scene, window) for scene in scenes for window in grid.windows(scene)]
        self._data_id = self._hash()

    @property
    def in_memory(self) -> bool:
        """True: a scene is decoded once, and tiles are cut from it."""
        return True

    @property
    def data_id(self) -> str:
        """From the scenes' pictures and boxes, the grid and the categories."""
        return self._data_id

    def _hash(self) -> str:
        parts: list[str | bytes] = [repr(self._grid), repr(self.categories)]
        for scene in self._scenes:
            found = scene.annotations
            parts += [scene.content_id, repr(scene.size), found.boxes_xyxy.tobytes()]
            parts += [found.labels.tobytes(), found.ignore.tobytes()]
        return hash_content(parts)

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self._tiles)

    def picture_id(self, index: int) -> str:
        """Return the scene's name and the tile's corner."""
        scene, window = self._tiles[index]
        return f"{scene.name}-{window.left}-{window.top}"

    def picture_size(self, index: int) -> tuple[int, int]:
        """Return the side of the tiles, twice."""
        return self._grid.side, self._grid.side

    def annotations(self, index: int) -> Annotations:
        """Return what is visible in a tile."""
        return _annotations_in(*self._tiles[index])

    def read(self, index: int) -> tuple[Picture, Annotations]:
        """Return a copy of a tile and what is visible in it."""
        scene, window = self._tiles[index]
        view = look_through(window, scene.decode(), scene.annotations)
        return view.picture.copy(), view.annotations

    def draw(self, index: int, rng: np.random.Generator, zoom: float = 1.0) -> View:
        """Return the surroundings of a tile: displaced by up to half a tile, ``zoom`` nearer."""
        scene, tile = self._tiles[index]
        side = max(1, round(tile.width / zoom))
        shift_x, shift_y = (rng.random(2) - 0.5) * tile.width
        middle_x, middle_y = tile.left + tile.width / 2, tile.top + tile.height / 2
        window = Window(
            left=_keep_inside(middle_x + shift_x - side / 2, side, scene.size[0]),
            top=_keep_inside(middle_y + shift_y - side / 2, side, scene.size[1]),
            width=side,
            height=side,
        )
        return look_through(window, scene.decode(), scene.annotations)


def _annotations_in(scene: Scene, window: Window) -> Annotations:
    corners = (window.left, window.top, window.left + window.width, window.top + window.height)
    return cut_annotations(scene.annotations, corners)


def _keep_inside(start: float, length: int, limit: int) -> int:
    """Return the nearest start that keeps a window inside; a longer window is centred."""
    if length >= limit:
        return (limit - length) // 2
    return min(max(0, round(start)), limit - length)
