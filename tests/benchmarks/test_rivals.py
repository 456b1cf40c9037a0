from typing import Any

import pytest
import torch

KINDS = ("faster_rcnn_r18", "retinanet_r18")


@pytest.mark.parametrize("kind", KINDS)
def test_both_have_equal_multiply_adds_and_like_losses(kind: Any) -> None:
    import rivals

    theirs = rivals.build_theirs(kind, 64)
    found = rivals.convert(theirs, 64)
    ours_g, theirs_g = rivals.check_macs(kind, theirs, found, 64)
    assert ours_g == pytest.approx(theirs_g, rel=0.02)
    ours = rivals.build_ours(found)
    batch = rivals.draw_batch(2, 64)
    losses = [
        rivals.make_step(ours, (batch.images_B3HW, batch.targets), "float32")(),
        rivals.make_step(theirs, batch.theirs(found.first_label), "float32")(),
    ]
    # RPN and head sample at random, and RetinaNet is normed per picture there, per batch here.
    assert losses[0] == pytest.approx(losses[1], rel=0.1)


def test_unequal_multiply_adds_are_refused() -> None:
    import rivals

    theirs = rivals.build_theirs("retinanet_r18", 64)
    narrow = rivals.convert(rivals.build_theirs("retinanet_r18", 64, classes=1), 64)
    with pytest.raises(ValueError, match="expected equal multiply-adds"):
        rivals.check_macs("retinanet_r18", theirs, narrow, 64)


def test_their_targets_are_ours_without_padding() -> None:
    import rivals

    batch = rivals.draw_batch(2, 96)
    batch.targets.valid_BG[0, 2:] = False
    images, targets = batch.theirs(first_label=1)
    assert torch.equal(torch.stack(images), batch.images_B3HW)
    assert [len(target["boxes"]) for target in targets] == [2, 5]
    assert torch.equal(targets[1]["labels"], batch.targets.labels_BG[1] + 1)
    sides = targets[1]["boxes"][:, 2:] - targets[1]["boxes"][:, :2]
    assert (sides > 0).all()
