"""The core of SM-NAS as a sampler for anybody's Optuna study: steps from the sparse front.

It suits studies of several objectives over integers and categories, also where some choices exist
only after others. Rungs are not part of it: Optuna refuses to prune where there are several
objectives.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import moocore
import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from smnas.errors import ConfigError
from smnas.search.evolution import draw_evenly
from smnas.seeding import generator

_NEAR = 0.5
"""Chance that an integer moves to a neighbour, and not anywhere."""
_ONE_MORE = 0.3
"""Chance of each further choice that changes."""
_DRAWS = 50
"""Children that are drawn before one that was tried before is accepted."""


class ParetoSampler(BaseSampler):
    """Random trials first, then children of the front that differ from a parent in a choice or few.

    Parents are drawn evenly along one objective, so that those on a sparse stretch of the front
    have more children. An integer moves to a neighbour or anywhere, a category to any other. What a
    child has to choose and its parent had not is drawn at random. Trial ``k`` follows from the
    study, the seed and ``k``, in another process too.

    >>> study = optuna.create_study(directions=["maximize", "minimize"], sampler=ParetoSampler())

    Args:
        seed: Decides all that is random.
        startup: Trials drawn at random before the first child.
        random_share: Chance that a later one is drawn at random all the same.
        spread_along: Position of the objective along which parents are spread; the last one, where
            nothing is said.
        log_spread: Whether ratios of that objective count, as for times and costs.
    """

    def __init__(
        self,
        seed: int = 0,
        startup: int = 10,
        random_share: float = 0.1,
        spread_along: int = -1,
        *,
        log_spread: bool = False,
    ) -> None:
        self._seed, self._startup, self._random_share = seed, startup, random_share
        self._spread_along, self._log_spread = spread_along, log_spread
        self._plans: dict[int, Mapping[str, Any]] = {}
        """By number of the trial, the values that it is to take where it is asked for them."""

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: choices are made when they are met."""
        del study, trial
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing (see ``infer_relative_search_space``)."""
        del study, trial, search_space
        return {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Draw the parent of a trial, and what it changes."""
        self._plans[trial.number] = self._plan(study, trial.number)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Forget what was planned for a trial."""
        del study, state, values
        self._plans.pop(trial.number, None)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the planned value of a choice, or a random one.

        Raises:
            ConfigError: A choice that is neither an integer nor a category.
        """
        options = _options(param_name, param_distribution)
        plan = self._plans.get(trial.number, {})
        if param_name in plan and plan[param_name] in options:
            return plan[param_name]
        rng = generator(self._seed, "choice", trial.number, param_name)
        return options[int(rng.integers(len(options)))]

    def _plan(self, study: Study, number: int) -> Mapping[str, Any]:
        trials = study.get_trials(deepcopy=False)
        finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        rng = generator(self._seed, "plan", number)
        if len(finished) < self._startup or rng.random() < self._random_share:
            return {}
        parents = self._front(study, finished)
        tried = {_key(trial.params) for trial in trials if trial.number != number}
        child: dict[str, Any] = {}
        for _ in range(_DRAWS):
            child = self._child(parents, rng)
            if _key(child) not in tried:
                break
        return child

    def _front(self, study: Study, finished: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return the finished trials that no other dominates."""
        signs = [1.0 if d == StudyDirection.MAXIMIZE else -1.0 for d in study.directions]
        gains_NM = np.array([trial.values for trial in finished]) * np.array(signs)
        kept = moocore.is_nondominated(gains_NM, maximise=True, keep_weakly=True)
        return [finished[at] for at in np.flatnonzero(kept).tolist()]

    def _child(self, parents: Sequence[FrozenTrial], rng: np.random.Generator) -> dict[str, Any]:
        """Return the values of a parent, one of them changed."""
        places = [trial.values[self._spread_along] for trial in parents]
        if self._log_spread:
            places = np.log(places).tolist()
        parent = parents[draw_evenly(places, rng)]
        names = [n for n, d in sorted(parent.distributions.items()) if not d.single()]
        child = dict(parent.params)
        if names:
            for name in rng.permutation(names)[: int(rng.geometric(1 - _ONE_MORE))].tolist():
                child[name] = _another(name, parent.distributions[name], child[name], rng)
        return child


def _another(
    name: str, distribution: BaseDistribution, value: Any, rng: np.random.Generator
) -> Any:
    """Return another value of a choice: half of the time a neighbour, where there are such."""
    options = _options(name, distribution)
    at = options.index(value)
    if isinstance(distribution, IntDistribution) and rng.random() < _NEAR:
        near = [options[i] for i in (at - 1, at + 1) if 0 <= i < len(options)]
        return near[int(rng.integers(len(near)))]
    return options[(at + 1 + int(rng.integers(len(options) - 1))) % len(options)]


def _options(name: str, distribution: BaseDistribution) -> Sequence[Any]:
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step or 1)
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    raise ConfigError(
        f"choice {name!r}: expected an integer or a category; got {type(distribution).__name__}: "
        "ParetoSampler steps between options that can be listed, so state it as suggest_int"
    )


def _key(values: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(values.items()))
