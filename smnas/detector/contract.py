"""What passes between the detector and the other rooms, and between its own modules.

Tensor letters: B batch, G ground-truth boxes (padded to the most of the batch), D detections.
Boxes are ``boxes_xyxy``: float32, absolute pixels of the network input, left, top, right, bottom.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class FeatureSpec:
    """What one feature map promises to whoever reads it."""

    channels: int
    stride: int
    """Input pixels per position; 4 for P1, doubling with each level."""


@dataclass(frozen=True)
class Targets:
    """Ground truth of a batch; pictures with fewer boxes are padded with invalid ones."""

    boxes_BG4: Tensor
    """float32, pixels of the network input."""
    labels_BG: Tensor
    """int64, 0 to K-1."""
    valid_BG: Tensor
    """bool: a box of this picture, not padding."""
    ignore_BG: Tensor
    """bool: a crowd or difficult box; what it covers is neither positive nor negative."""

    @classmethod
    def empty(cls, batch: int, boxes: int = 0) -> "Targets":
        """Return targets of ``batch`` pictures without objects, with room for ``boxes`` each."""
        return cls(
            boxes_BG4=torch.zeros(batch, boxes, 4),
            labels_BG=torch.zeros(batch, boxes, dtype=torch.int64),
            valid_BG=torch.zeros(batch, boxes, dtype=torch.bool),
            ignore_BG=torch.zeros(batch, boxes, dtype=torch.bool),
        )

    def to(self, device: torch.device | str) -> "Targets":
        """Return the targets on ``device``."""
        return Targets(
            boxes_BG4=self.boxes_BG4.to(device),
            labels_BG=self.labels_BG.to(device),
            valid_BG=self.valid_BG.to(device),
            ignore_BG=self.ignore_BG.to(device),
        )

    def of_pictures(self, pictures: slice) -> "Targets":
        """Return the targets of some pictures of the batch."""
        return Targets(
            boxes_BG4=self.boxes_BG4[pictures],
            labels_BG=self.labels_BG[pictures],
            valid_BG=self.valid_BG[pictures],
            ignore_BG=self.ignore_BG[pictures],
        )

    @property
    def objects_BG(self) -> Tensor:
        """bool: boxes that a detector should find: valid, and not to be ignored."""
        return self.valid_BG & ~self.ignore_BG


@dataclass(frozen=True)
class Detections:
    """Detections of a batch, best score first, in fixed shapes."""

    boxes_BD4: Tensor
    """float32, pixels of the network input, inside it."""
    scores_BD: Tensor
    """float32, 0 to 1; 0 where invalid."""
    labels_BD: Tensor
    """int64, 0 to K-1."""
    valid_BD: Tensor
    """bool: a detection, not padding; padding comes last."""

    def to(self, device: torch.device | str) -> "Detections":
        """Return the detections on ``device``."""
        return Detections(
            boxes_BD4=self.boxes_BD4.to(device),
            scores_BD=self.scores_BD.to(device),
            labels_BD=self.labels_BD.to(device),
            valid_BD=self.valid_BD.to(device),
        )


@dataclass(frozen=True)
class Prediction:
    """Detections of one picture, best score first, in the picture's own terms."""

    boxes_xyxy: NDArray[np.float32]
    """N x 4, pixels of the picture as it was given."""
    scores: NDArray[np.float32]
    """N, 0 to 1."""
    labels: NDArray[np.int64]
    """N, category ids as the data names them."""
