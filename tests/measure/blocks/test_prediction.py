import pytest

from smnas.arch import DetectorArch
from smnas.measure.blocks.plan import plan_blocks
from smnas.measure.blocks.prediction import LatencyPredictor, family_of
from smnas.measure.blocks.table import LatencyTable
from smnas.measure.latency import latency_protocol
from smnas.trial.measurement import Measurement, PredictionProtocol

SIZES = (64, 96, 128, 160, 192, 224, 256, 288)
ONE_STAGE = "{0}x{0}/basicblock_8_1-2-1-1/fpn-p2-p4-16/none/retina/convs=1"
TWO_STAGE = "{0}x{0}/basicblock_8_1-2-1-1/fpn-p2-p4-16/rpn/rcnn/fc=16"


class Device:
    """Blocks take as long as the place of their key's last letter; whole detectors 3 ms more."""

    def __init__(self, disturbed=None):
        self.asked = []
        self.disturbed = disturbed
        self.table = LatencyTable()
        self.protocol = latency_protocol("cpu")
        self.predictor = LatencyPredictor(self.table, self.protocol, self.time, 3, (60, 80))

    def time(self, blocks):
        self.asked += [block.key for block in blocks]
        return {block.key: self.of_block(block) for block in blocks}, self.disturbed

    @staticmethod
    def of_block(block):
        return 0.1 + len(block.key) / 1000

    def of_detector(self, arch):
        return 3.0 + sum(map(self.of_block, plan_blocks(arch, 3, (60, 80))))

    def show(self, arch, flag=None):
        value = self.of_detector(arch)
        measured = Measurement(
            metric="latency_ms", value=value, unit="ms", protocol=self.protocol, flag=flag
        )
        self.predictor.add(arch, measured)


def arch_of(size, text=ONE_STAGE):
    return DetectorArch.parse(text.format(size))


def test_an_unseen_detector_is_predicted_once_enough_were_timed():
    device = Device()
    for size in SIZES[:-1]:
        device.show(arch_of(size))
        assert device.predictor.predict(arch_of(320)) is None
    device.show(arch_of(SIZES[-1]))
    found = device.predictor.predict(arch_of(320))
    assert found is not None
    assert found.metric == "latency_ms_predicted"
    assert isinstance(found.protocol, PredictionProtocol)
    assert (found.protocol.detectors, found.protocol.device) == (8, device.protocol.device)
    assert found.value == pytest.approx(device.of_detector(arch_of(320)), rel=1e-6)
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]


def test_a_family_that_was_never_timed_is_not_predicted():
    device = Device()
    for size in SIZES:
        device.show(arch_of(size))
    assert device.predictor.predict(arch_of(96, TWO_STAGE)) is None


def test_a_block_is_timed_once():
    device = Device()
    device.show(arch_of(64))
    device.show(arch_of(64))
    first = len(device.asked)
    device.show(arch_of(96))
    assert len(device.asked) == len(set(device.asked)) > first


def test_disturbed_times_are_not_kept():
    device = Device(disturbed="other programs kept 90% of the cores busy")
    device.show(arch_of(64))
    assert device.table.blocks == {}
    other = Device()
    other.show(arch_of(64), flag="it had to wait for a core 9% of the time")
    assert other.table.detectors == {}


def test_families_differ_in_whether_there_are_proposals():
    assert family_of(arch_of(64)) == "one-stage"
    assert family_of(arch_of(64, TWO_STAGE)) == "two-stage"
