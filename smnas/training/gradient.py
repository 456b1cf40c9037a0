"""The gradient of one batch: computed at once, in parts one after another, or by several processes.

However it is divided, it is the gradient of the same mean over the whole batch, up to rounding;
batch norms alone see the pictures of their own part.
"""

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from smnas.data.loader import share_of
from smnas.detector.batch_part import BatchPart, Pool
from smnas.detector.contract import Targets
from smnas.detector.detector import Detector
from smnas.errors import TrainingError
from smnas.training.precision import Precision, autocast
from smnas.training.team import Team

_NOTHING_TO_AVERAGE = "more than 1 value per channel"
"""What torch's batch norm says then."""


class BatchGradient:
    """Computes losses and their gradients.

    Args:
        detector: The network in training, on ``device``; its trainable parameters are final.
        device: Where it computes.
        precision: In what.
        parts: Into how many parts a batch is divided where memory is short. The samples of all
            parts are counted in a pass of its own, so two parts take 4/3 of the time of one.
        team: The processes, each of which hands in its own pictures of the batch.
    """

    def __init__(
        self,
        detector: Detector,
        device: torch.device,
        precision: Precision,
        parts: int = 1,
        team: Team | None = None,
    ) -> None:
        self._detector = detector
        self._device = device
        self._precision: Precision = precision
        self._parts = parts
        self._team = team or Team()
        self._shared = (
            # Which levels take part hangs on the pictures.
            DistributedDataParallel(detector, find_unused_parameters=True)
            if self._team.size > 1
            else None
        )

    def add(
        self, images_B3HW: Tensor, targets: Targets, seed: int, first: int
    ) -> dict[str, Tensor]:
        """Add the gradient of a batch to the parameters' and return its losses.

        Args:
            images_B3HW: This process's pictures of the batch, at least one.
            targets: Theirs.
            seed: Of what the losses of this batch draw.
            first: Place in the batch of the first picture.

        Returns:
            Named losses of this process's pictures; their mean over the team is the whole batch's.

        Raises:
            TrainingError: A batch norm has but one value of each channel.
        """
        images_B3HW, targets = images_B3HW.to(self._device), targets.to(self._device)
        if self._parts == 1:
            return self._add_part(images_B3HW, targets, BatchPart(seed, first, self._team.pool), 1)
        parts = min(self._parts, len(images_B3HW))
        slices = [share_of(len(images_B3HW), part, parts) for part in range(parts)]
        counts = _Counts(self._team)
        with torch.no_grad(), kept_buffers(self._detector):
            for rows in slices:
                part = BatchPart(seed, first + rows.start, counts.take)
                self._compute(self._detector, images_B3HW[rows], targets.of_pictures(rows), part)
        reader, losses = counts.sum_up(parts), list[dict[str, Tensor]]()
        for number, rows in enumerate(slices):
            part = BatchPart(seed, first + rows.start, reader.again())
            with self._unsynchronised(number < parts - 1):
                found = self._add_part(images_B3HW[rows], targets.of_pictures(rows), part, parts)
            losses.append(found)
        return {name: torch.stack([part[name] for part in losses]).mean() for name in losses[0]}

    def _add_part(
        self, images_B3HW: Tensor, targets: Targets, part: BatchPart, parts: int
    ) -> dict[str, Tensor]:
        losses = self._compute(self._shared or self._detector, images_B3HW, targets, part)
        total = torch.stack(list(losses.values())).sum()
        (total if parts == 1 else total / parts).backward()
        return {name: loss.detach() for name, loss in losses.items()}

    def _compute(
        self, network: nn.Module, images_B3HW: Tensor, targets: Targets, part: BatchPart
    ) -> dict[str, Tensor]:
        try:
            with autocast(self._device, self._precision):
                return network(images_B3HW, targets, part)
        except ValueError as error:
            if _NOTHING_TO_AVERAGE not in str(error):
                raise
            raise TrainingError(
                f"batch norm: {len(images_B3HW)} picture is trained on at once, and a map of "
                f"{self._detector.arch} is 1x1, so there is a single value to normalise; expected "
                "a larger input, a batch of at least 2 pictures, or norm=gn"
            ) from None

    def _unsynchronised(self, early: bool) -> AbstractContextManager[object]:
        return self._shared.no_sync() if self._shared is not None and early else nullcontext()


class _Counts:
    """The samples of a batch's parts: taken part by part, then read as sums over all of them.

    The losses of each part ask for the same counts in the same order.
    """

    def __init__(self, team: Team) -> None:
        self._team = team
        self._taken: list[Tensor] = []

    def take(self, count: Tensor) -> tuple[Tensor, int]:
        """Note a count; what is computed from the answer means nothing."""
        self._taken.append(count)
        return count, 1

    def sum_up(self, parts: int) -> "_Sums":
        """Return the sums over the ``parts`` parts of each process."""
        sums = torch.stack(self._taken).view(parts, -1).sum(dim=0)
        sums = self._team.sum(torch.cat((sums, sums.new_tensor([parts]))))
        return _Sums(list(sums[:-1]), int(sums[-1]))


@dataclass(frozen=True)
class _Sums:
    """The counts over all parts, and how many parts they are."""

    sums: Sequence[Tensor]
    parts: int

    def again(self) -> Pool:
        """Return what answers the counts of one part with the sums."""
        coming = iter(self.sums)
        return lambda _count: (next(coming), self.parts)


@contextmanager
def kept_buffers(module: nn.Module) -> Generator[None]:
    """Give the buffers back what they held, such as statistics, when the block ends."""
    before = [buffer.clone() for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in zip(module.buffers(), before, strict=True):
            buffer.copy_(value)
