"""Optuna's NSGA-II and TPE as proposers; only this file and ``optuna_sampler.py`` know Optuna.

A study is made from the trials of the ledger, and kept up as they come. What is drawn follows from
the study and the generator handed in. Accuracies and costs enter as utilities, each the more the
better, costs as logarithms.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from smnas.arch import DetectorArch
from smnas.search.ledger import Ledger
from smnas.search.proposers import Suggestion
from smnas.seeding import generator
from smnas.space.choices import Choice, ChoiceSpace, IntegerChoice, Value
from smnas.trial.front import Objective, comparable
from smnas.trial.trial import Origin, Trial

GENERATION = "generation"


def distribution_of(choice: Choice) -> BaseDistribution:
    """Return a choice as Optuna states it."""
    if isinstance(choice, IntegerChoice):
        return IntDistribution(choice.low, choice.high)
    return CategoricalDistribution(choice.options)


class Encoding(Protocol):
    """How members stand in a study."""

    def encode(self, arch: DetectorArch, number: int) -> Mapping[str, Value]:
        """Return the values that the trial of this number holds."""
        ...

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        """Return the assignment that the study's sampler suggests."""
        ...


class TreeEncoding:
    """The choices that are met, and no others: for samplers that know conditions."""

    def __init__(self, space: ChoiceSpace) -> None:
        """Take the space."""
        self._space = space

    def encode(self, arch: DetectorArch, number: int) -> Mapping[str, Value]:
        """Return the choices that name ``arch`` (see ``Encoding``)."""
        del number
        return self._space.encode(arch)

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        """Return the choices that are met, each suggested when it is (see ``Encoding``)."""
        return self._space.choices.choose(lambda choice: _suggest(trial, choice))


class FlatEncoding:
    """Every choice of the tree at once, for samplers that know no conditions.

    What is not met does not count. The archive keeps no such values, so they are drawn anew, the
    same ones for the same trial.
    """

    def __init__(self, space: ChoiceSpace, seed: int) -> None:
        """Take the space, and the seed of the values that are not met."""
        self._space, self._seed = space, seed

    def encode(self, arch: DetectorArch, number: int) -> Mapping[str, Value]:
        """Return a value for every choice (see ``Encoding``)."""
        rng = generator(self._seed, "not met", number)
        flat = self._space.choices.flat
        drawn = {c.name: c.options[int(rng.integers(len(c.options)))] for c in flat}
        return {**drawn, **self._space.encode(arch)}

    def suggest(self, trial: optuna.Trial) -> dict[str, Value]:
        """Return a suggestion for every choice (see ``Encoding``)."""
        return {choice.name: _suggest(trial, choice) for choice in self._space.choices.flat}


def _suggest(trial: optuna.Trial, choice: Choice) -> Value:
    if isinstance(choice, IntegerChoice):
        return trial.suggest_int(choice.name, choice.low, choice.high)
    return trial.suggest_categorical(choice.name, choice.options)


class OptunaProposer:
    """A sampler of Optuna's, asked on a study of the candidates at the lowest rung."""

    def __init__(
        self, space: ChoiceSpace, objectives: Sequence[Objective], encoding: Encoding
    ) -> None:
        """Take the space, what is optimised, and how members stand in the study."""
        self._space, self._objectives, self._encoding = space, tuple(objectives), encoding
        self._distributions = {c.name: distribution_of(c) for c in space.choices.flat}
        self._begin_study()

    def make_sampler(self, begun: Sequence[Trial], seed: int) -> BaseSampler:
        """Return the sampler that makes the next proposal."""
        raise NotImplementedError

    def attributes(self, before: Sequence[Trial]) -> dict[str, Any]:
        """Return what a trial in the study holds, given those that came before it."""
        del before
        return {}

    def draw(self, known: Ledger, rng: np.random.Generator) -> Suggestion | None:
        """Return the sampler's suggestion (see ``Proposer.draw``)."""
        self._mirror(known.begun)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self._study.sampler = self.make_sampler(known.begun, int(rng.integers(2**32)))
        asked = self._study.ask()
        values = self._encoding.suggest(asked)
        # Samplers pass over what failed; the proposal comes back as a trial of the ledger.
        self._study.tell(asked, state=TrialState.FAIL)
        return self._space.decode(values), Origin(operator="sample")

    def _begin_study(self) -> None:
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            self._study = optuna.create_study(
                directions=[StudyDirection.MAXIMIZE] * len(self._objectives)
            )
        finally:
            optuna.logging.set_verbosity(level)
        self._mirrored: list[Trial] = []
        self._numbers: list[int] = []
        """Those of the mirrored trials in the study."""

    def _mirror(self, trials: Sequence[Trial]) -> None:
        """Bring the study up to date; where trials are not those known, make it anew.

        Its trials stand in the order of ours, finished or not: the study does not depend on when
        they finished.
        """
        if len(trials) < len(self._mirrored) or not all(
            old is new or (old.outcome is None and old.proposal == new.proposal)
            for old, new in zip(self._mirrored, trials, strict=False)
        ):
            self._begin_study()
        for at, trial in enumerate(trials):
            known = self._mirrored[at] if at < len(self._mirrored) else None
            if known is None:
                self._numbers.append(self._add(trial, trials[:at]))
                self._mirrored.append(trial)
            if trial.outcome is not None and (known is None or known.outcome is None):
                self._tell(self._numbers[at], trial)
            self._mirrored[at] = trial

    def _add(self, trial: Trial, before: Sequence[Trial]) -> int:
        values = self._encoding.encode(trial.proposal.arch, trial.number)
        frozen = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(values),
            distributions={name: self._distributions[name] for name in values},
            user_attrs=self.attributes(before),
        )
        self._study.add_trial(frozen)
        return len(self._study.get_trials(deepcopy=False)) - 1

    def _tell(self, number: int, trial: Trial) -> None:
        if comparable([trial], self._objectives):
            self._study.tell(number, [objective.of(trial) for objective in self._objectives])
        else:
            self._study.tell(number, state=TrialState.FAIL)


