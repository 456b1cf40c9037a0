"""Cascade R-CNN's head (Cai and Vasconcelos 2018; paper.md 6.3).

Two to four RCNN heads after each other: each looks at the boxes that the one before has refined,
and asks for a better overlap. Boxes fit all classes; scores are averaged over the stages.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from smnas.arch.parts import BoxStds
from smnas.arch.parts import CascadeHead as CascadeHeadArch
from smnas.detector.batch_part import BatchPart
from smnas.detector.boxes import clip_boxes, decode_boxes
from smnas.detector.contract import Detections, Targets
from smnas.detector.gradients import without_gradients
from smnas.detector.loss_settings import CascadeLosses
from smnas.detector.rcnn_head import BoxPredictor, detect_from_rois, roi_losses
from smnas.detector.roi_align import RoiAlign
from smnas.detector.roi_sampling import label_rois, sample_rois

STAGE_STDS: tuple[BoxStds, ...] = (
    (0.1, 0.1, 0.2, 0.2),
    (0.05, 0.05, 0.1, 0.1),
    (0.033, 0.033, 0.067, 0.067),
    (0.025, 0.025, 0.05, 0.05),
)
"""Of the box offsets in each stage; the fourth is not the paper's (paper.md 6.3)."""


class CascadeHead(nn.Module):
    """Classifies proposals and refines their boxes, several times over."""

    def __init__(
        self,
        arch: CascadeHeadArch,
        roi_align: RoiAlign,
        predictors: Sequence[BoxPredictor],
        num_classes: int,
        settings: CascadeLosses,
    ) -> None:
        """Take built parts.

        Args:
            arch: Thresholds and counts.
            roi_align: Shared by the stages.
            predictors: One for each stage, with a single box for all classes.
            num_classes: K.
            settings: How it learns.
        """
        super().__init__()
        self.arch = arch
        self.roi_align = roi_align
        self.predictors = nn.ModuleList(predictors)
        self.num_classes = num_classes
        self.settings = settings

    def losses(
        self,
        maps: Sequence[Tensor],
        proposals: Detections,
        image_size: tuple[int, int],
        targets: Targets,
        part: BatchPart,
    ) -> dict[str, Tensor]:
        """Return ``classification_N`` and ``boxes_N`` of each stage N, per RoI of the batch."""
        settings, losses = self.settings, dict[str, Tensor]()
        rois = sample_rois(
            proposals,
            targets,
            self.num_classes,
            settings.stages[0].match,
            settings.sample,
            part,
        )
        for stage in range(self.arch.stages):
            stage_settings, stds = settings.stages[stage], STAGE_STDS[stage]
            if stage > 0:
                rois = label_rois(
                    rois.boxes_BN4, rois.valid_BN, targets, self.num_classes, stage_settings.match
                )
            logits_BNK, offsets_BN14 = self._predict(stage, maps, rois.boxes_BN4, rois.valid_BN)
            found = roi_losses(rois, logits_BNK, offsets_BN14, stds, settings.box_beta, part)
            for name, loss in found.items():
                losses[f"{name}_{stage + 1}"] = loss * stage_settings.weight
            refined_BN4 = _refine(rois.boxes_BN4, offsets_BN14, stds, image_size)
            rois = replace(rois, boxes_BN4=refined_BN4)
        return losses

    def detect(
        self, maps: Sequence[Tensor], proposals: Detections, image_size: tuple[int, int]
    ) -> Detections:
        """Return the detections of a batch, for pictures of ``image_size`` (height, width)."""
        boxes_BR4, valid_BR = proposals.boxes_BD4, proposals.valid_BD
        scores: list[Tensor] = []
        for stage in range(self.arch.stages - 1):
            logits_BRK, offsets_BR14 = self._predict(stage, maps, boxes_BR4, valid_BR)
            scores.append(logits_BRK.softmax(dim=-1))
            boxes_BR4 = _refine(boxes_BR4, offsets_BR14, STAGE_STDS[stage], image_size)
        last = self.arch.stages - 1
        logits_BRK, offsets_BR14 = self._predict(last, maps, boxes_BR4, valid_BR)
        scores.append(logits_BRK.softmax(dim=-1))
        scores_BRK = torch.stack(scores).mean(dim=0)[..., :-1] * valid_BR[..., None]
        return detect_from_rois(
            self.arch, boxes_BR4, scores_BRK, offsets_BR14, STAGE_STDS[last], image_size
        )

    def _predict(
        self, stage: int, maps: Sequence[Tensor], boxes_BR4: Tensor, valid_BR: Tensor
    ) -> tuple[Tensor, Tensor]:
        predictor = cast(BoxPredictor, self.predictors[stage])
        return predictor(self.roi_align(maps, boxes_BR4, valid_BR))


@without_gradients
def _refine(
    boxes_BR4: Tensor, offsets_BR14: Tensor, stds: BoxStds, image_size: tuple[int, int]
) -> Tensor:
    return clip_boxes(decode_boxes(offsets_BR14[:, :, 0], boxes_BR4, stds), *image_size)
