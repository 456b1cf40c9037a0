"""What ``scenes`` shall be made: a grade, how many pictures of which size, and a seed."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smnas.errors import ConfigError, describe_validation_error

PREFIX = "scenes"

GradeName = Literal["easy", "normal", "hard"]
SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Grade:
    """How much is in a picture.

    Attributes:
        objects: Fewest and most objects.
        long_side: Smallest and largest long side of an object, as a share of the picture's side;
            log-uniform between them.
        digits: Most handwritten digits, which belong to no class.
        noise: Largest standard deviation of the noise, in grey values.
    """

    objects: tuple[int, int]
    long_side: tuple[float, float]
    digits: int
    noise: float


GRADES: dict[GradeName, Grade] = {
    "easy": Grade(objects=(1, 3), long_side=(0.25, 0.55), digits=0, noise=9.0),
    "normal": Grade(objects=(1, 7), long_side=(0.10, 0.55), digits=3, noise=9.0),
    "hard": Grade(objects=(5, 12), long_side=(0.06, 0.40), digits=3, noise=15.0),
}

SCENES_NAMES = tuple(f"{PREFIX}:{grade}" for grade in get_args(GradeName))


def names_scenes(name: str) -> bool:
    """Tell whether a name is meant for these settings, right or wrong."""
    return name.partition(":")[0] == PREFIX


class ScenesSettings(BaseModel):
    """What decides the pictures; its text form is the name of the data.

    >>> str(ScenesSettings.parse("scenes:easy,size=128,train=400"))
    'scenes:easy,train=400,size=128'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grade: GradeName
    train: int = Field(default=1000, ge=1, le=1_000_000)
    """Pictures to train on."""
    val: int = Field(default=400, ge=1, le=1_000_000)
    test: int = Field(default=400, ge=1, le=1_000_000)
    size: int = Field(default=160, ge=32, le=1024)
    """Width and height of the pictures in pixels."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Of the pictures: a search with another seed still sees the same ones."""

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the settings that a name such as ``scenes:hard,train=400,size=128`` stands for.

        Raises:
            ConfigError: No such grade or option, one given twice, or a value out of range.
        """
        grade, *options = name.partition(":")[2].split(",")
        if not names_scenes(name) or not grade:
            raise ConfigError(f"data {name!r}: expected a grade: {', '.join(SCENES_NAMES)}")
        values = {"grade": grade}
        for option in options:
            key, equals, value = option.partition("=")
            if not equals:
                raise ConfigError(
                    f"data {name!r}: {option!r}: expected KEY=NUMBER, as in "
                    f"{PREFIX}:{grade},train=400,size=128"
                )
            if key in values:
                raise ConfigError(f"data {name!r}: {key} is given twice")
            values[key] = value
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(describe_validation_error(f"data {name!r}", error, cls)) from None

    def __str__(self) -> str:
        """Return the name: options in the order of the fields, defaults left out."""
        options = self.model_dump(exclude={"grade"}, exclude_defaults=True)
        return ",".join([f"{PREFIX}:{self.grade}", *(f"{k}={v}" for k, v in options.items())])

    def count(self, split: SplitName) -> int:
        """Return how many pictures a split has."""
        return {"train": self.train, "val": self.val, "test": self.test}[split]
