import pytest

from smnas.measure.blocks.calibration import FEWEST, Example, calibrate


def examples(noise=0.0):
    """Detectors that take 2 ms, or 5 ms with proposals, beside 1.1 times their blocks."""
    constants = {"one-stage": 2.0, "two-stage": 5.0}
    return [
        Example(name, sum_ms, (constant + 1.1 * sum_ms) * (1.0 + noise * (-1) ** place))
        for name, constant in constants.items()
        for place, sum_ms in enumerate((3.0, 4.0, 7.0, 11.0, 20.0))
    ]


def test_what_follows_the_law_is_predicted_exactly():
    found = calibrate(examples())
    assert found is not None
    assert found.constants_ms == pytest.approx({"one-stage": 2.0, "two-stage": 5.0})
    assert found.factor == pytest.approx(1.1)
    assert found.predict("two-stage", 10.0) == pytest.approx(16.0)
    assert found.error == pytest.approx(0.0, abs=1e-9)


def test_the_error_is_that_of_detectors_that_were_left_out():
    found = calibrate(examples(noise=0.05))
    assert found is not None
    assert 0.03 < found.error < 0.15
    low, high = found.interval("one-stage", 10.0)
    assert low < found.predict("one-stage", 10.0) < high
    assert high / low > 1.2


def test_too_few_detectors_tell_nothing():
    assert calibrate(examples()[: FEWEST - 1]) is None
    assert calibrate([]) is None


def test_a_family_that_was_hardly_seen_is_not_predicted():
    one_stage = [example for example in examples() if example.family == "one-stage"]
    more = [Example("one-stage", ms, 2.0 + 1.1 * ms) for ms in (5.0, 6.0, 9.0)]
    odd = Example("two-stage", 1.0, 50.0)
    found = calibrate([*one_stage, *more, odd])
    assert found is not None
    assert not found.knows("two-stage")
    assert found.detectors == 8
    assert found.predict("one-stage", 10.0) == pytest.approx(13.0)


def test_no_constant_is_negative():
    found = calibrate([Example("one-stage", ms, 2.0 * ms - 1.0) for ms in range(2, 12)])
    assert found is not None
    assert found.constants_ms == {"one-stage": 0.0}
    assert found.factor > 1.0


def test_what_the_sum_is_worth_widens_the_interval():
    found = calibrate(examples(noise=0.05))
    assert found is not None
    low, high = found.interval("one-stage", 10.0, 3.0)
    assert low < 0.9 * found.interval("one-stage", 10.0)[0]
    assert high > 1.1 * found.interval("one-stage", 10.0)[1]
    assert found.interval("one-stage", 10.0, 0.0) == found.interval("one-stage", 10.0)
