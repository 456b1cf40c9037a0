"""How a detector learns from boxes: matching, sampling, loss shapes and weights.

Settings of the recipe, not of the arch: they change how the weights come about, not what the
deployed file computes for given weights. Defaults are the published ones (paper.md section 6).
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Iou = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0.0, le=1e4, allow_inf_nan=False)]
Beta = Annotated[float, Field(ge=0.0, le=1e2, allow_inf_nan=False)]
Gamma = Annotated[float, Field(ge=1.0, le=10.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10_000)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MatchSettings(_Settings):
    """Which anchors or proposals belong to an object, by intersection over union."""

    positive: Iou
    """At or above: positive."""
    negative: Iou
    """Below: negative; in between: neither."""
    rescue: Iou | None = None
    """The best anchors of an object are positive from this IoU on, whatever ``positive`` says;
    None: not at all."""
    ignore_cover: Iou = 0.5
    """A negative with more than this share of its area inside one ignored box is dropped."""

    @model_validator(mode="after")
    def _thresholds_are_ordered(self) -> Self:
        if self.negative > self.positive:
            raise ValueError(
                f"negative must not be above positive; got {self.negative} and {self.positive}"
            )
        return self


class SampleSettings(_Settings):
    """How many anchors or proposals of each picture the loss sees."""

    count: Count
    positive_share: Share
    """At most this share is positive; negatives fill the rest."""


class RetinaLosses(_Settings):
    """RetinaNet: focal classification and box loss over all anchors (paper.md 6.4)."""

    match: MatchSettings = MatchSettings(positive=0.5, negative=0.4, rescue=0.0)
    focal_alpha: Share = 0.25
    focal_gamma: Gamma = 2.0
    box_beta: Beta = 0.11
    class_weight: Weight = 1.0
    box_weight: Weight = 1.0


class RpnLosses(_Settings):
    """Region proposals: objectness and box loss over sampled anchors (paper.md 6.2).

    The best anchors of an object are positive whatever their IoU, as in Ren et al. 2015 and
    torchvision (mmdetection asks for 0.3), so that objects much smaller than any anchor count too.
    """

    match: MatchSettings = MatchSettings(positive=0.7, negative=0.3, rescue=0.0)
    sample: SampleSettings = SampleSettings(count=256, positive_share=0.5)
    pre_nms: Count | None = None
    """Candidates per level before NMS while training; None: twice the arch's, as in mmdetection."""
    kept: Count | None = None
    """Proposals handed to the head while training; None: twice the arch's."""
    box_beta: Beta = 1 / 9
    class_weight: Weight = 1.0
    box_weight: Weight = 1.0


class GuidedRpnLosses(_Settings):
    """Guided-anchoring proposals: where anchors are, how large, and what an RPN learns of them.

    As in mmdetection (paper.md 6.1); the paper itself states 0.1 for ``size_weight``.
    """

    proposals: RpnLosses = RpnLosses(box_beta=1.0)
    """Its matching and sampling hold for the sizes, too. Here ``kept`` None means the arch's own
    count: these proposals are fewer and better."""
    focal_alpha: Share = 0.25
    focal_gamma: Gamma = 2.0
    location_weight: Weight = 1.0
    size_beta: Beta = 0.2
    size_weight: Weight = 1.0


class RcnnLosses(_Settings):
    """RCNN head: cross-entropy and box loss over sampled proposals (paper.md 6.3, first row)."""

    match: MatchSettings = MatchSettings(positive=0.5, negative=0.5)
    sample: SampleSettings = SampleSettings(count=512, positive_share=0.25)
    box_beta: Beta = 1.0
    class_weight: Weight = 1.0
    box_weight: Weight = 1.0


class StageLosses(_Settings):
    """One stage of a cascade: what counts as positive, and how much it weighs."""

    match: MatchSettings
    weight: Weight


class CascadeLosses(_Settings):
    """Cascade of RCNN heads: each stage asks for a better overlap (paper.md 6.3).

    A cascade of fewer than four uses the first rows; the fourth row is not the paper's.
    """

    stages: tuple[StageLosses, StageLosses, StageLosses, StageLosses] = (
        StageLosses(match=MatchSettings(positive=0.5, negative=0.5), weight=1.0),
        StageLosses(match=MatchSettings(positive=0.6, negative=0.6), weight=0.5),
        StageLosses(match=MatchSettings(positive=0.7, negative=0.7), weight=0.25),
        StageLosses(match=MatchSettings(positive=0.8, negative=0.8), weight=0.125),
    )
    sample: SampleSettings = SampleSettings(count=512, positive_share=0.25)
    box_beta: Beta = 1.0


class LossSettings(_Settings):
    """The settings of every part; those of parts that an arch lacks are not used."""

    retina: RetinaLosses = RetinaLosses()
    rpn: RpnLosses = RpnLosses()
    guided_rpn: GuidedRpnLosses = GuidedRpnLosses()
    rcnn: RcnnLosses = RcnnLosses()
    guided_rcnn: RcnnLosses = RcnnLosses(
        match=MatchSettings(positive=0.6, negative=0.6),
        sample=SampleSettings(count=256, positive_share=0.25),
    )
    """In the place of ``rcnn`` behind guided-anchoring proposals, which are fewer and better."""
    cascade: CascadeLosses = CascadeLosses()
