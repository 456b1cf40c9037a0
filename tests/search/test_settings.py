import pytest
from pydantic import ValidationError


def test_stage_one_gets_its_share(make_settings):
    assert make_settings(trials=18, stage_one_share=0.6).stage_one_trials == 11
    assert make_settings(trials=1, stage_one_share=1.0).stage_one_trials == 1


def test_a_share_that_leaves_stage_one_nothing_is_refused(make_settings):
    with pytest.raises(ValidationError, match="leaves stage one 0 of 4 trials"):
        make_settings(trials=4, stage_one_share=0.1)


@pytest.mark.parametrize(
    "wrong",
    [{"trials": 0}, {"finals": 9}, {"finals": 0}, {"seconds": 0}, {"groups": 0}, {"trails": 3}],
)
def test_values_out_of_range_and_unknown_fields_are_refused(make_settings, wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        make_settings(**wrong)


def _by_metric(objectives):
    return {o.metric: (o.maximise, o.tie, o.log) for o in objectives}


def test_objectives_have_the_tie_widths(make_settings):
    settings = make_settings(ap_tie=0.01, latency_tie=0.05)
    ap, ms, macs = (True, 0.01, False), (False, 0.05, True), (False, 0.0, True)
    assert _by_metric(settings.stage_one_objectives) == {"ap": ap, "latency_ms": ms}
    assert _by_metric(settings.stage_two_objectives) == {"ap": ap, "macs_g": macs}
    assert (settings.merit.metric, settings.cost.metric) == ("ap", "latency_ms")


def test_any_two_or_three_metrics_can_be_the_objectives(make_settings):
    settings = make_settings(objectives="params_m, ap50,ap_small")
    assert list(_by_metric(settings.stage_one_objectives)) == ["params_m", "ap50", "ap_small"]
    assert list(_by_metric(settings.stage_two_objectives)) == ["ap50", "ap_small", "macs_g"]
    assert (settings.merit.metric, settings.cost.metric) == ("ap50", "params_m")
    accuracies = make_settings(objectives=("ap50", "ap_small"))
    assert accuracies.cost.metric == "ap_small"


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ("ap,latency", "'latency' is no metric of a search; did you mean 'latency_ms'"),
        ("ap", "two or three different metrics; got ap"),
        ("ap,ap", "different"),
        ("ap,ap50,macs_g,params_m", "two or three"),
        ("macs_g,params_m", "expected an accuracy, such as ap50"),
    ],
)
def test_objectives_that_make_no_search_are_refused(make_settings, objectives, message):
    with pytest.raises(ValidationError, match=message):
        make_settings(objectives=objectives)


def test_settings_survive_json(make_settings):
    settings = make_settings(seconds=3600.0)
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
