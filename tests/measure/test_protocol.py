import platform
from importlib.metadata import version

import pytest
import torch

from smnas.measure.protocol import describe_device, library_versions
from smnas.measure.standalone import usable_cores


def test_a_cpu_is_described_by_its_model_and_the_cores_we_may_use():
    text = describe_device("cpu")
    assert text == describe_device(torch.device("cpu"))
    assert f"{usable_cores()} core" in text
    assert len(text.split(",")[0]) > 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_described_by_its_name():
    assert describe_device("cuda:0") == torch.cuda.get_device_name(0)


def test_versions_are_those_that_are_installed():
    versions = library_versions()
    assert versions["python"] == platform.python_version()
    assert versions["torch"] == version("torch")
    assert versions["faster-coco-eval"] == version("faster-coco-eval")
    assert list(versions) == sorted(versions)
