"""Detectors by name, each with its source."""

KNOWN_DETECTORS: dict[str, str] = {
    # Lin et al. 2017, "Feature Pyramid Networks"; sizes and settings as in mmdetection's model zoo.
    "faster-rcnn-r50-fpn": "1333x800/resnet50/fpn-p1-p5-256/rpn/rcnn",
    "faster-rcnn-r101-fpn": "1333x800/resnet101/fpn-p1-p5-256/rpn/rcnn",
    # Lin et al. 2017, "Focal Loss"; extra levels on the last output, as in torchvision.
    "retinanet-r50-fpn": "1333x800/resnet50/fpn-p2-p6-256/none/retina/extra=conv",
    "retinanet-r101-fpn": "1333x800/resnet101/fpn-p2-p6-256/none/retina/extra=conv",
    # Cai and Vasconcelos 2018, "Cascade R-CNN".
    "cascade-rcnn-r50-fpn": "1333x800/resnet50/fpn-p1-p5-256/rpn/cascade-3",
    "cascade-rcnn-r101-fpn": "1333x800/resnet101/fpn-p1-p5-256/rpn/cascade-3",
    # Wang et al. 2019, "Region Proposal by Guided Anchoring".
    "ga-faster-rcnn-r50-fpn": (
        "1333x800/resnet50/fpn-p1-p5-256/ga-rpn/rcnn/box-stds=0.05,0.05,0.1,0.1/score=0.001"
    ),
    # Yao et al. 2020, "SM-NAS", Table 2; confirmed by their exact parameter counts (paper.md 5.3).
    "sm-nas-e0": "512x512/basicblock_64_1-21-21-12/fpn-p2-p5-128/rpn/rcnn",
    "sm-nas-e2": "800x600/basicblock_56_12-11111-211-1112/fpn-p1-p5-128/rpn/cascade-3",
    # The yardsticks of the micro space: the classics on ResNet-18's layout at a quarter of all
    # widths.
    "retinanet-r18-quarter": (
        "160x160/basicblock_16_11-21-21-21/fpn-p2-p6-64/none/retina/extra=conv"
    ),
    "faster-rcnn-r18-quarter": (
        "160x160/basicblock_16_11-21-21-21/fpn-p1-p5-64/rpn/rcnn/fc=256/rpn-anchor-scale=4"
    ),
    "cascade-rcnn-r18-quarter": (
        "160x160/basicblock_16_11-21-21-21/fpn-p1-p5-64/rpn/cascade-3/fc=256/rpn-anchor-scale=4"
    ),
}
