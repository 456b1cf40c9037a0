import torch

from smnas.detector.contract import Detections, Targets


def test_objects_are_valid_and_not_ignored() -> None:
    targets = Targets(
        boxes_BG4=torch.zeros(1, 4, 4),
        labels_BG=torch.zeros(1, 4, dtype=torch.int64),
        valid_BG=torch.tensor([[True, True, False, False]]),
        ignore_BG=torch.tensor([[True, False, True, False]]),
    )
    assert targets.objects_BG.tolist() == [[False, True, False, False]]


def test_values_move_to_a_device_whole() -> None:
    targets = Targets.empty(2, 3).to("meta")
    assert {item.device.type for item in vars(targets).values()} == {"meta"}
    plain = torch.zeros(1, 2)
    found = Detections(torch.zeros(1, 2, 4), plain, plain.long(), plain.bool()).to("meta")
    assert {item.device.type for item in vars(found).values()} == {"meta"}


def test_pictures_of_a_batch() -> None:
    targets = Targets.empty(5, 3).of_pictures(slice(1, 3))
    assert targets.boxes_BG4.shape == (2, 3, 4)
    assert targets.valid_BG.shape == (2, 3)
