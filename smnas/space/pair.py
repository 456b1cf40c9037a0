"""The two spaces that one search walks through, and the detector that is trained beside it."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from smnas.arch import DetectorArch
from smnas.arch.parts import InputSize
from smnas.errors import SpaceError
from smnas.space.modular import ModularSpace
from smnas.space.structural import StructuralSpace


def _read_arch(value: Any) -> Any:
    return DetectorArch.parse(value) if isinstance(value, str) else value


ArchText = Annotated[DetectorArch, BeforeValidator(_read_arch), PlainSerializer(str)]
"""An arch that stands as its text form in JSON."""


class SpacePair(BaseModel):
    """A structural space, the modular space around its members, and a yardstick.

    Every backbone of the structural space can enter the modular one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    structural: StructuralSpace
    modular: ModularSpace
    yardstick: ArchText
    """A known detector, trained with the same recipe and budget; not a candidate."""
    more_yardsticks: tuple[ArchText, ...] = ()
    """Others, trained as the finals are."""

    @property
    def yardsticks(self) -> tuple[DetectorArch, ...]:
        """All of them, the first one first."""
        return (self.yardstick, *self.more_yardsticks)

    @property
    def enclosing_input(self) -> InputSize:
        """The smallest input that every structure's input, and the yardsticks', fits into."""
        sizes = [*self.structural.input_sizes, *(arch.input for arch in self.yardsticks)]
        return InputSize(
            width=max(size.width for size in sizes), height=max(size.height for size in sizes)
        )

    @model_validator(mode="after")
    def _backbones_enter_stage_two(self) -> Self:
        first, wrong = next(self.structural.enumerate()), list[str]()
        for text in self.structural.backbones:
            backbone = DetectorArch.parse(f"64x64/{text}/fpn-p2-p5-64/rpn/rcnn").backbone
            try:
                self.modular.enter(first.replace(backbone=backbone))
            except SpaceError as error:
                wrong.append(str(error))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self
