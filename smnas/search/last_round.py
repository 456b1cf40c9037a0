"""What is trained at the end, for longer: the best candidates, and known detectors beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from smnas.arch import DetectorArch
from smnas.search.finals import choose_finalists, final_archs
from smnas.search.settings import SearchSettings
from smnas.space.pair import SpacePair
from smnas.trial.trial import Origin, Trial


@dataclass(frozen=True)
class LastTraining:
    """One training of the last round, with the final budget."""

    arch: DetectorArch
    stage: Literal["final", "yardstick"]
    origin: Origin


def last_round(
    trials: Sequence[Trial], spaces: SpacePair, settings: SearchSettings
) -> list[LastTraining]:
    """Return the trainings in the order in which they are proposed; none without a finalist.

    The dearest finals come first, so that no slot is left alone with a long one at the end. The
    first yardstick comes last: when it is there, all is there.
    """
    finalists = choose_finalists(trials, settings)
    if not finalists:
        return []
    first, *others = (
        LastTraining(final_archs(arch, settings)[0], "yardstick", Origin(operator="yardstick"))
        for arch in spaces.yardsticks[: settings.yardsticks]
    )
    finals = [
        LastTraining(
            arch,
            "final",
            Origin(operator="final", parent=trial.number, group=trial.proposal.origin.group),
        )
        for trial in reversed(finalists)
        for arch in final_archs(trial.proposal.arch, settings)
    ]
    return [*others, *finals, first]
