"""The sampler on a discrete ZDT1, against random and on studies that it must refuse."""

import statistics
import subprocess
import sys

import moocore
import numpy as np
import optuna
import pytest

from smnas.errors import ConfigError
from smnas.search.optuna_sampler import ParetoSampler

STEPS, CHOICES = 20, 10


@pytest.fixture(autouse=True)
def quiet():
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(level)


def zdt1(trial):
    """ZDT1 (Zitzler, Deb and Thiele 2000) on a grid; half of its choices are categories."""
    x = [
        trial.suggest_int(f"x{i}", 0, STEPS)
        if i % 2 == 0
        else trial.suggest_categorical(f"x{i}", tuple(range(STEPS + 1)))
        for i in range(CHOICES)
    ]
    first, rest = x[0] / STEPS, sum(x[1:]) / STEPS
    g = 1 + 9 * rest / (CHOICES - 1)
    return first, g * (1 - (first / g) ** 0.5)


def volume(sampler, objective=zdt1, trials=150):
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(objective, n_trials=trials)
    points = np.array([trial.values for trial in study.trials])
    return float(moocore.hypervolume(points, ref=[1.1, 10.0]))


def test_it_dominates_more_than_random_does():
    ours = [volume(ParetoSampler(seed=seed)) for seed in range(4)]
    random = [volume(optuna.samplers.RandomSampler(seed=seed)) for seed in range(4)]
    assert all(own > other for own, other in zip(ours, random, strict=True))
    assert statistics.mean(ours) > statistics.mean(random) + 0.5
    assert max(ours) < 1.1 * 10 - 1 / 3  # what the whole front dominates


def test_choices_that_exist_only_after_others():
    def objective(trial):
        kind = trial.suggest_categorical("kind", ("plain", "deep"))
        depth = trial.suggest_int("depth", 1, 50) if kind == "deep" else 0
        width = trial.suggest_int("width", 1, 50, step=7)
        return depth + width, float(100 + depth * width)

    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=ParetoSampler(log_spread=True)
    )
    study.optimize(objective, n_trials=80)
    assert {trial.params["kind"] for trial in study.trials} == {"plain", "deep"}
    deep = [trial.params for trial in study.trials if "depth" in trial.params]
    assert max(params["depth"] for params in deep) >= 45
    assert {params["width"] % 7 for params in deep} == {1}


def test_same_seed_same_trials_another_seed_others():
    def run(seed):
        study = optuna.create_study(
            directions=["minimize", "minimize"], sampler=ParetoSampler(seed=seed)
        )
        study.optimize(zdt1, n_trials=40)
        return [trial.params for trial in study.trials]

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_a_study_that_is_loaded_goes_on_as_it_would_have():
    def study_of(trials):
        study = optuna.create_study(
            directions=["minimize", "minimize"], sampler=ParetoSampler(seed=1)
        )
        study.add_trials(trials)
        return study

    whole = study_of([])
    whole.optimize(zdt1, n_trials=40)
    loaded = study_of(whole.trials[:30])
    loaded.optimize(zdt1, n_trials=10)
    assert [t.params for t in loaded.trials] == [t.params for t in whole.trials]


def test_a_choice_without_options_is_refused_with_advice():
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=ParetoSampler())
    with pytest.raises(ConfigError, match="'x': expected an integer or a category; got Float"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=1)


def test_it_imports_no_torch():
    code = "import sys, smnas.search.optuna_sampler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
