"""Stage one: which modules, and the input size (SM-NAS, section 3.1; paper.md 1.1)."""

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Annotated, Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from smnas.arch import DetectorArch
from smnas.arch.keys import KEYS
from smnas.arch.parts import Backbone, InputSize, Neck
from smnas.errors import ArchError, SpaceError
from smnas.space.choices import Branch, CategoricalChoice, ChoiceTree, Value, Values
from smnas.space.coding import as_built
from smnas.space.mutation import Moves, pick_move

Choices = Annotated[tuple[str, ...], Field(min_length=1)]
_Place = tuple[int, int, int, int]
"""The position of a member's choice in each of the four lists."""

_LISTS = ("inputs", "backbones", "necks", "heads")
_OPERATORS = ("input", "backbone", "neck", "head")
_FIELDS = (("input",), ("backbone",), ("neck",), ("proposals", "head"))
"""The fields of an arch that each list decides."""
_PROBE = ("64x64", "resnet18", "fpn-p2-p5-64", "rpn/rcnn")
"""A choice for each list that fits all choices of the others: what one choice is tried with."""


class StructuralSpace(BaseModel):
    """Literal choices in text form: one of each list makes an arch, where they fit together.

    A choice is a field of the text form, PROPOSALS/HEAD being one choice of ``heads``. Keys of its
    own may follow it, as in ``rpn/rcnn/fc=256``. ``keys`` are given to every member.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: Choices
    backbones: Choices
    necks: Choices
    heads: Choices
    keys: tuple[str, ...] = ()

    _modules: list[list[dict[str, Any]]] = PrivateAttr(default_factory=list)
    """For each list its choices as fields of an arch."""
    _norm: str = PrivateAttr(default="")
    _fits: dict[tuple[int, int], None] = PrivateAttr(default_factory=dict)
    """Which neck goes with which head, by position, in order."""

    @field_validator(*_LISTS)
    @classmethod
    def _choices_are_parts(cls, choices: Choices, info: ValidationInfo) -> Choices:
        place = _LISTS.index(str(info.field_name))
        probes = [_probe(place, choice) for choice in choices]
        twice = [
            text for text, probe in zip(choices, probes, strict=True) if probes.count(probe) > 1
        ]
        if twice:
            raise ValueError(f"each choice stands once; {' and '.join(twice)} are the same")
        return choices

    @model_validator(mode="after")
    def _choices_fit_together(self) -> Self:
        probes = [
            [_probe(place, choice, self.keys) for choice in getattr(self, name)]
            for place, name in enumerate(_LISTS)
        ]
        self._norm = probes[0][0].norm
        self._modules = [
            [{at: getattr(probe, at) for at in fields} for probe in found]
            for fields, found in zip(_FIELDS, probes, strict=True)
        ]
        pairs = product(range(len(self.necks)), range(len(self.heads)))
        self._fits = dict.fromkeys(pair for pair in pairs if self._fit(*pair))
        for side, name in enumerate(("necks", "heads")):
            used = {pair[side] for pair in self._fits}
            alone = [text for i, text in enumerate(getattr(self, name)) if i not in used]
            if alone:
                raise ValueError(f"{name}: {', '.join(alone)}: fits no other choice of the space")
        return self

    @property
    def size(self) -> int:
        """Number of members."""
        return self.choices.size

    @cached_property
    def choices(self) -> ChoiceTree:
        """The tree: as many assignments as members (see ``ChoiceSpace``)."""
        return ChoiceTree(
            Branch(CategoricalChoice("input", self.inputs)),
            Branch(CategoricalChoice("backbone", self.backbones)),
            Branch(
                CategoricalChoice("neck", self.necks), tuple(map(self.head_branches, self.necks))
            ),
        )

    def head_branches(self, neck: str) -> tuple[Branch]:
        """Return the choice among the heads that go with ``neck``, one of ``necks``."""
        heads = self._heads_by_neck[neck]
        first = next(other for other in self.necks if self._heads_by_neck[other] == heads)
        name = "head" if heads == self.heads else f"head-for-{first}"
        return (Branch(CategoricalChoice(name, heads)),)

    @cached_property
    def _heads_by_neck(self) -> dict[str, tuple[str, ...]]:
        return {
            neck: tuple(head for at, head in enumerate(self.heads) if (place, at) in self._fits)
            for place, neck in enumerate(self.necks)
        }

    def encode(self, arch: DetectorArch) -> dict[str, Value]:
        """Return the one assignment of a member (see ``ChoiceSpace.encode``)."""
        at = self._locate(arch)
        if at is None:
            raise SpaceError(f"expected a member of the structural space; got {arch}")
        lists = (self.inputs, self.backbones, self.necks, self.heads)
        return self.choices.name([choices[i] for choices, i in zip(lists, at, strict=True)])

    def decode(self, values: Values) -> DetectorArch:
        """Return the member of an assignment (see ``ChoiceSpace.decode``)."""
        chosen = self.choices.order(values)
        lists = (self.inputs, self.backbones, self.necks, self.heads)
        at = [choices.index(str(value)) for choices, value in zip(lists, chosen, strict=True)]
        return self._member((at[0], at[1], at[2], at[3]))

    @property
    def input_sizes(self) -> tuple[InputSize, ...]:
        """The choices of ``inputs`` as values."""
        return tuple(choice["input"] for choice in self._modules[0])

    @property
    def backbone_parts(self) -> tuple[Backbone, ...]:
        """The choices of ``backbones`` as values."""
        return tuple(choice["backbone"] for choice in self._modules[1])

    @property
    def neck_parts(self) -> tuple[Neck, ...]:
        """The choices of ``necks`` as values."""
        return tuple(choice["neck"] for choice in self._modules[2])

    def contains(self, arch: DetectorArch) -> bool:
        """Return whether ``arch`` is a member."""
        return self._locate(arch) is not None

    def sample(self, rng: np.random.Generator) -> DetectorArch:
        """Return a member; all are equally likely."""
        neck, head = list(self._fits)[rng.integers(len(self._fits))]
        at = int(rng.integers(len(self.inputs))), int(rng.integers(len(self.backbones)))
        return self._member((*at, neck, head))

    def sample_spread(self, count: int, rng: np.random.Generator) -> list[DetectorArch]:
        """Return random members that spread over inputs, backbones and heads.

        Each of these lists is cut into ``count`` equal parts, and each part is drawn from once: a
        Latin hypercube. So small and large inputs, light and heavy backbones and all heads are
        there from the start, where independent draws often leave one out. Necks are drawn from
        those that fit the head. A member may come twice.
        """
        lists = (self.inputs, self.backbones, self.heads)
        deals = [_deal(len(choices), count, rng) for choices in lists]
        members: list[DetectorArch] = []
        for place, backbone, head in zip(*deals, strict=True):
            necks = [neck for neck, partner in self._fits if partner == head]
            members.append(self._member((place, backbone, necks[rng.integers(len(necks))], head)))
        return members

    def moves(self, arch: DetectorArch) -> Moves:
        """Return the members that differ from ``arch`` in one module, by that module.

        Raises:
            SpaceError: ``arch`` is not a member.
        """
        at = self._locate(arch)
        if at is None:
            raise SpaceError(f"expected a member of the structural space; got {arch}")
        parent, moves = as_built(arch), dict[str, tuple[DetectorArch, ...]]()
        for place, operator in enumerate(_OPERATORS):
            choices = range(len(self._modules[place]))
            others = [_with(at, place, choice) for choice in choices if choice != at[place]]
            children = [self._member(other) for other in others if other[2:] in self._fits]
            fit = tuple(child for child in children if as_built(child) != parent)
            if fit:
                moves[operator] = fit
        return moves

    def mutate(self, arch: DetectorArch, rng: np.random.Generator) -> tuple[DetectorArch, str]:
        """Return a member that differs from ``arch`` in exactly one module, and that module.

        Raises:
            SpaceError: ``arch`` is not a member, or no module has another fitting choice.
        """
        return pick_move(self.moves(arch), rng)

    def enumerate(self) -> Iterator[DetectorArch]:
        """Yield every member once, in the order of the lists."""
        for at in product(range(len(self.inputs)), range(len(self.backbones)), self._fits):
            yield self._member((at[0], at[1], *at[2]))

    def _locate(self, arch: DetectorArch) -> _Place | None:
        if arch.norm != self._norm:
            return None
        found: list[int] = []
        for fields, choices in zip(_FIELDS, self._modules, strict=True):
            wanted = {at: getattr(arch, at) for at in fields}
            if wanted not in choices:
                return None
            found.append(choices.index(wanted))
        at = found[0], found[1], found[2], found[3]
        return at if at[2:] in self._fits else None

    def _member(self, at: _Place) -> DetectorArch:
        parts: dict[str, Any] = {"norm": self._norm}
        for choices, position in zip(self._modules, at, strict=True):
            parts |= choices[position]
        return DetectorArch(**parts)

    def _fit(self, neck: int, head: int) -> bool:
        """Return whether the two make an arch; which parts do is the arch's knowledge."""
        try:
            self._member((0, 0, neck, head))
        except ValidationError:
            return False
        return True


def _deal(choices: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return ``count`` positions below ``choices``, one from each equal part, in random order."""
    places = (rng.permutation(count) + rng.random(count)) * choices / count
    return [min(int(place), choices - 1) for place in places]  # rounding may reach the end


def _with(at: _Place, place: int, choice: int) -> _Place:
    changed = list(at)
    changed[place] = choice
    return changed[0], changed[1], changed[2], changed[3]


def _probe(place: int, choice: str, shared_keys: tuple[str, ...] = ()) -> DetectorArch:
    """Return an arch that has ``choice`` in its place and plain parts in the others.

    Raises:
        ArchError: The choice is not a part of that place.
    """
    own = choice.split("/")
    count = _PROBE[place].count("/") + 1
    for key in own[count:]:
        name = key.partition("=")[0]
        if name in KEYS and KEYS[name].path[0] not in _FIELDS[place]:
            raise ArchError(f"{choice!r}: {key!r} does not belong to {_LISTS[place]}; move it")
    plain = [*_PROBE[:place], "/".join(own[:count]), *_PROBE[place + 1 :]]
    return DetectorArch.parse("/".join([*plain, *own[count:], *shared_keys]))
