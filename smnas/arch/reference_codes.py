"""Backbones by name as codes."""

from smnas.arch.parts import CodedBackbone

REFERENCE_CODES: dict[str, CodedBackbone] = {
    # ResNets: the strings of paper.md 2.1; a ResNeXt has the layout of its ResNet.
    "resnet18": CodedBackbone(block="basicblock", base=64, code="11-21-21-21"),
    "resnet34": CodedBackbone(block="basicblock", base=64, code="111-2111-211111-211"),
    "resnet50": CodedBackbone(block="bottleneck", base=64, code="111-2111-211111-211"),
    "resnet101": CodedBackbone(block="bottleneck", base=64, code=f"111-2111-2{'1' * 22}-211"),
    "resnext50": CodedBackbone(block="xbottleneck", base=64, code="111-2111-211111-211"),
    "resnext101": CodedBackbone(block="xbottleneck", base=64, code=f"111-2111-2{'1' * 22}-211"),
    # MobileNetV2 (Sandler et al. 2018, Table 2): 2, 3, 7 and 4 blocks at strides 4 to 32; its
    # widths 24, 32, 64, 96, 160, 320 grow by less than doublings, so three stand for five steps.
    "mobilenetv2": CodedBackbone(block="inverted", base=24, code="11-111-2111111-2112"),
}
"""Backbones by name as codes. The stem differs: two 3x3 convolutions in the place of one 7x7 (or of
MobileNetV2's first block) and no max pooling (paper.md 2.1)."""
