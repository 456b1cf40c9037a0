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

    def _predict_one(self, picture: AnyPicture, score: float | None) -> Prediction:
        picture_HW3 = as_picture(picture)
        height, width = picture_HW3.shape[:2]
        fitted = fit_picture(picture_HW3, self.arch.input)
        with torch.inference_mode():
            found: Detections = self.detector(fitted.image_3HW[None].to(self.device)).to("cpu")
        keep_D = found.valid_BD[0]
        if score is not None:
            keep_D = keep_D & (found.scores_BD[0] >= score)
        ids = np.array([category.id for category in self.categories], dtype=np.int64)
        boxes_D4 = found.boxes_BD4[0][keep_D].numpy()
        return Prediction(
            boxes_xyxy=unfit_boxes(boxes_D4, fitted.scale, width, height),
            scores=found.scores_BD[0][keep_D].numpy(),
            labels=ids[found.labels_BD[0][keep_D].numpy()],
        )