class Tpe(OptunaProposer):
    """Multivariate TPE over groups of choices that are met together (Optuna's ``group``)."""

    def __init__(
        self, space: ChoiceSpace, objectives: Sequence[Objective], startup: int = 10
    ) -> None:
        """Take the space, what is optimised, and how many trials there are before it begins."""
        super().__init__(space, objectives, TreeEncoding(space))
        self._startup = startup

    def make_sampler(self, begun: Sequence[Trial], seed: int) -> BaseSampler:
        """Return a TPE sampler of this seed."""
        del begun
        return TPESampler(multivariate=True, group=True, n_startup_trials=self._startup, seed=seed)


class Nsga2(OptunaProposer):
    """NSGA-II on the flat encoding, generation by generation."""

    def __init__(
        self, space: ChoiceSpace, objectives: Sequence[Objective], population: int, seed: int
    ) -> None:
        """Take the space, what is optimised, and how large a generation is."""
        super().__init__(space, objectives, FlatEncoding(space, seed))
        self._population = population

    def _begin_study(self) -> None:
        super()._begin_study()
        self._parents: tuple[int, dict[int, list[FrozenTrial]]] = -1, {}
        """How many trials had finished, and the parents of each generation at that time."""

    def make_sampler(self, begun: Sequence[Trial], seed: int) -> BaseSampler:
        """Return an NSGA-II sampler that works on the next generation."""
        finished = sum(trial.outcome is not None for trial in begun)
        if self._parents[0] != finished:
            self._parents = finished, {}
        generation, parents = self._generation(begun), self._parents[1]
        return _Generations(self._population, generation, seed, self._distributions, parents)

    def attributes(self, before: Sequence[Trial]) -> dict[str, Any]:
        """Return the generation of a trial."""
        return {GENERATION: self._generation(before)}

    def _generation(self, before: Sequence[Trial]) -> int:
        """Return that of the trial that comes after ``before``.

        A generation is full when so many of it did not fail; those that run count as if they were
        over, since the archive does not say which were when this one was drawn.
        """
        return sum(not trial.failed for trial in before) // self._population


class _Generations(NSGAIISampler):
    """Optuna's NSGA-II, told which generation every trial belongs to, and what all trials hold.

    Optuna would find out the latter, and the parents of every generation, anew for each proposal.
    """

    def __init__(
        self,
        population: int,
        generation: int,
        seed: int,
        distributions: dict[str, BaseDistribution],
        parents: dict[int, list[FrozenTrial]],
    ) -> None:
        super().__init__(population_size=population, seed=seed)
        self._generation, self._parents = generation, parents
        self._distributions = {name: distributions[name] for name in sorted(distributions)}

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {n: known for n, known in self._distributions.items() if not known.single()}

    def get_trial_generation(self, study: optuna.Study, trial: FrozenTrial) -> int:
        return trial.user_attrs.get(GENERATION, self._generation)

    def get_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [t for t in finished if t.user_attrs.get(GENERATION) == generation]

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        # Not remembered in the study, as Optuna does: a trial may still finish.
        if generation == 0:
            return []
        if generation not in self._parents:
            parents = self.select_parent(study, generation)
            self._parents[generation] = parents if len(parents) > 1 else []  # A crossover takes two
        return self._parents[generation]
