from collections.abc import Callable

import pytest

from smnas.arch import DetectorArch
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Trial

ARCH = DetectorArch.parse("64x64/basicblock_8_1-1-1-1/fpn-p2-p4-16/none/retina")


@pytest.fixture
def make_trial() -> Callable[[int], Trial]:
    def make(number: int) -> Trial:
        proposal = Proposal(
            arch=ARCH, stage=1, origin=Origin(operator="sample"), budget=Budget(epochs=1), seed=0
        )
        return Trial(number=number, proposal=proposal)

    return make
