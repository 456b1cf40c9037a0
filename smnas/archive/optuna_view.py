"""A run as Optuna sees it: studies that can be read and never written to (extra ``dashboard``).

Optuna's objectives and directions are fixed per study, and only equal budgets are compared, so that
a run is one study for each budget of its candidates, and one for its finals.
"""

from collections.abc import Container, Sequence
from threading import Lock
from typing import Any, NoReturn

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from smnas.archive.archive import Archive
from smnas.errors import ArchiveError
from smnas.trial.front import Objective
from smnas.trial.trial import Trial

_METRIC_NAMES = "study:metric_names"
"""Where Optuna keeps the names of a study's objectives."""


class OptunaView(BaseStorage):
    """An Optuna storage over an archive; every question reads what the driver has added since."""

    def __init__(self, archive: Archive, objectives: Sequence[Objective]) -> None:
        """Take the run, opened to be read, and what its front is taken over."""
        self._archive, self._objectives = archive, tuple(objectives)
        self._reading = Lock()

    def _studies(self) -> dict[str, list[Trial]]:
        """Return the trials of each study by its name, in the order in which they came."""
        with self._reading:
            self._archive.refresh()
        found: dict[str, list[Trial]] = {}
        for trial in self._archive.trials():
            proposal = trial.proposal
            kind = "finals" if proposal.stage == "final" else "candidates"
            if proposal.stage == "yardstick":
                kind = "yardstick"
            found.setdefault(f"{kind}, {proposal.budget}", []).append(trial)
        return found

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return a study for each budget."""
        return [self._study(number, name) for number, name in enumerate(self._studies())]

    def _study(self, number: int, name: str) -> FrozenStudy:
        return FrozenStudy(
            study_name=name,
            direction=None,
            user_attrs=self.get_study_user_attrs(number),
            system_attrs=self.get_study_system_attrs(number),
            study_id=number,
            directions=self.get_study_directions(number),
        )

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the number of a study."""
        return list(self._studies()).index(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        names = list(self._studies())
        if not 0 <= study_id < len(names):
            raise KeyError(f"no study {study_id}; there are {len(names)}")
        return names[study_id]

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return which way is better, for each objective of the run."""
        ways = {True: StudyDirection.MAXIMIZE, False: StudyDirection.MINIMIZE}
        return [ways[objective.maximise] for objective in self._objectives]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return what the run is."""
        header = self._archive.header
        return {"run": str(self._archive.folder), "machine": header.machine, "data": header.notes}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the names of the objectives."""
        return {_METRIC_NAMES: [objective.metric for objective in self._objectives]}

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials of a study; those that run have no values yet."""
        trials = self._studies()[self.get_study_name_from_id(study_id)]
        choices = {
            name: CategoricalDistribution(tuple(dict.fromkeys(_choices(t)[name] for t in trials)))
            for name in (_choices(trials[0]) if trials else ())
        }
        frozen = [self._frozen(at, trial, choices) for at, trial in enumerate(trials)]
        return [trial for trial in frozen if states is None or trial.state in states]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial by its number in the run."""
        for number in range(len(self._studies())):
            for trial in self.get_all_trials(number):
                if trial.user_attrs["trial"] == trial_id:
                    return trial
        raise KeyError(f"no trial {trial_id}")

    def _frozen(
        self, at: int, trial: Trial, choices: dict[str, CategoricalDistribution]
    ) -> FrozenTrial:
        """Return a trial as Optuna sees it; the archive keeps no time of day, and nor does this."""
        state = self._state(trial)
        distributions: dict[str, BaseDistribution] = dict(choices)
        values = None
        if state == TrialState.COMPLETE:
            values = [trial.value(o.metric, o.split) for o in self._objectives]
        return FrozenTrial(
            number=at,
            trial_id=trial.number,
            state=state,
            value=None,
            values=values,
            datetime_start=None,
            datetime_complete=None,
            params=_choices(trial),
            distributions=distributions,
            user_attrs=_facts(trial),
            system_attrs={},
            intermediate_values={},
        )

    def _state(self, trial: Trial) -> TrialState:
        if trial.outcome is None:
            return TrialState.RUNNING
        if trial.refused:
            return TrialState.PRUNED
        missing = any(trial.measurement(o.metric, o.split) is None for o in self._objectives)
        return TrialState.FAIL if trial.failed or missing else TrialState.COMPLETE

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise ArchiveError(
            f"{self._archive.folder}: the search alone writes to its run; what is shown here can "
            "only be read"
        )

    create_new_study = delete_study = set_study_user_attr = set_study_system_attr = _refuse
    create_new_trial = set_trial_param = set_trial_state_values = _refuse
    set_trial_intermediate_value = set_trial_user_attr = set_trial_system_attr = _refuse


def _choices(trial: Trial) -> dict[str, str]:
    """Return what was chosen, part by part, as the text form has it."""
    names = ("input", "backbone", "neck", "proposals", "head")
    fields = str(trial.proposal.arch).split("/")
    return {**dict(zip(names, fields, strict=False)), "keys": "/".join(fields[len(names) :])}


def _facts(trial: Trial) -> dict[str, Any]:
    """Return everything else that is known of a trial."""
    proposal = trial.proposal
    facts: dict[str, Any] = {
        "trial": trial.number,
        "arch": str(proposal.arch),
        "stage": str(proposal.stage),
        "operator": proposal.origin.operator,
        "parent": proposal.origin.parent,
    }
    if trial.outcome is None:
        return facts
    facts["seconds"] = trial.outcome.seconds
    if trial.outcome.failure is not None:
        facts["failure"] = f"{trial.outcome.failure.stage}: {trial.outcome.failure.reason}"
    for item in trial.outcome.measurements + trial.later:
        split = getattr(item.protocol, "split", "val")
        facts[item.metric + ("" if split == "val" else f" ({split})")] = item.value
    return facts
