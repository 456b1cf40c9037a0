"""What finds objects in pictures, however they are given: one or many, arrays or files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image

from smnas.data.picture import AnyPicture
from smnas.detector.contract import Prediction


class PicturePredictor(ABC):
    """Gives ``predict`` for one picture or a list to whoever can look at one."""

    @overload
    def predict(self, pictures: AnyPicture, score: float | None = None) -> Prediction: ...
    @overload
    def predict(
        self, pictures: Sequence[AnyPicture], score: float | None = None
    ) -> list[Prediction]: ...
    def predict(
        self, pictures: AnyPicture | Sequence[AnyPicture], score: float | None = None
    ) -> Prediction | list[Prediction]:
        """Find objects, in float32 unless the file was exported otherwise, a picture at a time.

        A list gives for each picture exactly what the picture alone would give.

        Args:
            pictures: One picture (H x W x 3 uint8 RGB array, PIL image, or path), or a list.
            score: Leave out detections below this score; None keeps all that the arch keeps.

        Returns:
            A prediction for one picture, a list for a list; boxes in pixels of the picture given.

        Raises:
            DataError: Not a picture, or a file that is missing or broken.
        """
        if isinstance(pictures, np.ndarray | Image.Image | str | Path):
            return self._predict_one(pictures, score)
        return [self._predict_one(picture, score) for picture in pictures]

    @abstractmethod
    def _predict_one(self, picture: AnyPicture, score: float | None) -> Prediction:
        """Find objects in one picture."""
