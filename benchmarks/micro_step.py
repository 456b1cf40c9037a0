"""Where the time of a training step goes: arithmetic; post-processing and matching."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from rivals import Step, draw_batch, make_step
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from turns import Clock, ratios, summarise, time_in_turns

from smnas.arch import DetectorArch
from smnas.detector import rcnn_head, retina_head, rpn
from smnas.detector.build import build_detector
from smnas.training.precision import Precision
from smnas.training.recipe import Recipe

CANDIDATES = {
    "micro_one_stage": "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/none/retina/norm=gn-ws",
    "micro_two_stage": (
        "160x160/basicblock_16_1-21-21-21/fpn-p2-p5-64/rpn/rcnn/fc=256/norm=gn-ws/proposals=100"
        "/rpn-anchor-octaves=2/rpn-anchor-scale=4/rpn-pre-nms=300"
    ),
}
"""Structures of the micro space, trained with the recipe's defaults."""
_CLASSES = 3
_BATCH = Recipe().batch
_STACK_WIDTH, _STACK_DEPTH, _STACK_STRIDE = 64, 8, 8
_MATCHING: list[tuple[Any, str]] = [
    (rpn.Rpn, "propose"),
    (rpn, "match"),
    (rpn, "sample"),
    (retina_head, "match"),
    (rcnn_head, "sample_rois"),
]
"""All that makes proposals of outputs, and decides what the losses see."""


def measure_arithmetic(precision: Precision, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return the arithmetic speed of a micro candidate's step over that of plain convolutions.

    Both at the recipe's batch and in one precision. What is counted are the multiply-adds of
    convolutions, forward and backward; the candidate's time is that of its whole step.
    """
    arch = DetectorArch.parse(CANDIDATES["micro_one_stage"])
    step = make_micro_step(arch, precision)
    stack_step = make_stack_step(arch.input.width // _STACK_STRIDE, precision)
    seconds = time_in_turns({"candidate": step, "stack": stack_step}, rounds, clock)
    flops, stack_flops = count_flops(step), count_flops(stack_step)
    shares = [
        share * flops / stack_flops for share in ratios(seconds["stack"], seconds["candidate"])
    ]
    return {
        **summarise("arithmetic_share", shares),
        "arithmetic": {
            "candidate": str(arch),
            "batch": _BATCH,
            "gflops": round(flops / statistics.median(seconds["candidate"]) / 1e9, 1),
            "stack_gflops": round(stack_flops / statistics.median(seconds["stack"]) / 1e9, 1),
        },
    }


def make_micro_step(arch: DetectorArch, precision: Precision) -> Step:
    """Return a training step of a candidate, as the recipe's defaults make it."""
    detector = build_detector(arch, _CLASSES, Recipe().losses, seed=0)
    batch = draw_batch(_BATCH, arch.input.width, _CLASSES)
    return make_step(detector, (batch.images_B3HW, batch.targets), precision)


def make_stack_step(side: int, precision: Precision) -> Step:
    """Return forward and backward through 3x3 convolutions on a map of ``side`` x ``side``."""
    convs = [
        nn.Conv2d(_STACK_WIDTH, _STACK_WIDTH, 3, padding=1, bias=False) for _ in range(_STACK_DEPTH)
    ]
    stack = nn.Sequential(*convs)
    maps = torch.randn(_BATCH, _STACK_WIDTH, side, side, requires_grad=True)

    def step() -> float:
        stack.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            output = stack(maps)
        output.sum().backward()
        return 0.0

    return step


def count_flops(step: Step) -> int:
    """Return two per multiply-add of everything that one step computes."""
    counter = FlopCounterMode(display=False)
    with counter:
        step()
    return counter.get_total_flops()


def measure_matching(step: Step, rounds: int, clock: Clock) -> dict[str, Any]:
    """Return which share of a step goes to post-processing and matching."""
    spent = 0.0

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            nonlocal spent
            start = clock()
            result = function(*arguments, **named)
            spent += clock() - start
            return result

        return run

    shares: list[float] = []
    with ExitStack() as stack:
        for owner, name in _MATCHING:
            stack.enter_context(patch.object(owner, name, timed(getattr(owner, name))))
        step()
        for _ in range(rounds):
            spent, start = 0.0, clock()
            step()
            shares.append(spent / (clock() - start))
    return summarise("share", shares)
