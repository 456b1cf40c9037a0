"""Who is chosen for the final training, and what that is judged to be worth."""

import pytest
from made_table import make_table


@pytest.fixture(name="finalists")
def fixture_finalists():
    import finalists

    return finalists


def test_both_rules_choose_as_many_and_what_they_come_to_is_the_tables(finalists):
    table = make_table()
    found = finalists.compare(table, 3, range(2))
    for number in finalists.FINALS:
        rules = found[f"finals_{number}"]
        for name in finalists.RULES:
            assert 0 < rules[name]["score"] <= 1
            aps = [member.ap_test for member in table.trained]
            assert min(aps) <= rules[name]["recommended_ap"] <= max(aps)
        low, high = rules["score_gain_interval"]
        assert low <= rules["score_gain"] <= high
        gain = rules["ours"]["score"] - rules["spread"]["score"]
        assert rules["score_gain"] == pytest.approx(gain, abs=2e-4)


def test_a_search_ends_before_its_finals_with_all_candidates_short(finalists):
    table = make_table()
    settings = finalists.short_settings(table, 1, 0)
    trials = finalists.search(table, settings)
    candidates = [trial for trial in trials if trial.proposal.is_candidate]
    assert not any(trial.proposal.stage == "final" for trial in trials)
    assert sum(trial.succeeded for trial in candidates) == finalists.CANDIDATES
    assert {trial.proposal.budget.epochs for trial in candidates} == {1}


def test_the_whole_front_scores_one_and_its_fastest_of_equals_is_recommended(finalists):
    table = make_table()
    trials = finalists.search(table, finalists.short_settings(table, 3, 0))
    template = trials[0].proposal
    finals = [template.model_copy(update={"arch": member.arch}) for member in table.front]
    judged = finalists.judge(table, finals, 0)
    assert judged["score"] == pytest.approx(1.0)
    best = max(table.front, key=lambda member: member.ap_test)
    near = [m.latency_ms for m in table.front if m.ap_test >= 0.95 * best.ap_test]
    assert judged["recommended_ms"] <= max(near)
    alone = [template.model_copy(update={"arch": best.arch})]
    judged = finalists.judge(table, alone, 0)
    assert judged["recommended_ap"] == best.ap_test
    top = best.trainings[0][-1]
    assert judged["seconds"] == pytest.approx(top.epochs * top.seconds_per_epoch)


def test_the_spread_keeps_both_ends_and_the_most_accurate(finalists):
    table = make_table()
    settings = finalists.short_settings(table, 3, 0)
    trials = finalists.search(table, settings)
    candidates = [trial for trial in trials if trial.proposal.is_candidate and trial.succeeded]
    best = max(candidates, key=lambda trial: trial.value("ap"))
    fastest = min(candidates, key=lambda trial: trial.value("latency_ms"))
    for finals in (2, 3, 5):
        chosen = finalists.spread(trials, settings.model_copy(update={"finals": finals}))
        assert len(chosen) <= finals
        assert best.value("ap") in [trial.value("ap") for trial in chosen]
        assert chosen[0].value("latency_ms") <= 1.05 * fastest.value("latency_ms")
