"""The detector: a batch of pictures in; losses while training, detections otherwise."""

from collections.abc import Sequence
from typing import Protocol, cast

from torch import Tensor, nn

from smnas.arch import DetectorArch
from smnas.detector.batch_part import BatchPart
from smnas.detector.contract import Detections, Targets
from smnas.seeding import derive_seed


class Head(Protocol):
    """What turns a pyramid into losses or detections; a module."""

    def losses(
        self,
        maps: Sequence[Tensor],
        image_size: tuple[int, int],
        targets: Targets,
        part: BatchPart,
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
        self.seed_sampling(0)

    def forward(
        self,
        images_B3HW: Tensor,
        targets: Targets | None = None,
        part: BatchPart | None = None,
    ) -> dict[str, Tensor] | Detections:
        """Return named losses (float32 scalars, to be summed) in training, else detections.

        Args:
            images_B3HW: Float pictures, fitted, normalised and padded to ``arch.input.padded``.
            targets: Ground truth, needed in training.
            part: Which part of which batch this is; None: a whole one, which draws what follows
                from ``seed_sampling`` and the calls since.

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
        return head.losses(maps, image_size, targets, part or self._next_batch())

    def seed_sampling(self, seed: int) -> None:
        """Set what the anchors and proposals that the losses see are drawn from."""
        self._sampling_seed = seed
        self._batches_seen = 0

    def _next_batch(self) -> BatchPart:
        self._batches_seen += 1
        return BatchPart(derive_seed(self._sampling_seed, self._batches_seen))
