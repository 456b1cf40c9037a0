"""``TrainedDetector``: a detector with weights and category ids, ready to look at pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from smnas.arch import DetectorArch
from smnas.data.dataset import Category
from smnas.data.detector_file import PREFIX, read_metadata, write_metadata
from smnas.data.picture import AnyPicture, as_picture, fit_picture, unfit_boxes
from smnas.data.predictor import PicturePredictor
from smnas.detector.build import build_detector
from smnas.detector.contract import Detections, Prediction
from smnas.detector.detector import Detector
from smnas.errors import ConfigError, WeightsError
from smnas.training.weights_file import read_weights, write_weights


class TrainedDetector(PicturePredictor):
    """A detector, the categories that its labels stand for, and the picture fitting of its arch.

    Attributes:
        detector: The network, in eval mode.
        categories: By label, with ids as the data named them.
        extra: What was noted beside the weights when they were saved.
    """

    def __init__(
        self,
        detector: Detector,
        categories: Sequence[Category],
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.detector = detector.eval()
        self.categories = tuple(categories)
        self.extra = dict(extra or {})

    @property
    def arch(self) -> DetectorArch:
        """What the network is."""
        return self.detector.arch

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.detector.parameters()).device

    def to(self, device: torch.device | str) -> "TrainedDetector":
        """Move the network to ``device``; returns itself."""
        self.detector.to(device)
        return self

    def save(self, path: str | Path, extra: Mapping[str, str] | None = None) -> None:
        """Write weights, arch and categories as one safetensors file, whole or not at all.

        Args:
            path: The file; folders on the way are made.
            extra: Further notes for its metadata, such as the recipe's id; None keeps those that
                this detector was loaded with.

        Raises:
            ConfigError: A note's name begins with ``smnas.``.
            StorageFullError: The disk is full.
        """
        notes = self.extra if extra is None else extra
        reserved = sorted(name for name in notes if name.startswith(PREFIX))
        if reserved:
            raise ConfigError(f"names of notes may not begin with {PREFIX!r}; got {reserved}")
        metadata = {**notes, **write_metadata(self.arch, self.categories)}
        write_weights(Path(path), self.detector.state_dict(), metadata)

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> "TrainedDetector":
        """Read what ``save`` wrote.

        Raises:
            WeightsError: No such file, truncated, another format, not written by smnas, or tensors
                that do not fit the arch.
        """
        path = Path(path)
        file = read_weights(path)
        arch, categories = read_metadata(path, file.metadata)
        detector = build_detector(arch, len(categories), seed=0)
        try:
            detector.load_state_dict(file.tensors)
        except RuntimeError as error:
            raise WeightsError(f"{path}: tensors do not fit the arch {arch}: {error}") from None
        notes = {k: v for k, v in file.metadata.items() if not k.startswith(PREFIX)}
        return cls(detector, categories, notes).to(device)

    def predict_together(self, pictures: Sequence[AnyPicture]) -> list[Prediction]:
        """Find objects in several pictures in one pass of the network.

        For small inputs several times as fast as ``predict``, and equal up to rounding.

        Raises:
            DataError: Not a picture, or a file that is missing or broken.
        """
        return self._find(pictures, None)

    def _predict_one(self, picture: AnyPicture, score: float | None) -> Prediction:
        return self._find([picture], score)[0]

    def _find(self, pictures: Sequence[AnyPicture], score: float | None) -> list[Prediction]:
        pictures_HW3 = [as_picture(picture) for picture in pictures]
        fitted = [fit_picture(picture_HW3, self.arch.input) for picture_HW3 in pictures_HW3]
        images_B3HW = torch.stack([item.image_3HW for item in fitted]).to(self.device)
        with torch.inference_mode():
            found: Detections = self.detector(images_B3HW).to("cpu")
        ids = np.array([category.id for category in self.categories], dtype=np.int64)
        predictions: list[Prediction] = []
        for at, (picture_HW3, item) in enumerate(zip(pictures_HW3, fitted, strict=True)):
            keep_D = found.valid_BD[at]
            if score is not None:
                keep_D = keep_D & (found.scores_BD[at] >= score)
            height, width = picture_HW3.shape[:2]
            boxes_D4 = found.boxes_BD4[at][keep_D].numpy()
            predictions.append(
                Prediction(
                    boxes_xyxy=unfit_boxes(boxes_D4, item.scale, width, height),
                    scores=found.scores_BD[at][keep_D].numpy(),
                    labels=ids[found.labels_BD[at][keep_D].numpy()],
                )
            )
        return predictions
