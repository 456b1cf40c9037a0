"""The detector: a batch of pictures in; losses while training, detections otherwise."""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from smnas.arch import DetectorArch
from smnas.detector.contract import Detections, Targets


class Head(Protocol):
    """What turns a pyramid into losses or detections; a module."""

    def losses(
        self,
        maps: Sequence[Tensor],
        image_size: tuple[int, int],
        targets: Targets,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Return named losses, to be summed."""
        ...

    def detect(self, maps: Sequence[Tensor], image_size: tuple[int, int]) -> Detections:
        """Return the detections of a batch."""
        ...


class Detector(nn.Module):
    """A whole detector, made of built parts.

    Attributes:
        arch: What it was built from.
        num_classes: K; labels are 0 to K-1.
    """

    def __init__(
        self,
        arch: DetectorArch,
        num_classes: int,
        backbone: nn.Module,
        neck: nn.Module,
        head: Head,
    ) -> None:
        """Take built parts.

        Args:
            arch: What they were built from.
            num_classes: K.
            backbone: Pictures to maps of the lateral levels, finest first.
            neck: These maps to those of all levels.
            head: Maps to losses and detections.
        """
        super().__init__()
        self.arch = arch
        self.num_classes = num_classes
        self.backbone = backbone
        self.neck = neck
        self.add_module("head", cast(nn.Module, head))
        self.generator = torch.Generator()
        """Draws which anchors and proposals the losses see; on the CPU whatever the device."""

    def forward(
        self, images_B3HW: Tensor, targets: Targets | None = None
    ) -> dict[str, Tensor] | Detections:
        """Return named losses (float32 scalars, to be summed) in training, else detections.

        Args:
            images_B3HW: Float pictures, fitted, normalised and padded to ``arch.input.padded``.
            targets: Ground truth, needed in training.

        Raises:
            ValueError: In training, without targets.
        """
        image_size = (images_B3HW.shape[-2], images_B3HW.shape[-1])
        maps = self.neck(self.backbone(images_B3HW))
        head = cast(Head, self.head)
        if not self.training:
            return head.detect(maps, image_size)
        if targets is None:
            raise ValueError("a detector in training needs targets; call eval() to detect")
        return head.losses(maps, image_size, targets, self.generator)

    def seed_sampling(self, seed: int) -> None:
        """Set the stream that anchors and proposals are sampled from."""
        self.generator.manual_seed(seed)
