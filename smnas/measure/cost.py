"""What a detector costs by count: parameters, and multiply-adds on one padded picture."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from smnas.arch import DetectorArch
from smnas.arch.parts import NoProposals
from smnas.detector.build import build_detector
from smnas.detector.detector import Detector
from smnas.detector.rcnn_head import BoxPredictor
from smnas.detector.two_stage import TwoStageHead
from smnas.trial.measurement import CountProtocol, Measurement

PARAMS_RULE = "trainable parameters; a norm has two per channel, whether or not it folds away"
MACS_RULE = (
    "multiply-adds of convolutions, deformable ones included, of fully connected layers, and of "
    "attention's matrix products, at batch 1 on the padded input, RoI heads on all proposals kept; "
    "norms, activations, resizing, RoIAlign, top-k and NMS are not counted"
)


def count_cost(arch: DetectorArch, num_classes: int) -> tuple[Measurement, Measurement]:
    """Count what ``arch`` costs, as it is given: hand in ``arch.deployed`` for what ships.

    Exact, operator by operator, in about a quarter of a second for any size. The rule is that of
    paper.md 5.3, which gives the published parameters of E0 and E2; how the paper counts its
    "FLOPs" is not known. Of a timm backbone with attention the matrix products are counted too.

    Args:
        arch: What to count.
        num_classes: K, the data's categories.

    Returns:
        ``params_m`` in millions and ``macs_g`` in billions.

    Raises:
        NotBuiltYetError: A part that this version cannot build.
        ArchError: A backbone by name that cannot feed this neck, or takes no pictures of this size.
    """
    # Tensors there have shapes, but no content: nothing is computed. (Under FakeTensorMode many of
    # timm's networks cannot be built, since their constructors read the values of small tensors.)
    with torch.device("meta"):
        detector = build_detector(arch, num_classes, seed=0).eval()
        macs = count_macs(lambda: run_layers(detector))
    parameters = sum(item.numel() for item in detector.parameters() if item.requires_grad)
    return (
        _count("params_m", parameters / 1e6, "M", PARAMS_RULE),
        _count("macs_g", macs / 1e9, "G", MACS_RULE),
    )


def count_macs(run: Callable[[], None]) -> int:
    """Return the multiply-adds of the convolutions and matrix products that ``run`` computes."""
    counter = FlopCounterMode(display=False, custom_mapping=_EXTRA_OPERATORS)
    with torch.no_grad(), counter:
        run()
    return counter.get_total_flops() // 2


def run_layers(detector: Detector) -> None:
    """Run every layer on the shapes that it will see, without what picks boxes in between."""
    arch = detector.arch
    maps = detector.neck(detector.backbone(torch.empty(1, 3, *arch.input.padded)))
    dense = cast(nn.Module, detector.head)
    if isinstance(dense, TwoStageHead):
        dense = cast(nn.Module, dense.rpn)
    dense(maps)
    if isinstance(arch.proposals, NoProposals):
        return
    for module in detector.modules():
        if isinstance(module, BoxPredictor):  # one for each stage of a cascade
            module(torch.empty(1, arch.proposals.kept, module.first.in_features))


def _count(metric: str, value: float, unit: str, rule: str) -> Measurement:
    return Measurement(metric=metric, value=value, unit=unit, protocol=CountProtocol(rule=rule))


def _deformable_flops(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    *rest: Any,
    out_shape: tuple[int, ...],
    **named: Any,
) -> int:
    """Return two per multiply-add, as the counter's own rules do; sampling is not counted."""
    batch, out_channels, height, width = out_shape
    in_channels, rows, columns = weight_shape[1:]
    return 2 * batch * out_channels * height * width * in_channels * rows * columns


# Registered by torchvision, which the detector room imports.
_EXTRA_OPERATORS: dict[Any, Any] = {torch.ops.torchvision.deform_conv2d: _deformable_flops}
