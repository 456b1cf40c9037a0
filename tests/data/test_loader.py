"""The loader: the same batches for the same seed, each picture once, and a thread that ends."""

import threading
from itertools import chain

import numpy as np
import pytest
import torch

from smnas.arch.parts import InputSize
from smnas.data.annotations import Annotations
from smnas.data.coco import load_coco
from smnas.data.dataset import Category, DetectionDataset
from smnas.data.loader import PREFETCHED_BATCHES, TrainLoader, share_of, stack_targets
from smnas.data.picture import fit_picture
from smnas.data.transforms import Augmentation
from smnas.errors import DataError

SIZE = InputSize(width=48, height=40)
UNCHANGED = Augmentation(horizontal_flip=0, zoom=(1, 1), brightness=0, contrast=0)


class Numbered(DetectionDataset):
    """Picture i is filled with the value i and shows i objects; ``broken`` ones cannot be read."""

    name = "numbered"
    categories = (Category(1, "thing"),)
    data_id = "0" * 12

    def __init__(self, count, broken=()):
        self.count = count
        self.broken = set(broken)
        self.reads = []

    def __len__(self):
        return self.count

    def picture_id(self, index):
        return index

    def picture_size(self, index):
        return 96, 80

    def annotations(self, index):
        return Annotations.of([[10 * i, 10, 10 * i + 8, 30] for i in range(index)])

    def read(self, index):
        self.reads.append(index)
        if index in self.broken:
            raise DataError(f"picture {index} is broken")
        return np.full((80, 96, 3), index, dtype=np.uint8), self.annotations(index)


def shown(images_B3HW):
    """Return which picture each image is, from its value."""
    values = (images_B3HW[:, 0, 0, 0] * 0.229 + 0.485) * 255
    return values.round().int().tolist()


def loader_threads():
    return [item for item in threading.enumerate() if item.name.startswith("smnas-loader")]


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own():
    loader = TrainLoader(Numbered(7), SIZE, 3, UNCHANGED, seed=0)
    assert len(loader) == 3
    epochs = [[shown(images) for images, _ in loader.epoch(k)] for k in range(2)]
    assert [len(batch) for batch in epochs[0]] == [3, 3, 1]
    orders = [list(chain.from_iterable(epoch)) for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    assert orders[0] != orders[1]


def test_images_and_targets_belong_together():
    loader = TrainLoader(Numbered(7), SIZE, 4, UNCHANGED, seed=0)
    for images_B3HW, targets in loader.epoch(0):
        assert images_B3HW.shape[1:] == (3, 64, 64)
        assert images_B3HW.dtype == torch.float32
        assert targets.valid_BG.sum(1).tolist() == shown(images_B3HW)
        first = targets.boxes_BG4[targets.valid_BG.any(1), 0]
        torch.testing.assert_close(first, torch.tensor([0.0, 5, 4, 15]).expand_as(first))


def test_unchanged_pictures_are_those_that_are_measured():
    dataset = Numbered(5)
    for images_B3HW, _ in TrainLoader(dataset, SIZE, 2, UNCHANGED, seed=0).epoch(0):
        for index, image_3HW in zip(shown(images_B3HW), images_B3HW, strict=True):
            expected = fit_picture(dataset.read(index)[0], SIZE).image_3HW
            torch.testing.assert_close(image_3HW, expected)


@pytest.mark.parametrize(
    ("pictures", "drop_last", "batches"), [(7, True, 2), (6, True, 2), (2, True, 1), (7, False, 3)]
)
def test_a_last_batch_that_is_not_full_may_be_dropped_unless_it_is_the_only_one(
    pictures, drop_last, batches
):
    loader = TrainLoader(Numbered(pictures), SIZE, 3, UNCHANGED, seed=0, drop_last=drop_last)
    assert len(loader) == len(list(loader.epoch(0))) == batches


class TestRepeating:
    def test_the_same_seed_gives_the_same_batches(self, make_coco):
        dataset = load_coco(make_coco())

        def epoch(seed, number):
            loader = TrainLoader(dataset, SIZE, 2, Augmentation(), seed)
            return [(images.clone(), targets) for images, targets in loader.epoch(number)]

        for (images, targets), (again, targets_again) in zip(epoch(1, 5), epoch(1, 5), strict=True):
            assert torch.equal(images, again)
            assert torch.equal(targets.boxes_BG4, targets_again.boxes_BG4)
        assert not torch.equal(epoch(1, 5)[0][0], epoch(2, 5)[0][0])
        assert not torch.equal(epoch(1, 5)[0][0], epoch(1, 6)[0][0])

    def test_an_epoch_does_not_depend_on_those_before(self, make_coco):
        dataset = load_coco(make_coco())
        fresh = TrainLoader(dataset, SIZE, 2, Augmentation(), seed=1)
        used = TrainLoader(dataset, SIZE, 2, Augmentation(), seed=1)
        list(used.epoch(0))
        for (images, _), (again, _) in zip(fresh.epoch(1), used.epoch(1), strict=True):
            assert torch.equal(images, again)


class TestThread:
    def test_reads_a_few_batches_ahead_and_no_further(self):
        dataset = Numbered(40)
        batches = TrainLoader(dataset, SIZE, 2, UNCHANGED, seed=0).epoch(0)
        next(batches)
        for thread in loader_threads():
            while len(dataset.reads) < 2 * (PREFETCHED_BATCHES + 1):
                thread.join(0.01)
            thread.join(0.05)
        assert len(dataset.reads) == 2 * (PREFETCHED_BATCHES + 1)
        batches.close()

    def test_ends_when_the_consumer_stops_early(self):
        for _ in TrainLoader(Numbered(40), SIZE, 2, UNCHANGED, seed=0).epoch(0):
            assert loader_threads()
            break
        assert not loader_threads()

    def test_ends_when_the_consumer_raises(self):
        def consume():
            for _ in TrainLoader(Numbered(40), SIZE, 2, UNCHANGED, seed=0).epoch(0):
                raise RuntimeError("consumer")

        with pytest.raises(RuntimeError, match="consumer"):
            consume()
        assert not loader_threads()

    def test_hands_its_errors_to_the_consumer(self):
        loader = TrainLoader(Numbered(40, broken=[17]), SIZE, 2, UNCHANGED, seed=0)
        with pytest.raises(DataError, match="picture 17 is broken"):
            list(loader.epoch(0))
        assert not loader_threads()


def test_targets_have_room_for_at_least_one_box():
    targets = stack_targets([Annotations.of([]), Annotations.of([])])
    assert targets.boxes_BG4.shape == (2, 1, 4)
    assert not targets.valid_BG.any()


def test_targets_keep_labels_and_ignored_boxes():
    rows = Annotations.of([[0, 0, 5, 5], [1, 1, 9, 9]], labels=[2, 1], ignore=[False, True])
    targets = stack_targets([Annotations.of([[3, 3, 6, 6]]), rows])
    assert targets.labels_BG.tolist() == [[0, 0], [2, 1]]
    assert targets.valid_BG.tolist() == [[True, False], [True, True]]
    assert targets.ignore_BG.tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize(("count", "parts"), [(5, 2), (8, 4), (7, 7), (3, 5)])
def test_shares_cover_everything_once_and_evenly(count, parts) -> None:
    shares = [range(count)[share_of(count, part, parts)] for part in range(parts)]
    assert [item for share in shares for item in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
