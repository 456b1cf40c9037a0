"""The algorithms by name: SM-NAS, and what a user would take instead, on the same ground.

The rivals have one stage, over both spaces at once, and train every candidate at stage two's
budget. ``docs/architecture.md`` says what they share with SM-NAS.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Literal, Protocol, get_args

from smnas.arch import DetectorArch
from smnas.errors import ConfigError
from smnas.search.algorithm import Algorithm
from smnas.search.one_stage import OneStage, Rungs
from smnas.search.promotion import AshaRung
from smnas.search.proposers import LocalSearch, Proposer, RandomSearch, RegularizedEvolution
from smnas.search.rungs import Rung, ladder
from smnas.search.settings import SearchSettings
from smnas.search.sm_nas import SmNas
from smnas.search.starts import draw_starts
from smnas.space.choices import ChoiceSpace
from smnas.space.contract import SearchSpace
from smnas.space.joint import JointSpace
from smnas.space.pair import SpacePair

AlgorithmName = Literal[
    "smnas",
    "random",
    "random-rungs",
    "local-search",
    "evolution",
    "nsga2",
    "nsga2-rungs",
    "tpe",
    "mo-asha",
]
ALGORITHMS: tuple[AlgorithmName, ...] = get_args(AlgorithmName)
RIVAL_RUNGS = 3
"""Rungs of the rivals that have them, where the settings have none."""


class RivalSpace(SearchSpace, ChoiceSpace, Protocol):
    """What the rivals ask of a space: moves for some, choices for others."""


def make_algorithm(name: AlgorithmName, spaces: SpacePair, settings: SearchSettings) -> Algorithm:
    """Return the algorithm called ``name``.

    Raises:
        ConfigError: It needs Optuna, which is not installed.
    """
    if name == "smnas":
        return SmNas(spaces, settings)
    return make_rival(name, spaces, settings, JointSpace(spaces), rival_starts(spaces, settings))


def rival_starts(spaces: SpacePair, settings: SearchSettings) -> list[DetectorArch]:
    """Return what SM-NAS begins with, as members of the joint space."""
    return [spaces.modular.enter(structure) for structure in draw_starts(spaces, settings)]


def make_rival(
    name: AlgorithmName,
    spaces: SpacePair,
    settings: SearchSettings,
    space: RivalSpace,
    starts: Sequence[DetectorArch],
) -> OneStage:
    """Return a rival over ``space`` that begins with ``starts``.

    Raises:
        ConfigError: It needs Optuna, which is not installed.
    """
    proposer = _PROPOSERS[name](space, settings)
    return OneStage(spaces, settings, space, proposer, starts, _make_rungs(name, settings))


def _make_rungs(name: AlgorithmName, settings: SearchSettings) -> Rungs:
    parts, top = settings.parts, settings.stage_two
    own = parts.rungs if parts.rungs > 1 else RIVAL_RUNGS
    steps = own if name in _WITH_RUNGS else 1
    budgets = ladder(top, steps, parts.eta)
    objectives = settings.stage_one_objectives
    if name == "mo-asha":
        return Rungs(budgets, lambda: AshaRung(objectives), parts.eta)
    return Rungs(budgets, lambda: Rung(objectives, settings.cost, lowest=False), parts.eta)


_WITH_RUNGS = ("random-rungs", "nsga2-rungs", "mo-asha")


def _random(space: RivalSpace, settings: SearchSettings) -> Proposer:
    del settings
    return RandomSearch(space)


def _local_search(space: RivalSpace, settings: SearchSettings) -> Proposer:
    del settings
    return LocalSearch(space)


def _evolution(space: RivalSpace, settings: SearchSettings) -> Proposer:
    return RegularizedEvolution(space, settings.stage_one_objectives, settings.population)


def _nsga2(space: RivalSpace, settings: SearchSettings) -> Proposer:
    _require_optuna()
    from smnas.search.optuna_proposers import Nsga2

    return Nsga2(space, settings.stage_one_objectives, settings.population, settings.seed)


def _tpe(space: RivalSpace, settings: SearchSettings) -> Proposer:
    _require_optuna()
    from smnas.search.optuna_proposers import Tpe

    return Tpe(space, settings.stage_one_objectives)


def _require_optuna() -> None:
    if find_spec("optuna") is None:
        raise ConfigError(
            "algorithm: nsga2, nsga2-rungs and tpe need Optuna, which is not installed: "
            "pip install 'smnas[optuna]', or take another algorithm"
        )


_PROPOSERS: dict[AlgorithmName, Callable[[RivalSpace, SearchSettings], Proposer]] = {
    "random": _random,
    "random-rungs": _random,
    "local-search": _local_search,
    "evolution": _evolution,
    "nsga2": _nsga2,
    "nsga2-rungs": _nsga2,
    "tpe": _tpe,
    "mo-asha": _random,
}
