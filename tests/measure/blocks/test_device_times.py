"""What the report of a device says of detectors that it has not timed."""

import json
import re

import pytest
from made_device import ARCHS, make_report, whole_ms, write_report

from smnas.arch import DetectorArch
from smnas.errors import MeasurementError, MissingFileError
from smnas.measure.blocks.device_times import DeviceTimes
from smnas.measure.device_report import hash_file
from smnas.trial.measurement import PredictionProtocol

SAME_BLOCKS = "64x64/basicblock_16_1-11-1-1/fpn-p2-p3-16/none/retina/convs=1"
"""One that was not timed, of a block twice that was."""
OTHER_BLOCKS = "64x64/basicblock_16_1-1-1-1/fpn-p2-p3-12/none/retina/convs=1"


@pytest.fixture(scope="module")
def times(tmp_path_factory):
    return DeviceTimes.read(write_report(tmp_path_factory.mktemp("report") / "edge.json"))


def test_detectors_are_predicted_for_the_device_and_never_as_measured(times, tmp_path):
    found = times.predict(DetectorArch.parse(SAME_BLOCKS))
    assert found.metric == "latency_ms"
    assert found.value == pytest.approx(whole_ms(SAME_BLOCKS), rel=1e-3)
    assert isinstance(found.protocol, PredictionProtocol)
    assert found.protocol.device == "a small device"
    assert (found.protocol.threads, found.protocol.detectors) == (2, len(ARCHS))
    assert found.protocol.report == hash_file(write_report(tmp_path / "same.json"))
    assert found.flag is None
    low, high = found.interval
    assert low <= found.value <= high


def test_all_are_of_one_protocol(times):
    protocols = {
        times.predict(DetectorArch.parse(text)).protocol.model_dump_json() for text in ARCHS
    }
    assert len(protocols) == 1


def test_blocks_that_were_not_timed_are_estimated_with_a_wider_interval(times):
    found = times.predict(DetectorArch.parse(OTHER_BLOCKS))
    assert re.fullmatch("8 of its 1[0-9] blocks were not timed there", found.flag)
    assert found.value == pytest.approx(whole_ms(OTHER_BLOCKS), rel=0.1)
    law = next(iter(times.laws.values()))
    rough = times.model_copy(update={})
    rough.__dict__["laws"] = {
        name: type(law)(item.constant_ms, item.ms_per_mac, item.ms_per_value, 0.5)
        for name, item in times.laws.items()
    }
    wider = rough.predict(DetectorArch.parse(OTHER_BLOCKS))
    assert wider.interval[0] < 0.95 * found.interval[0]
    assert wider.interval[1] > 1.05 * found.interval[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("128x128/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1", "the first is Fitting"),
        ("64x64/basicblock_8_1-1-1-1/fpn-p2-p3-8/rpn/rcnn/fc=8", "too few two-stage detectors"),
    ],
)
def test_what_no_block_is_like_has_no_time(times, text, words):
    with pytest.raises(MeasurementError, match=words):
        times.predict(DetectorArch.parse(text))


def test_disturbed_detectors_count_only_where_too_few_others_do(tmp_path):
    report = make_report()
    wholes = [item for item in report["timings"] if item["file"].startswith("detectors/")]
    for item in wholes[:3]:
        item |= {"flag": "the cat sat on it", "median_ms": 100.0}
    path = tmp_path / "edge.json"
    path.write_text(json.dumps(report))
    times = DeviceTimes.read(path)
    assert times.calibration.detectors == len(ARCHS) - 3
    assert times.predict(DetectorArch.parse(SAME_BLOCKS)).flag is None
    busy = DeviceTimes.read(write_report(path, flag="the cat sat on it"))
    assert busy.calibration.detectors == len(ARCHS)
    assert "12 of 12" in busy.predict(DetectorArch.parse(SAME_BLOCKS)).flag
    assert "the cat sat on it" in busy.predict(DetectorArch.parse(SAME_BLOCKS)).flag


def without_about(report):
    del report["about"]


def incomplete(report):
    del report["timings"][3]


def twice(report):
    report["timings"].append(report["timings"][0])


def renamed(report):
    first, second, *_ = report["about"]["blocks"].values()
    first["key"], second["key"] = second["key"], first["key"]


def no_arch(report):
    file = next(iter(report["about"]["detectors"]))
    report["about"]["detectors"][file] = "64x64/nothing"


def infinite(report):
    report["timings"][0]["median_ms"] = float("inf")


def unfinished(report):
    report["about"]["blocks"] = {}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_about, "report of a folder of blocks; got one of whole files"),
        (incomplete, "1 are missing, 0 are of other files and 0 stand twice"),
        (twice, "0 are missing, 0 are of other files and 1 stand twice"),
        (renamed, "is not the name of the block"),
        (no_arch, "of a detector that is none"),
        (infinite, "median_ms: .*finite"),
        (unfinished, "blocks: .*at least 1"),
    ],
)
def test_what_is_not_a_whole_report_of_blocks_is_refused(tmp_path, spoil, words):
    report, path = make_report(), tmp_path / "edge.json"
    spoil(report)
    path.write_text(json.dumps(report))
    with pytest.raises(MeasurementError, match=words) as caught:
        DeviceTimes.read(path)
    assert str(path) in str(caught.value)
    assert "measure" in str(caught.value)


def test_too_few_detectors_and_no_file(tmp_path):
    with pytest.raises(MeasurementError, match=r"at least 8 whole detectors .*; got 7"):
        DeviceTimes.read(write_report(tmp_path / "edge.json", ARCHS[:7]))
    with pytest.raises(MissingFileError, match="no such device report"):
        DeviceTimes.read(tmp_path / "none.json")
