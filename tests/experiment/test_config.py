import json

import pytest

from smnas.errors import ConfigError, MissingFileError
from smnas.experiment.config import MAX_TRIALS, SearchConfig, make_config
from smnas.experiment.defaults import SPACE_DEFAULTS
from smnas.trial.budget import Budget


def write(tmp_path, content) -> str:
    path = tmp_path / "search.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_data_alone_is_enough():
    config = make_config("trees")
    assert config.data.source == "trees"
    assert config.space == "micro"
    assert config.trials == SPACE_DEFAULTS["micro"]["trials"]
    assert config.settings(100).seconds is None


def test_defaults_follow_the_space():
    config = make_config("trees", space="paper")
    assert config.budgets.stage_one == Budget(epochs=5)
    assert config.budgets.stage_two == Budget(epochs=9)
    assert config.budgets.final == Budget(epochs=24)
    assert config.settings(100).stage_one_trials == 500
    assert config.final_norm == make_config("trees", recipe="paper").final_norm == ("bn",)
    assert make_config("trees", recipe="paper", final_norm="gn").final_norm == ("gn",)
    assert make_config("trees").settings(100).final_norms == ("gn",)


def test_norms_that_ship_are_one_text():
    norms = [make_config("trees", final_norm=text).final_norm for text in ("bn, gn", "both")]
    assert norms == [("bn", "gn"), ("bn", "gn-ws")]
    for wrong in ("gn,gn", "group", ""):
        with pytest.raises(ConfigError, match="final_norm"):
            make_config("trees", final_norm=wrong)


def test_numbers_come_from_the_deployed_file_unless_a_gpu_or_the_user_says_otherwise():
    assert make_config("trees").runtime == "onnxruntime"
    assert make_config("trees", device="cuda:1").runtime == "torch-eager"
    assert make_config("trees", device="cuda", runtime="tensorrt").runtime == "tensorrt"


def test_flags_win_over_the_file_and_none_says_nothing(tmp_path):
    file = write(
        tmp_path,
        {
            "data": {"source": "a.json", "images": "pictures", "val": "v.json"},
            "seed": 3,
            "trials": 10,
            "budgets": {"final": {"epochs": 20}},
            "recipe": {"batch": 8},
        },
    )
    config = make_config("b.json", file, seed=4, trials=None, val="w.json", init="w.safetensors")
    assert config.data.model_dump() == {
        "source": "b.json",
        "images": "pictures",
        "val": "w.json",
        "test": None,
        "group_by": None,
        "folds": None,
    }
    assert (config.seed, config.trials) == (4, 10)
    assert config.budgets.final == Budget(epochs=20)
    assert config.budgets.stage_one is None
    assert config.recipe.batch == 8
    assert str(config.recipe.initial_weights) == "w.safetensors"


def test_configuration_reads_back_from_its_own_json(tmp_path):
    config = make_config("trees", trials=7, hours=2.5, seed=9)
    again = make_config(None, write(tmp_path, config.model_dump(mode="json")))
    assert again == config


def test_hours_alone_let_the_clock_end_the_search():
    config = make_config("trees", hours=0.5)
    assert config.settings(100).seconds == 1800.0
    assert config.trials > 10_000
    assert make_config("trees", hours=0.5, trials=9).trials == 9


def test_all_errors_are_shown_at_once_with_the_nearest_key(tmp_path):
    file = write(
        tmp_path,
        {
            "data": {"source": "trees", "imges": "x"},
            "trails": 18,
            "seed": -1,
            "finals": 99,
            "device": "cdua",
            "budgets": {"stage_on": {"epochs": 3}, "final": {"epoch": 3}},
            "recipe": {"optimizer": {"learning_rat": 1}},
        },
    )
    with pytest.raises(ConfigError) as caught:
        make_config(None, file)
    text = str(caught.value)
    assert text.startswith(file)
    for sentence in (
        "data.imges: unknown key; did you mean 'images'?",
        "trails: unknown key; did you mean 'trials'?",
        "seed: Input should be greater than or equal to 0; got -1",
        "finals: Input should be less than or equal to 8; got 99",
        "budgets.stage_on: unknown key; did you mean 'stage_one'?",
        "budgets.final.epoch: unknown key; did you mean 'epochs'?",
        "recipe.optimizer.learning_rat: unknown key; did you mean 'learning_rate'?",
    ):
        assert sentence in text


@pytest.mark.parametrize("device", ["cdua", "cuda:x", "tpu", ""])
def test_unknown_device(device):
    with pytest.raises(ConfigError, match="expected cpu, cuda or cuda:N"):
        make_config("trees", device=device)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"trials": 1}, "trials: Input should be greater than or equal to 2; got 1"),
        ({"trials": "many"}, "trials: .*got 'many'"),
        ({"hours": 0.0}, "hours: Input should be greater than 0"),
        ({"sead": 1}, "unknown setting: sead: did you mean 'seed'"),
    ],
)
def test_wrong_flags(flags, message):
    with pytest.raises(ConfigError, match=message):
        make_config("trees", **flags)


