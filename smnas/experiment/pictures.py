"""Pictures for the report: what each chosen detector found, missed and made up."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
from PIL import Image, ImageDraw

from smnas.data.dataset import Annotations, DetectionDataset
from smnas.data.picture import Picture
from smnas.detector.contract import Prediction
from smnas.experiment.judged import Judged, judge_picture
from smnas.experiment.run_folder import PICTURE_INDEX, PICTURES, write_whole

SHOWN = 4
"""Pictures per detector."""
HIT, MISS, ALARM = "#00a86b", "#f0a202", "#d81b60"
"""Told apart by colour-blind eyes too; a missed object is dashed besides."""
_SIDE = 480
"""Longer side, in pixels, that small pictures are enlarged to."""
_LINE = 3
_DASH = 7


class PictureEntry(TypedDict):
    """One picture in the index; ``file`` is relative to the folder of pictures."""

    file: str
    picture: str
    split: str
    score: float
    hits: int
    misses: int
    false_alarms: int


def write_pictures(
    run_folder: Path,
    dataset: DetectionDataset,
    split: str,
    predictions: Mapping[int, Sequence[Prediction]],
    scores: Mapping[int, float],
) -> None:
    """Draw the same few pictures for every detector, and write their index last.

    Args:
        run_folder: The run folder.
        dataset: The pictures.
        split: Which part of the data they are.
        predictions: Per trial number, one per picture of ``dataset``.
        scores: Per trial number, the score from which a detection is shown.

    Raises:
        StorageFullError: No room on the disk.
    """
    folder = run_folder / PICTURES
    chosen = choose_pictures(dataset)
    index: dict[str, list[PictureEntry]] = {}
    for number, found in predictions.items():
        entries: list[PictureEntry] = []
        for place in chosen:
            picture, annotations = dataset.read(place)
            shown = _above(found[place], scores[number])
            judged = judge_picture(shown, annotations, dataset.categories)
            file = f"{number:04d}-{place:04d}.jpg"
            write_whole(folder / file, draw_picture(picture, annotations, judged))
            entries.append(
                PictureEntry(
                    file=file,
                    picture=str(dataset.picture_id(place)),
                    split=split,
                    score=scores[number],
                    hits=int(judged.hit_D.sum()),
                    misses=int((annotations.objects & ~judged.found_G).sum()),
                    false_alarms=int(judged.alarm_D.sum()),
                )
            )
        index[str(number)] = entries
    write_whole(folder / PICTURE_INDEX, json.dumps(index, indent=1))


def drawn_trials(run_folder: Path) -> set[int]:
    """Return the trials whose pictures are all there; none before the index is."""
    path = run_folder / PICTURES / PICTURE_INDEX
    if not path.is_file():
        return set()
    return {int(number) for number in json.loads(path.read_text())}


def choose_pictures(dataset: DetectionDataset, count: int = SHOWN) -> list[int]:
    """Return pictures spread evenly over those with objects, from few objects to many.

    No detector has a say in it, so that none is flattered.
    """
    objects = [int(dataset.annotations(index).objects.sum()) for index in range(len(dataset))]
    worth = sorted((n, index) for index, n in enumerate(objects) if n)
    if len(worth) <= count:
        return sorted(index for _, index in worth)
    # The middles of `count` equal parts.
    marks = [int((2 * part + 1) * len(worth) / (2 * count)) for part in range(count)]
    return [worth[mark][1] for mark in marks]


def draw_picture(picture: Picture, annotations: Annotations, judged: Judged) -> bytes:
    """Return the picture as a JPEG with hits, misses and false alarms drawn in.

    Args:
        picture: Height x width x 3, uint8.
        annotations: Its objects.
        judged: Its detections.
    """
    factor = max(1.0, _SIDE / max(picture.shape[:2]))
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    image = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    missed = annotations.objects & ~judged.found_G
    for box in annotations.boxes_xyxy[missed] * factor:
        _dashed(pen, box.tolist(), MISS)
    for boxes, colour in (
        (judged.prediction.boxes_xyxy[judged.alarm_D], ALARM),
        (judged.prediction.boxes_xyxy[judged.hit_D], HIT),
    ):
        for box in boxes * factor:
            left, top, right, bottom = box.tolist()
            pen.rectangle((left, top, max(left, right), max(top, bottom)), None, colour, _LINE)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _above(found: Prediction, score: float) -> Prediction:
    keep = found.scores >= np.float32(score)
    return Prediction(found.boxes_xyxy[keep], found.scores[keep], found.labels[keep])


def _dashed(pen: ImageDraw.ImageDraw, box: list[float], colour: str) -> None:
    left, top, right, bottom = box
    for start in np.arange(left, right, 2 * _DASH).tolist():
        end = min(start + _DASH, right)
        pen.line((start, top, end, top), colour, _LINE)
        pen.line((start, bottom, end, bottom), colour, _LINE)
    for start in np.arange(top, bottom, 2 * _DASH).tolist():
        end = min(start + _DASH, bottom)
        pen.line((left, start, left, end), colour, _LINE)
        pen.line((right, start, right, end), colour, _LINE)
