"""The parts of a detector as frozen values: what each may be, checked where it enters.

Every field decides what the exported file computes for given weights. What only changes how the
weights come about is the recipe's (see ``docs/architecture.md``, "The border").
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smnas.arch.backbone_code import check_code

MAX_LATERAL_LEVEL = 4
"""P4 is the last map that a backbone has; P5 and P6 are made from it."""

NAMED_BACKBONES = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnext50",
    "resnext101",
    "mobilenetv2",
)
BLOCKS = ("basicblock", "bottleneck", "xbottleneck", "inverted")

Block = Literal["basicblock", "bottleneck", "xbottleneck", "inverted"]
Norm = Literal["bn", "gn-ws", "gn"]
DEFAULT_NORM: Norm = "bn"
ExtraLevels = Literal["pool", "conv", "conv-in"]
Threshold = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Width = Annotated[int, Field(ge=1, le=8192)]
Side = Annotated[int, Field(ge=32, le=8192)]
Positive = Annotated[float, Field(gt=0.0, le=1e4, allow_inf_nan=False)]
BoxStds = tuple[Positive, Positive, Positive, Positive]
MinSide = Annotated[float, Field(ge=-1.0, le=1e4, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of the values of this room: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSize(Part):
    """The network's picture in pixels, before padding to multiples of 32."""

    width: Side
    height: Side

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width of the input tensor: the next multiples of 32."""
        return -(-self.height // 32) * 32, -(-self.width // 32) * 32


class NamedBackbone(Part):
    """A published backbone under the name that the paper uses."""

    kind: Literal["named"] = "named"
    name: Literal[
        "resnet18", "resnet34", "resnet50", "resnet101", "resnext50", "resnext101", "mobilenetv2"
    ]
    bn_eps: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] = 1e-5
    """What its batch norms add to the variance; 0 in torchvision's published detectors."""


class TimmBackbone(Part):
    """Any other backbone of the timm library, by timm's name."""

    kind: Literal["timm"] = "timm"
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]


class CodedBackbone(Part):
    """A searched backbone: block kind, base width and code (paper.md 2.1)."""

    kind: Literal["coded"] = "coded"
    block: Block
    base: Annotated[int, Field(ge=8, le=1024, multiple_of=2)]
    code: str

    @model_validator(mode="after")
    def _code_is_well_formed(self) -> Self:
        check_code(self.code)
        return self


Backbone = Annotated[NamedBackbone | TimmBackbone | CodedBackbone, Field(discriminator="kind")]


class NoNeck(Part):
    """No pyramid: P3 (stride 16) alone feeds RPN and head, and later stages are not built."""

    kind: Literal["none"] = "none"

    @property
    def levels(self) -> tuple[int, ...]:
        """The one level that the RPN sees."""
        return (3,)

    @property
    def lateral_levels(self) -> tuple[int, ...]:
        """The one level that comes from the backbone."""
        return (3,)


class FpnNeck(Part):
    """A feature pyramid with output levels ``first`` to ``last``, each ``width`` channels wide.

    ``inputs`` are the first and last level that the backbone feeds: ``first`` to P4, or to ``last``
    where that is lower, unless said otherwise. Output levels above them are made by ``extra``:
    ``pool`` (stride-2 pooling), ``conv`` (stride-2 convolutions on the last output, torchvision's
    RetinaNet) or ``conv-in`` (the first of them on the backbone's last map, mmdetection's).
    """

    kind: Literal["fpn"] = "fpn"
    first: Annotated[int, Field(ge=1, le=MAX_LATERAL_LEVEL)]
    last: Annotated[int, Field(ge=1, le=6)]
    width: Width
    inputs: tuple[int, int]
    extra: ExtraLevels = "pool"

    @model_validator(mode="before")
    @classmethod
    def _default_inputs(cls, data: Any) -> Any:
        if isinstance(data, dict) and "inputs" not in data and isinstance(data.get("last"), int):
            inputs = (data.get("first"), min(MAX_LATERAL_LEVEL, data["last"]))
            return {**data, "inputs": inputs}
        return data

    @model_validator(mode="after")
    def _levels_fit(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"levels run upwards; got P{self.first} to P{self.last}")
        lowest, highest = self.inputs
        top = min(MAX_LATERAL_LEVEL, self.last)
        if lowest != self.first or not self.first <= highest <= top:
            raise ValueError(
                f"input levels must run from P{self.first}, the first output level, to one of "
                f"P{self.first}-P{top}; got P{lowest}-P{highest}"
            )
        if self.extra != "pool" and self.last == highest:
            raise ValueError(
                f"extra={self.extra} makes levels above P{highest}, and there are none; "
                "leave it out, or add output levels"
            )
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """All output levels, finest first; the RPN and the RetinaNet head use all of them."""
        return tuple(range(self.first, self.last + 1))

    @property
    def lateral_levels(self) -> tuple[int, ...]:
        """The levels that the backbone feeds; RoIs come from these only."""
        return tuple(range(self.first, self.inputs[1] + 1))