def test_no_data_at_all():
    with pytest.raises(ConfigError, match="data: is missing"):
        make_config()


def test_each_stage_gets_a_candidate(tmp_path):
    file = write(tmp_path, {"data": {"source": "trees"}, "trials": 2, "stage_one_share": 0.9})
    with pytest.raises(ConfigError, match="at least one candidate in each stage"):
        make_config(None, file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ('{"trials": 1', "not JSON"),
        ("[1]", "expected a JSON object"),
        ("", "not JSON"),
    ],
)
def test_file_that_is_no_configuration(tmp_path, content, message):
    with pytest.raises(ConfigError, match=message):
        make_config("trees", write(tmp_path, content))


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere\.json: no such configuration file"):
        make_config("trees", tmp_path / "nowhere.json")


def test_demo_configuration_reads():
    config = make_config("trees", "examples/demo.json")
    assert isinstance(config, SearchConfig)
    assert config.trials >= 16


def test_objectives_and_constraints_are_read_from_flags_and_files(tmp_path):
    config = make_config(
        "trees", objectives="ap50,latency_ms,params_m", constraints=["latency_ms<=30"]
    )
    assert config.objectives == ("ap50", "latency_ms", "params_m")
    assert config.settings(100).objectives == config.objectives
    as_json = config.model_dump(mode="json")
    assert as_json["constraints"] == ["latency_ms <= 30"]
    assert make_config(None, write(tmp_path, as_json)) == config
    plain = make_config("trees")
    assert (plain.objectives, plain.constraints) == (("ap", "latency_ms"), ())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"objectives": "ap,latency"}, "objectives: 'latency' is no metric.*'latency_ms'"),
        ({"objectives": "ap"}, "two or three different metrics"),
        ({"constraints": ["parms_m <= 5"]}, r"constraints\.0: .*did you mean 'params_m'"),
        ({"constraints": ["ap >= 0.3"]}, "known only after the training"),
    ],
)
def test_wrong_objectives_and_constraints_name_what_is_meant(flags, message):
    with pytest.raises(ConfigError, match=message):
        make_config("trees", **flags)


def test_an_algorithm_its_population_and_the_yardsticks_are_settings(tmp_path):
    file = tmp_path / "rival.json"
    file.write_text(
        '{"data": {"source": "trees"}, "algorithm": "nsga2", "population": 8, "yardsticks": 1}'
    )
    config = make_config(file=file)
    assert (config.algorithm, config.population, config.yardsticks) == ("nsga2", 8, 1)
    settings = config.settings(400)
    assert (settings.population, settings.yardsticks) == (8, 1)
    assert make_config(file=file, algorithm="mo-asha").algorithm == "mo-asha"
    assert make_config("trees").algorithm == "smnas"
    with pytest.raises(ConfigError, match=r"algorithm: .*'random-rungs'.*got 'nsga3'"):
        make_config("trees", algorithm="nsga3")


def test_the_tie_width_that_nobody_sets_is_the_noise(tmp_path):
    assert make_config("trees").settings(100, noise=0.07).ap_tie == 0.07
    file = write(tmp_path, {"ap_tie": 0.01})
    assert make_config("trees", file).settings(100, noise=0.07).ap_tie == 0.01


def test_a_metric_of_ones_own_stands_where_ap_stands():
    config = make_config("trees", metric="recall@fppi=0.1")
    assert config.objectives == ("recall@fppi=0.1", "latency_ms")
    with pytest.raises(ConfigError, match="expected one of them"):
        make_config("trees", metric="ap50", objectives="ap,latency_ms")


@pytest.mark.parametrize(("said", "rungs"), [("none", 1), ("3", 3), (2, 2)])
def test_rungs_are_a_part_of_the_search(tmp_path, said, rungs):
    file = tmp_path / "config.json"
    file.write_text('{"parts": {"rungs": 4, "eta": 2}}')
    parts = make_config("trees", file, rungs=said).parts
    assert (parts.rungs, parts.eta) == (rungs, 2)
    assert make_config("trees", file).settings(100).parts.rungs == 4


def test_a_wrong_number_of_rungs_is_named():
    with pytest.raises(ConfigError, match="rungs"):
        make_config("trees", rungs="many")


def test_epochs_alone_are_a_limit():
    config = make_config("trees", epochs=90)
    assert config.trials == MAX_TRIALS
    assert config.settings(100).epochs == 90
    assert make_config("trees", epochs=90, trials=7).trials == 7
