"""``SearchConfig``: everything that a search is told, as one frozen value.

A configuration is a JSON file, or flags, or both; flags win. What neither says has a default that
depends on the space, because a space for two cores and the paper's want other budgets.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from smnas.data.sources import DataSpec
from smnas.errors import ConfigError, MissingFileError, describe_validation_error, nearest
from smnas.experiment.budgets import Budgets
from smnas.experiment.defaults import DEFAULT_RUNTIME, fill_defaults
from smnas.experiment.recipes import Recipes, with_start
from smnas.search.algorithms import AlgorithmName
from smnas.search.parts import SearchParts
from smnas.search.settings import MAX_FINALS, FinalNorms, SearchSettings, TieWidth
from smnas.training.recipe import Recipe
from smnas.trial.constraint import ConstraintText
from smnas.trial.metrics import DEFAULT_OBJECTIVES, ObjectiveNames

MAX_TRIALS = 1_000_000
"""As good as no limit; where only hours are given, they end the search."""


def _split_text(value: Any) -> Any:
    return tuple(item.strip() for item in value.split(",")) if isinstance(value, str) else value


InputNames = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_split_text)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchConfig(_Value):
    """What one search is told; the run folder keeps it, and refuses another one."""

    data: DataSpec
    space: str = "micro"
    """Name of a space, or path of a space file (``.json``)."""
    inputs: InputNames | None = None
    """Input sizes to search, such as ``320x240``; None: those of the space, which follow the
    pictures' shape."""
    anchors: Literal["published", "data"] = "published"
    """``data``: scale and ratios of the candidates' anchors follow the training boxes."""
    trials: Annotated[int, Field(ge=2, le=MAX_TRIALS)]
    """Candidates over both stages; finals and yardstick come on top."""
    hours: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Hours of candidates' trials after which no further one begins; finals come on top."""
    epochs: Annotated[int, Field(ge=1)] | None = None
    """Epochs of candidates' trainings after which no further one begins; finals come on top."""
    plateau: Annotated[int, Field(ge=2)] | None = None
    """A stage ends when so many whole trainings in a row have gained next to nothing."""
    stage_one_share: Annotated[float, Field(gt=0, lt=1)]
    """Share of the candidates that stage one gets."""
    seeds: Annotated[int, Field(ge=1)]
    """Structures drawn at random before the first mutation."""
    random_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Chance that a later candidate is drawn at random, and not mutated from the front."""
    groups: Annotated[int, Field(ge=1)]
    """Structures of the stage-one front that stage two searches around, at most."""
    finals: Annotated[int, Field(ge=1, le=MAX_FINALS)]
    """Members of the front that get the final training, at most."""
    final_norm: FinalNorms
    """Norms that ship: each final is trained with each. Candidates are timed with the first."""
    budgets: Budgets = Budgets()
    algorithm: AlgorithmName = "smnas"
    """What makes the proposals: SM-NAS, or a rival on the same ground."""
    population: Annotated[int, Field(ge=2, le=1000)] = 16
    """Of the rivals that have one: NSGA-II's generation, and who is alive in evolution."""
    yardsticks: Annotated[int, Field(ge=1, le=8)] = 3
    """Known detectors that are trained beside the finals, of those that the space names."""
    objectives: ObjectiveNames = DEFAULT_OBJECTIVES
    """What the front is taken over, two or three metrics; stage two's cost is multiply-adds."""
    constraints: tuple[ConstraintText, ...] = ()
    """What candidates must keep to be trained, such as ``params_m <= 5``."""
    ap_tie: TieWidth | None = None
    """Difference in AP (0-1) up to which two detectors are equally accurate; None: the noise floor
    of the validation pictures."""
    latency_tie: TieWidth = 0.03
    """Relative difference in milliseconds up to which two detectors are equally fast."""
    pictures: bool = True
    """Whether the run folder and the report may hold pictures of the data."""
    parts: SearchParts = SearchParts()
    """Which parts of the search are at work, and how: rungs, screening, pruning and so on."""
    recipe: Recipe = Recipe()
    """How trials are trained; in a file also a name: ``small`` or ``paper``."""
    recipe_stage_two: Recipe | None = None
    """The same for candidates of stage two; None: as ``recipe``."""
    recipe_final: Recipe | None = None
    """The same for finals and yardsticks beside them; None: as ``recipe``."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: str = "cpu"
    clock: Literal["device", "stand-in"] = "device"
    """``stand-in`` answers times from multiply-adds, so that two searches can be identical."""
    runtime: str = DEFAULT_RUNTIME
    """What accuracies and times are taken in: a runtime of exported files, or torch itself, which
    is the default for a GPU."""
    latency_from: Path | None = None
    """Report of the blocks of ``smnas measure --blocks``: times are predicted for its device."""

    @property
    def recipes(self) -> Recipes:
        """The recipes of all parts."""
        return Recipes(
            stage_one=self.recipe,
            stage_two=self.recipe_stage_two or self.recipe,
            final=self.recipe_final or self.recipe,
        )

    def settings(self, pictures: int, noise: float = 0.0) -> SearchSettings:
        """Return the part that the search algorithm is told.

        Args:
            pictures: How many there are to train on; budgets that are not set follow it.
            noise: Difference in AP that means nothing; the tie width where none is set.

        Raises:
            ConfigError: The stages train differently for equally long, which cannot be told apart.
        """
        stage_one, stage_two, final = self.budgets.for_pictures(pictures)
        if stage_one == stage_two and self.recipes.stage_one != self.recipes.stage_two:
            raise ConfigError(
                "budgets: expected another budget in stage two than in stage one, as their recipes "
                f"differ and trials of equal budget are compared; got {stage_one} in both"
            )
        return SearchSettings(
            trials=self.trials,
            seconds=None if self.hours is None else 3600 * self.hours,
            epochs=self.epochs,
            plateau=self.plateau,
            stage_one_share=self.stage_one_share,
            seeds=self.seeds,
            random_share=self.random_share,
            groups=self.groups,
            finals=self.finals,
            stage_one=stage_one,
            stage_two=stage_two,
            final=final,
            final_norms=self.final_norm,
            population=self.population,
            yardsticks=self.yardsticks,
            objectives=self.objectives,
            ap_tie=noise if self.ap_tie is None else self.ap_tie,
            latency_tie=self.latency_tie,
            parts=self.parts,
            seed=self.seed,
        )

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults_of_the_space(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return fill_defaults(data)

    @model_validator(mode="after")
    def _stages_and_device_make_sense(self) -> Self:
        if not 1 <= round(self.trials * self.stage_one_share) < self.trials:
            raise ValueError(
                f"trials, stage_one_share: expected at least one candidate in each stage; got "
                f"{self.trials} trials, of which stage one has {self.stage_one_share:g}"
            )
        if self.latency_from is not None and self.clock != "device":
            raise ValueError(f"latency_from: expected no other clock; got clock {self.clock!r}")
        kind, _, index = self.device.partition(":")
        if kind not in _DEVICES or (index and not index.isdecimal()):
            raise ValueError(
                f"device: expected cpu, cuda or cuda:N; got {self.device!r}; "
                f"{nearest(kind, _DEVICES)}"
            )
        return self


_DEVICES = ("cpu", "cuda")


class Flags(TypedDict, total=False):
    """What can be said beside a configuration file; None means that nothing is said."""

    images: str | Path | None
    val: str | Path | None
    test: str | Path | None
    group_by: str | None
    folds: int | None
    space: str | None
    inputs: str | Sequence[str] | None
    anchors: str | None
    trials: int | None
    hours: float | None
    epochs: int | None
    rungs: str | int | None
    algorithm: str | None
    objectives: str | Sequence[str] | None
    metric: str | None
    pictures: bool | None
    constraints: Sequence[str] | None
    plateau: int | None
    seed: int | None
    device: str | None
    runtime: str | None
    latency_from: str | Path | None
    recipe: str | None
    init: str | Path | None
    final_norm: str | None


def make_config(
    data: str | Path | None = None, file: str | Path | None = None, **flags: Any
) -> SearchConfig:
    """Return the configuration of a search.

    Args:
        data: What to search on: a known data set such as ``trees``, or an annotation file. May be
            left out where the file names it.
        file: A JSON file with fields of ``SearchConfig``.
        flags: See ``Flags``; they win over the file.

    Raises:
        ConfigError: Unknown keys (the nearest valid key is named) or values out of range, all of
            them at once; a file that is not JSON.
        MissingFileError: No such file.
    """
    settings = read_config_file(Path(file)) if file is not None else {}
    unknown = [name for name in flags if name not in Flags.__annotations__]
    if unknown:
        hints = "; ".join(f"{name}: {nearest(name, Flags.__annotations__)}" for name in unknown)
        raise ConfigError(f"search: unknown setting: {hints}")
    given = {name: value for name, value in flags.items() if value is not None}
    merged = _merge_flags(settings, data, given)
    try:
        return SearchConfig.model_validate(merged)
    except ValidationError as error:
        where = "search" if file is None else str(file)
        raise ConfigError(describe_validation_error(where, error, SearchConfig)) from None


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the fields that a configuration file sets.

    Raises:
        MissingFileError: No such file.
        ConfigError: Not JSON, or JSON that is no object.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such configuration file")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise ConfigError(
            f"{path}: expected a JSON object of settings; got {type(settings).__name__}"
        )
    return settings


def _merge_flags(
    settings: dict[str, Any], data: str | Path | None, flags: dict[str, Any]
) -> dict[str, Any]:
    """Lay the flags over the file's settings, each in its place."""
    merged = {**settings, **{k: v for k, v in flags.items() if k in SearchConfig.model_fields}}
    spec = {name: str(flags[name]) for name in DataSpec.model_fields if name in flags}
    if data is not None:
        spec["source"] = str(data)
    if spec:
        merged["data"] = {**_as_dict(settings.get("data")), **spec}
    if "metric" in flags:
        if "objectives" in flags:
            raise ConfigError(
                "metric, objectives: expected one of them; metric M means objectives M,latency_ms"
            )
        merged["objectives"] = (flags["metric"], DEFAULT_OBJECTIVES[1])
    if "rungs" in flags:
        rungs = 1 if str(flags["rungs"]) == "none" else flags["rungs"]
        merged["parts"] = {**_as_dict(settings.get("parts")), "rungs": rungs}
    if "init" in flags:
        merged = with_start(fill_defaults(merged), str(flags["init"]))
    limited = "hours" in flags or "epochs" in flags
    if limited and "trials" not in flags and "trials" not in settings:
        merged["trials"] = MAX_TRIALS
    return merged


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"source": value}
    return value if isinstance(value, dict) else {}