Neck = Annotated[NoNeck | FpnNeck, Field(discriminator="kind")]


class Anchors(Part):
    """Anchor shapes: at each position ``octaves`` sizes times ``ratios`` (height over width).

    The side of the anchor is ``scale * stride * 2**(i / octaves)``.
    """

    scale: Positive
    octaves: Annotated[int, Field(ge=1, le=8)]
    ratios: tuple[Positive, ...] = (0.5, 1.0, 2.0)
    rounded: bool = False
    """Whole pixels, as in torchvision: sides are cut to them, half widths and heights rounded, and
    positions are input side // map side apart rather than the stride. The two distances differ
    where an extra level's map does not divide the input evenly."""

    @model_validator(mode="after")
    def _has_ratios(self) -> Self:
        if not 1 <= len(self.ratios) <= 16 or len(set(self.ratios)) != len(self.ratios):
            raise ValueError(f"expected 1 to 16 different ratios; got {list(self.ratios)}")
        return self

    @property
    def per_position(self) -> int:
        """Anchors at each position of a level."""
        return self.octaves * len(self.ratios)


class NoProposals(Part):
    """One stage: the head works on all anchors."""

    kind: Literal["none"] = "none"


class _RpnFields(Part):
    anchors: Anchors = Anchors(scale=8.0, octaves=1)
    pre_nms: Annotated[int, Field(ge=1, le=20_000)] = 1000
    """Candidates kept per level before NMS."""
    kept: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Proposals handed to the head."""
    nms: Threshold = 0.7
    """IoU above which the lower-scored of two candidates is dropped."""
    min_side: MinSide = 0.0
    """As of the heads, for proposals; 0.001 in torchvision."""


class Rpn(_RpnFields):
    """Region proposal network (paper.md 6.2)."""

    kind: Literal["rpn"] = "rpn"


class GuidedAnchoringRpn(_RpnFields):
    """RPN that predicts where anchors are and how large (Guided Anchoring; paper.md 6.1)."""

    kind: Literal["ga-rpn"] = "ga-rpn"
    anchors: Anchors = Anchors(scale=8.0, octaves=3)
    kept: Annotated[int, Field(ge=1, le=10_000)] = 300


Proposals = Annotated[NoProposals | Rpn | GuidedAnchoringRpn, Field(discriminator="kind")]


class _HeadFields(Part):
    score: Threshold = 0.05
    """Detections at or below this score are dropped."""
    nms: Threshold = 0.5
    detections: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Detections kept per picture."""
    min_side: MinSide = 0.0
    """Boxes are dropped whose width or height is not above this many pixels (mmdetection's
    ``min_bbox_size``); negative: none are, as in torchvision's RetinaNet."""


class RetinaHead(_HeadFields):
    """One-stage head (RetinaNet; paper.md 6.4); its towers are as wide as the neck."""

    kind: Literal["retina"] = "retina"
    convs: Annotated[int, Field(ge=1, le=16)] = 4
    """Stacked 3x3 convolutions per branch."""
    anchors: Anchors = Anchors(scale=4.0, octaves=3)
    pre_nms: Annotated[int, Field(ge=1, le=20_000)] = 1000
    """Candidates kept per level before NMS."""


class _RoiFields(_HeadFields):
    fc: Width = 1024
    """Width of the two fully connected layers."""
    roi: Annotated[int, Field(ge=1, le=64)] = 7
    """Side of the RoIAlign output in cells."""
    roi_aligned: bool = True
    """RoIAlign's half-pixel correction. Without, as in torchvision's Faster R-CNN, samples lie half
    a position further right and down, and RoIs are at least one position wide and high."""


class RcnnHead(_RoiFields):
    """Two-layer RCNN head with class-specific boxes (paper.md 5.3)."""

    kind: Literal["rcnn"] = "rcnn"
    box_stds: BoxStds = (0.1, 0.1, 0.2, 0.2)


class CascadeHead(_RoiFields):
    """Cascade of two to four RCNN heads with class-agnostic boxes (paper.md 6.3)."""

    kind: Literal["cascade"] = "cascade"
    stages: Annotated[int, Field(ge=2, le=4)]


Head = Annotated[RetinaHead | RcnnHead | CascadeHead, Field(discriminator="kind")]
