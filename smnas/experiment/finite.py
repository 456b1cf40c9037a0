"""A predictor whose results are numbers: broken weights make a failed trial, not a broken judge."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smnas.detector.contract import Prediction
from smnas.errors import TrainingError
from smnas.measure.protocol import Predictor, PredictorOfMany


class FinitePredictor:
    """Passes predictions on, and stops at the first that is not finite."""

    def __init__(self, predictor: Predictor) -> None:
        """Take the predictor to watch."""
        self._predictor = predictor

    def predict(self, picture_HW3: NDArray[np.uint8], /) -> Prediction:
        """Return what the predictor finds.

        Raises:
            TrainingError: A box or a score is not finite.
        """
        return _require_finite(self._predictor.predict(picture_HW3))

    def predict_together(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[Prediction]:
        """Return what the predictor finds in each picture, in one pass where it can do that.

        Raises:
            TrainingError: A box or a score is not finite.
        """
        if isinstance(self._predictor, PredictorOfMany):
            return list(map(_require_finite, self._predictor.predict_together(pictures)))
        return list(map(self.predict, pictures))


def _require_finite(found: Prediction) -> Prediction:
    if not (np.isfinite(found.boxes_xyxy).all() and np.isfinite(found.scores).all()):
        raise TrainingError(
            "expected finite boxes and scores after training; got NaN or infinity: the weights "
            "have run away; try a smaller learning rate"
        )
    return found
