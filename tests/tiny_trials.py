"""Trials of seconds on pictures of one bright square each, for tests of what becomes of a trial."""

import numpy as np

from smnas.arch import DetectorArch
from smnas.data.dataset import Annotations, Category, DetectionDataset
from smnas.trial.budget import Budget
from smnas.trial.trial import Origin, Proposal, Trial

TINY = "32x32/basicblock_8_1-1-1-1/fpn-p2-p3-8/none/retina/convs=1/norm=gn-ws"


class Squares(DetectionDataset):
    """Six pictures with one bright square each."""

    name = "squares"
    categories = (Category(5, "square"),)
    data_id = "0123456789ab"

    def __len__(self) -> int:
        return 6

    def picture_id(self, index: int) -> int:
        return index

    def picture_size(self, index: int) -> tuple[int, int]:
        return 32, 32

    def annotations(self, index: int) -> Annotations:
        return Annotations.of([(4 + index, 4, 20 + index, 20)])

    def read(self, index: int):
        picture = np.full((32, 32, 3), 30, np.uint8)
        picture[4:20, 4 + index : 20 + index] = 220
        return picture, self.annotations(index)


def make_trial(arch: str = TINY, stage: int | str = 1, epochs: int = 1) -> Trial:
    proposal = Proposal.model_validate(
        {
            "arch": DetectorArch.parse(arch),
            "stage": stage,
            "origin": Origin(operator="sample"),
            "budget": Budget(epochs=epochs),
            "seed": 3,
        }
    )
    return Trial(number=7, proposal=proposal)


def raising(error: BaseException):
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
