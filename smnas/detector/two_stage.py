"""Two stages as one head: proposals from all levels, then a head that looks at each of them."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

from torch import Tensor, nn

from smnas.detector.batch_part import BatchPart
from smnas.detector.contract import Detections, Targets


class ProposalNetwork(Protocol):
    """What makes proposals; a module whose call takes the maps of all levels."""

    def __call__(self, maps: Sequence[Tensor]) -> Any:
        """Return outputs that the two methods below understand."""
        ...

    def propose(self, outputs: Any, image_size: tuple[int, int]) -> Detections:
        """Return the proposals of each picture."""
        ...

    def losses(self, outputs: Any, targets: Targets, part: BatchPart) -> dict[str, Tensor]:
        """Return named losses, to be summed."""
        ...


class RoiHead(Protocol):
    """A head that works on proposals; a module."""

    def losses(
        self,
        maps: Sequence[Tensor],
        proposals: Detections,
        image_size: tuple[int, int],
        targets: Targets,
        part: BatchPart,
    ) -> dict[str, Tensor]:
        """Return named losses, to be summed."""
        ...

    def detect(
        self, maps: Sequence[Tensor], proposals: Detections, image_size: tuple[int, int]
    ) -> Detections:
        """Return the detections of a batch."""
        ...


class TwoStageHead(nn.Module):
    """Proposals, then a head on RoIs."""

    def __init__(self, rpn: ProposalNetwork, roi_head: RoiHead, roi_levels: int) -> None:
        """Take built parts.

        Args:
            rpn: Makes proposals from all levels.
            roi_head: Works on them.
            roi_levels: How many levels, from the finest on, RoIs come from.
        """
        super().__init__()
        self.add_module("rpn", cast(nn.Module, rpn))
        self.add_module("roi_head", cast(nn.Module, roi_head))
        self.roi_levels = roi_levels

    def losses(
        self,
        maps: Sequence[Tensor],
        image_size: tuple[int, int],
        targets: Targets,
        part: BatchPart,
    ) -> dict[str, Tensor]:
        """Return the losses of both stages, to be summed."""
        rpn = cast(ProposalNetwork, self.rpn)
        outputs = rpn(maps)
        losses = rpn.losses(outputs, targets, part)
        proposals = rpn.propose(outputs, image_size)
        roi_head = cast(RoiHead, self.roi_head)
        losses |= roi_head.losses(maps[: self.roi_levels], proposals, image_size, targets, part)
        return losses

    def detect(self, maps: Sequence[Tensor], image_size: tuple[int, int]) -> Detections:
        """Return the detections of a batch, for pictures of ``image_size`` (height, width)."""
        rpn = cast(ProposalNetwork, self.rpn)
        proposals = rpn.propose(rpn(maps), image_size)
        roi_head = cast(RoiHead, self.roi_head)
        return roi_head.detect(maps[: self.roi_levels], proposals, image_size)
