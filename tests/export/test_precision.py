from pathlib import Path

import numpy as np
import onnx
import pytest

from smnas.errors import ExportError
from smnas.export.onnx_file import check_onnx
from smnas.export.precision import to_half, to_int8
from smnas.export.runtime import start

HERE = Path("x.onnx")


@pytest.mark.parametrize(("precision", "least"), [("float16", 1e-7), ("int8", 1e-6)])
def test_fewer_bits_find_about_the_same(exported, pictures, precision, least):
    model = onnx.load_model_from_string(exported.content)
    small = to_half(model) if precision == "float16" else to_int8(model, pictures[:3])
    assert model.SerializeToString() == exported.content
    file = check_onnx(HERE, small.SerializeToString())
    assert file.precision == precision
    wide, narrow = start(exported, HERE), start(file, HERE)
    apart = []
    for picture in pictures[:3]:
        one, other = wide.predict(picture).scores[:5], narrow.predict(picture).scores[:5]
        apart.append(float(np.abs(one - other).max()))
    assert least < max(apart) < 0.1


def test_int8_needs_pictures(exported):
    with pytest.raises(ExportError, match="expected pictures to calibrate on"):
        to_int8(onnx.load_model_from_string(exported.content), [])
