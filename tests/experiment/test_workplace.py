"""Where trials run, and what is asked for without sense."""

import subprocess
import sys

import pytest

from smnas.errors import ConfigError
from smnas.experiment.workplace import Workplace, make_workplace


@pytest.mark.parametrize(
    ("workplace", "device", "expected"),
    [
        (Workplace(), "cpu", False),
        (Workplace(workers=2), "cpu", False),
        (Workplace(address="head:6379"), "cpu", True),
        (Workplace(address="local", workers=2), "cpu", True),
        (Workplace(workers=1), "cuda", False),
        (Workplace(workers=2), "cuda", True),
        (Workplace(workers=1, gpus_per_trial=2), "cuda", False),
        (Workplace(gpus_per_trial=0.5), "cuda", True),
    ],
)
def test_ray_is_needed_for_clusters_and_to_hand_out_gpus(workplace, device, expected):
    assert workplace.needs_ray(device) == expected


def test_trials_share_the_cores(monkeypatch):
    monkeypatch.setattr("smnas.experiment.workplace.usable_cores", lambda: 8)
    assert Workplace(workers=3).cpus == 2
    assert Workplace(workers=20).cpus == 1
    assert Workplace(workers=3, cpus_per_trial=5).cpus == 5
    assert Workplace(workers=3, address="head:6379").cpus == 1
    assert Workplace(workers=3, address="local").cpus == 2
    assert Workplace().cpus is None


def test_gpus_follow_the_device():
    assert Workplace(workers=2).gpus("cpu") == 0
    assert Workplace(workers=2).gpus("cuda") == 1
    assert Workplace(workers=2, gpus_per_trial=0.5).gpus("cuda") == 0.5


@pytest.mark.parametrize(
    ("flags", "device", "message"),
    [
        ({"gpus_per_trial": 0.5}, "cpu", "gpus_per_trial: 0.5, but the device is 'cpu'"),
        ({"workers": 2}, "cuda:1", "device: 'cuda:1': Ray hands the GPUs out"),
    ],
)
def test_what_does_not_go_with_the_device_is_refused(flags, device, message):
    with pytest.raises(ConfigError, match=message):
        make_workplace(**flags).settled(device)


def test_all_that_is_wrong_is_named():
    with pytest.raises(ConfigError, match=r"workers: .*got 0; memory_mib: .*got -1"):
        make_workplace(workers=0, memory_mib=-1)


def test_without_ray_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from smnas.experiment.workplace import Workplace\n"
        "Workplace(workers=2).settled('cpu')\n"
        "Workplace(workers=2).settled('cuda')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "ConfigError: address, gpus_per_trial: a cluster, or several GPUs, need Ray" in done.stderr
    )
    assert "pip install 'smnas[ray]'" in done.stderr
