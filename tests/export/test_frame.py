import numpy as np
import onnxruntime
import pytest

from smnas.arch.parts import InputSize
from smnas.data.picture import STD_RGB, fit_picture
from smnas.export.frame import make_fitting


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 40), (40, 100)])
def test_pictures_are_fitted_as_in_evaluation(pictures, width, height, portable):
    size = InputSize(width=width, height=height)
    model = make_fitting(size, portable).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    std = np.array(STD_RGB)[:, None, None]
    for picture in pictures:
        image, factors, limits = session.run(None, {"picture": np.ascontiguousarray(picture)})
        apart = np.abs(image[0] - fit_picture(picture, size).image_3HW.numpy()) * std * 255
        assert apart.max() < 1e-3
        rows, columns = picture.shape[:2]
        scale = min(width / columns, height / rows)
        sides = [max(1, round(side * scale)) for side in (columns, rows)]
        assert limits.tolist() == [columns, rows, columns, rows]
        np.testing.assert_allclose(factors[:2], [sides[0] / columns, sides[1] / rows])
