"""``Recipe``: all that decides how weights come about, and nothing that the deployed file needs.

The learning rate is stated for a batch of 16 pictures and scaled linearly with the batch, so that a
trial whose batch had to be halved for memory still follows the same recipe.

A default never changes its meaning in place once a release has shipped it: ``recipe_id`` leaves
defaults out, so a changed default would give two recipes one name. ``tests/training`` pins them.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from smnas.data.transforms import Augmentation
from smnas.detector.loss_settings import (
    CascadeLosses,
    GuidedRpnLosses,
    LossSettings,
    MatchSettings,
    RcnnLosses,
    RpnLosses,
    SampleSettings,
)

REFERENCE_BATCH = 16
"""Pictures a step that ``learning_rate`` is stated for."""

_ANCHORS = SampleSettings(count=128, positive_share=0.5)
_PROPOSALS = SampleSettings(count=128, positive_share=0.25)
LEAN_LOSSES = LossSettings(
    rpn=RpnLosses(sample=_ANCHORS, pre_nms=300, kept=300),
    # The published weight is for a hundred times as many positions (docs/decisions/0004).
    guided_rpn=GuidedRpnLosses(proposals=RpnLosses(box_beta=1.0, kept=300), location_weight=0.1),
    rcnn=RcnnLosses(sample=_PROPOSALS),
    guided_rcnn=RcnnLosses(
        match=MatchSettings(positive=0.5, negative=0.5),
        sample=SampleSettings(count=64, positive_share=0.25),
    ),
    cascade=CascadeLosses(sample=_PROPOSALS),
)
"""The published losses over fewer anchors and proposals of each picture.

Those counts are meant for pictures of 1333x800; at 160x160 they would take two thirds of a
two-stage detector's training time (docs/decisions/0002).
"""

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
PrecisionChoice = Literal["auto", "bf16", "float32"]


Imagenet = Literal["imagenet"]
IMAGENET: Imagenet = "imagenet"
"""The word that asks for ImageNet weights in the place of a file."""


def _read_start(value: Any) -> Any:
    return IMAGENET if str(value) == IMAGENET else value


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OptimizerSettings(_Value):
    """Which optimizer, and how hard it pulls."""

    kind: Literal["sgd", "adamw"] = "adamw"
    """``sgd`` has Nesterov-free momentum; ``adamw`` is torch's, with decoupled weight decay."""
    learning_rate: Positive = 4e-3
    """Peak rate at a batch of 16 pictures; scaled linearly with the batch."""
    momentum: Share = 0.9
    """Momentum of SGD, first beta of AdamW."""
    weight_decay: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1e-2
    """Not applied to norms and biases."""
    clip_norm: Positive = 10.0
    """Gradients whose joint L2 norm is above this are scaled down to it."""


class ScheduleSettings(_Value):
    """Linear warm-up, then half a cosine down to a share of the peak, or steps."""

    warmup_share: Share = 0.1
    """Share of all steps that the warm-up takes."""
    final_fraction: Share = 0.01
    """Learning rate of the last step, as a share of the peak."""
    drops: tuple[Share, ...] = ()
    """Shares of all steps after which the rate is divided by ten; none: half a cosine."""

    @model_validator(mode="after")
    def _drops_come_after_the_warmup(self) -> Self:
        if list(self.drops) != sorted(set(self.drops)):
            raise ValueError(f"drops rise, each once; got {list(self.drops)}")
        if self.drops and self.drops[0] < self.warmup_share:
            raise ValueError(
                f"drops come after the warm-up, which takes {self.warmup_share:g} of the steps; "
                f"got {self.drops[0]:g}"
            )
        return self


class Recipe(_Value):
    """How weights come about: a frozen value.

    Defaults are for small data and short budgets, as measured in docs/decisions/0002.
    """

    batch: Annotated[int, Field(ge=1, le=4096)] = 8
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    precision: PrecisionChoice = "auto"
    """``auto``: bf16 where the device computes in it natively, float32 elsewhere."""
    averaging: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = 0.0
    """Decay of the running average of the weights that training hands back; 0 switches it off."""
    augmentation: Augmentation = Augmentation()
    losses: LossSettings = LEAN_LOSSES
    initial_weights: Annotated[Imagenet | Path | None, BeforeValidator(_read_start)] = None
    """Where weights are taken over from before the first step; None trains from scratch.

    ``imagenet``: pinned weights of a backbone by name (a backbone by code, of which there are none,
    starts at random), else a file. A file of the name ``imagenet`` is given with its folder.
    """
    frozen_stages: Annotated[int, Field(ge=0, le=4)] = 0
    """Stages of the backbone that keep their initial weights: 1 is the stem and the first stage."""
    frozen_batch_norm: bool = False
    """Whether the backbone's batch norms keep the initial weights' statistics, gains and biases."""

    @model_validator(mode="after")
    def _frozen_weights_have_a_source(self) -> Self:
        if self.initial_weights is None and (self.frozen_stages or self.frozen_batch_norm):
            raise ValueError(
                "frozen_stages, frozen_batch_norm: weights that start at random would stay at "
                "random; expected initial_weights beside them, and got none"
            )
        return self

    @property
    def recipe_id(self) -> str:
        """First 12 hex digits of the SHA-256 of the JSON form, defaults left out.

        Initial weights enter by their path as it is written, not by their content.
        """
        plain = self.model_dump(mode="json", exclude_defaults=True)
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def peak_learning_rate(self) -> float:
        """Learning rate at the end of the warm-up, for this recipe's batch."""
        return self.optimizer.learning_rate * self.batch / REFERENCE_BATCH
