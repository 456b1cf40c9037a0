"""Batches for training, made in the background and always the same for the same seed."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smnas.arch.parts import InputSize
from smnas.data.annotations import Annotations
from smnas.data.dataset import DetectionDataset
from smnas.data.picture_cache import for_training
from smnas.data.transforms import Augmentation, render_view
from smnas.detector.contract import Targets
from smnas.seeding import generator

Batch = tuple[Tensor, Targets]

PREFETCHED_BATCHES = 3


class TrainLoader:
    """The batches of each epoch, as ``(images_B3HW, targets)``.

    What a picture looks like follows from (seed, epoch, index) alone. One thread prepares a few
    batches ahead; it ends with the epoch, and whenever the consumer stops early.

    Args:
        dataset: The pictures; decoded once and cached, where they are not in memory already.
        input_size: The input that the arch names.
        batch: Pictures in a batch.
        augmentation: How much pictures may be changed.
        seed: Seed of order, windows and changes.
        drop_last: Leave out the last batch of an epoch where it is not full, unless it is the only
            one.
    """

    def __init__(
        self,
        dataset: DetectionDataset,
        input_size: InputSize,
        batch: int,
        augmentation: Augmentation,
        seed: int,
        drop_last: bool = False,
    ) -> None:
        self._dataset = for_training(dataset, input_size, augmentation.zoom[1])
        self._input_size = input_size
        self._batch = batch
        self._augmentation = augmentation
        self._seed = seed
        self._drop_last = drop_last

    @property
    def pictures(self) -> int:
        """Pictures in a full batch: fewer than asked for where there are not so many."""
        return min(self._batch, len(self._dataset))

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        full, rest = divmod(len(self._dataset), self._batch)
        return full + bool(rest and not (self._drop_last and full))

    def epoch(self, number: int, done: int = 0, part: int = 0, parts: int = 1) -> Generator[Batch]:
        """Yield the batches of an epoch: every picture once, in an order of its own.

        Args:
            number: Which epoch, from 0 on.
            done: Batches at its begin to leave out.
            part: Which part of each batch to make.
            parts: How many processes share a batch.

        Raises:
            DataError: A picture cannot be read.
        """
        order = generator(self._seed, "order", number).permutation(len(self._dataset))
        batches = (
            order[start : start + self._batch][share_of(self.pictures, part, parts)]
            for start in range(done * self._batch, len(self) * self._batch, self._batch)
        )
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="smnas-loader") as thread:
            coming: deque[Future[Batch]] = deque()
            try:
                for indices in islice(batches, PREFETCHED_BATCHES):
                    coming.append(thread.submit(self.make_batch, number, indices))
                while coming:
                    batch = coming.popleft().result()
                    for indices in islice(batches, 1):
                        coming.append(thread.submit(self.make_batch, number, indices))
                    yield batch
            finally:
                for waiting in coming:
                    waiting.cancel()

    def make_batch(self, epoch: int, indices: NDArray[np.int64]) -> Batch:
        """Return the batch of the pictures at ``indices``, as they look in an epoch."""
        # NumPy's zeros are pages not yet written; torch would write them in all its threads.
        shape = (len(indices), 3, *self._input_size.padded)
        images_B3HW = torch.from_numpy(np.zeros(shape, dtype=np.float32))
        found = [
            self._render(epoch, int(index), image_3HW)
            for index, image_3HW in zip(indices, images_B3HW, strict=True)
        ]
        return images_B3HW, stack_targets(found)

    def _render(self, epoch: int, index: int, image_3HW: Tensor) -> Annotations:
        rng = generator(self._seed, "picture", epoch, index)
        look = self._augmentation.draw(rng)
        view = self._dataset.draw(index, rng, look.zoom)
        return render_view(view, self._input_size, look, image_3HW)


def share_of(count: int, part: int, parts: int) -> slice:
    """Return which of ``count`` things belong to one of ``parts`` parts, as even as can be."""
    return slice(part * count // parts, (part + 1) * count // parts)


def stack_targets(annotations: list[Annotations]) -> Targets:
    """Return the objects of a batch, padded to the most that a picture has, at least one."""
    targets = Targets.empty(len(annotations), max(1, *map(len, annotations)))
    for row, item in enumerate(annotations):
        count = len(item)
        targets.boxes_BG4[row, :count] = torch.from_numpy(item.boxes_xyxy)
        targets.labels_BG[row, :count] = torch.from_numpy(item.labels)
        targets.ignore_BG[row, :count] = torch.from_numpy(item.ignore)
        targets.valid_BG[row, :count] = True
    return targets
