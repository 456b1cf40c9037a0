"""What one would write without us: a torch data set with torchvision's transforms.

The same augmentations as ours: scale jitter of 0.8 to 1.25, mirroring, brightness and contrast.
"""

from collections.abc import Sequence

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from smnas.arch.parts import InputSize
from smnas.data.dataset import DetectionDataset
from smnas.data.picture import MEAN_RGB, STD_RGB
from smnas.data.transforms import Augmentation

Item = tuple[torch.Tensor, dict[str, torch.Tensor]]


class PlainDataset(Dataset[Item]):
    """Each picture decoded and augmented whenever it is asked for."""

    def __init__(
        self, dataset: DetectionDataset, size: InputSize, augmentation: Augmentation
    ) -> None:
        self._dataset = dataset
        sides = (size.height, size.width)
        self._transform = v2.Compose(
            [
                v2.ToImage(),
                v2.ScaleJitter(target_size=sides, scale_range=augmentation.zoom, antialias=True),
                v2.RandomCrop(sides, pad_if_needed=True),
                v2.RandomHorizontalFlip(augmentation.horizontal_flip),
                v2.ColorJitter(brightness=augmentation.brightness, contrast=augmentation.contrast),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN_RGB, STD_RGB),
                v2.ClampBoundingBoxes(),
                v2.SanitizeBoundingBoxes(),
            ]
        )

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._dataset)

    def __getitem__(self, index: int) -> Item:
        """Return an image of 3 x height x width, and its boxes and labels."""
        found = self._dataset.annotations(index)
        with Image.open(self._dataset.picture_file(index) or "") as file:
            picture = file.convert("RGB")
        boxes = tv_tensors.BoundingBoxes(
            torch.from_numpy(found.boxes_xyxy.copy()),
            format="XYXY",
            canvas_size=(picture.height, picture.width),
        )
        target = {"boxes": boxes, "labels": torch.from_numpy(found.labels.copy())}
        return self._transform(picture, target)


def stack(items: Sequence[Item]) -> tuple[torch.Tensor, list[dict[str, torch.Tensor]]]:
    """Return the images of a batch as one tensor, and their targets."""
    return torch.stack([image for image, _ in items]), [target for _, target in items]


def plain_loader(dataset: PlainDataset, batch: int, workers: int) -> DataLoader[Item]:
    """Return torch's loader over it; its processes live as long as it does."""
    return DataLoader(
        dataset,
        batch,
        shuffle=True,
        num_workers=workers,
        collate_fn=stack,
        drop_last=True,
        persistent_workers=workers > 0,
        multiprocessing_context="fork" if workers else None,
    )
