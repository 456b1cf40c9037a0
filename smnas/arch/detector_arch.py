"""``DetectorArch``: the full description of one detector, and which parts fit together.

The narrow waist of the house: spaces produce it, detectors are built from it, and what is stored is
keyed by it.
"""

import hashlib
from typing import Any, Self

from pydantic import ValidationError, model_validator

from smnas.arch.parts import (
    DEFAULT_NORM,
    Backbone,
    Head,
    InputSize,
    Neck,
    NoNeck,
    NoProposals,
    Norm,
    Part,
    Proposals,
    RetinaHead,
)
from smnas.arch.text import read_text, write_text
from smnas.errors import ArchError, describe_validation_error


class DetectorArch(Part):
    """All that decides what the exported file computes for given weights.

    A value: frozen, validated, hashable; text form and JSON are exact in both directions. The text
    form is ``WxH/BACKBONE/NECK/PROPOSALS/HEAD[/KEY=VALUE...]``, see ``smnas.arch.text``.
    """

    input: InputSize
    backbone: Backbone
    neck: Neck
    proposals: Proposals
    head: Head
    norm: Norm = DEFAULT_NORM
    """``bn``: in the backbone only, neck and heads have biases; ``gn-ws``, ``gn``: everywhere."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        one_stage = isinstance(self.proposals, NoProposals)
        if one_stage and not isinstance(self.head, RetinaHead):
            raise ValueError(
                f"head {self.head.kind!r} needs proposals: use 'rpn' or 'ga-rpn', "
                "or the head 'retina'"
            )
        if not one_stage and isinstance(self.head, RetinaHead):
            raise ValueError(
                "head 'retina' works on all anchors and takes no proposals: use 'none' in the "
                f"place of {self.proposals.kind!r}, or a head 'rcnn' or 'cascade-2' to 'cascade-4'"
            )
        if one_stage and isinstance(self.neck, NoNeck):
            raise ValueError("head 'retina' needs a pyramid: use a neck such as 'fpn-p2-p5-64'")
        return self

    @classmethod
    def parse(cls, text: str) -> "DetectorArch":
        """Return the arch that ``text`` describes.

        Raises:
            ArchError: An unknown part (the nearest is named), a value out of range, or parts that
                do not fit together.
        """
        try:
            return cls.model_validate(read_text(text))
        except ValidationError as error:
            raise ArchError(describe_validation_error(f"arch {text!r}", error)) from None

    @classmethod
    def from_json(cls, data: str | bytes) -> "DetectorArch":
        """Return the arch from its JSON form.

        Raises:
            ArchError: Not JSON, unknown fields, or values that make no arch.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ArchError(describe_validation_error("arch JSON", error)) from None

    def to_json(self) -> str:
        """Return the JSON form; ``from_json`` reads it back exactly."""
        return self.model_dump_json()

    def replace(self, **changes: Any) -> "DetectorArch":
        """Return a copy with some fields changed, checked like any other arch.

        Args:
            changes: Fields of this class and their new values.

        Returns:
            The changed arch; this one stays as it is.

        Raises:
            ArchError: The parts no longer fit together.
        """
        try:
            return DetectorArch(**{**dict(self), **changes})
        except ValidationError as error:
            raise ArchError(describe_validation_error(f"change of {self}", error)) from None

    def __str__(self) -> str:
        """Return the text form, defaults left out; ``parse`` reads it back exactly."""
        return write_text(self.model_dump())

    @property
    def arch_id(self) -> str:
        """First 12 hex digits of the SHA-256 of the text form."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:12]

    @property
    def deployed(self) -> "DetectorArch":
        """The arch in the form that ships: the same with BN, which folds into the convolutions.

        Candidates trained with GN + WS are timed and counted as this twin.
        """
        return self.replace(norm="bn")

    @property
    def roi_levels(self) -> tuple[int, ...]:
        """Levels that RoIs are taken from: those that the backbone feeds."""
        return self.neck.lateral_levels
