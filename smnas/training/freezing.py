"""Parts of the backbone that keep their initial weights while the rest learns.

What is frozen has no gradients, which saves their time, and stays in eval mode: its batch norms use
and keep the statistics that came with the weights.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

from torch import nn

from smnas.detector.detector import Detector
from smnas.errors import TrainingError, WeightsError
from smnas.training.init_report import InitReport
from smnas.training.recipe import Recipe


class _Staged(Protocol):
    """A backbone that can be frozen from below."""

    stages: Sequence[Sequence[nn.Module]]


@contextmanager
def frozen_parts(
    detector: Detector, recipe: Recipe, initial: InitReport | None
) -> Generator[tuple[nn.Module, ...]]:
    """Switch off the gradients of what the recipe freezes, and on again at the end.

    Where no weights exist for a backbone (``initial`` took nothing over) nothing is frozen: it
    learns from scratch.

    Args:
        detector: The network that is going to learn.
        recipe: Says what is frozen.
        initial: What was taken over before; None where the caller knows that it does not matter.

    Yields:
        The frozen modules, which the caller holds in eval mode.

    Raises:
        TrainingError: More frozen stages than the backbone has, or batch norms that learn although
            their epsilon is 0.
        WeightsError: A frozen stage holds tensors that start at random.
    """
    parts: list[nn.Module] = []
    if initial is None or initial.taken > 0:
        parts += _find_stages(detector, recipe.frozen_stages)
        if initial is not None:
            _check_not_random(detector, parts, initial)
        if recipe.frozen_batch_norm:
            parts += [m for m in detector.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    _check_epsilon(detector, parts)
    parameters = [p for part in parts for p in part.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield tuple(parts)
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def _find_stages(detector: Detector, count: int) -> list[nn.Module]:
    if count == 0:
        return []
    stages = cast(_Staged, detector.backbone).stages
    if count > len(stages):
        raise TrainingError(
            f"frozen_stages: expected at most {len(stages)}, the stages that the backbone of "
            f"{detector.arch} is built with and can be told apart; got {count}"
        )
    return [module for stage in stages[:count] for module in stage]


def _check_epsilon(detector: Detector, frozen: Sequence[nn.Module]) -> None:
    """Make sure that no batch norm can come to divide by 0, where a map is the same all over."""
    still = {module for part in frozen for module in part.modules()}
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d) and module.eps == 0 and module not in still:
            raise TrainingError(
                f"{detector.arch}: with bn-eps=0 batch norms cannot learn; leave it out (--init "
                "takes weights of torchvision all the same), or set frozen_batch_norm"
            )


def _check_not_random(detector: Detector, parts: Sequence[nn.Module], initial: InitReport) -> None:
    """Make sure that nothing is held fast which has learned nothing; an identity block may be."""
    names = {module: name for name, module in detector.named_modules()}
    frozen = tuple(f"{names[part]}." for part in parts)
    identity = tuple(f"{name}." for name in initial.identity_blocks)
    random = [
        name
        for name in initial.skipped
        if name.startswith(frozen) and not (identity and name.startswith(identity))
    ]
    if random:
        raise WeightsError(
            f"frozen_stages: {len(random)} tensors of the frozen stages are not in "
            f"{initial.source} and would stay at random ({', '.join(random[:3])}); freeze fewer "
            "stages, or give weights of this backbone"
        )
