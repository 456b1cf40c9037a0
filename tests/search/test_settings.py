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


def test_objectives_have_the_tie_widths(make_settings):
    settings = make_settings(ap_tie=0.01, latency_tie=0.05)
    assert (settings.ap.tie, settings.ap.log) == (0.01, False)
    assert (settings.latency.tie, settings.latency.log) == (0.05, True)
    assert settings.macs.tie == 0.0


def test_settings_survive_json(make_settings):
    settings = make_settings(seconds=3600.0)
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
