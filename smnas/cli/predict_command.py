"""``smnas predict``: boxes on one's own pictures, drawn and as JSON."""

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smnas.cli import options
from smnas.cli.output import complain, print_json, results
from smnas.cli.weights import find_weights
from smnas.errors import DataError, MissingFileError

if TYPE_CHECKING:
    from smnas.data.picture import Picture
    from smnas.export.runtime import ExportedDetector
    from smnas.training.trained_detector import TrainedDetector

PREDICTIONS = "predictions.json"


def predict(
    weights: options.Weights,
    images: Annotated[list[Path], typer.Argument(help="Pictures.", show_default=False)],
    score: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Leave out boxes with a lower score.")
    ] = 0.3,
    out: Annotated[
        Path, typer.Option(help="Folder for the pictures with boxes and predictions.json.")
    ] = Path("found"),
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Find objects in pictures: draw the boxes, and write them as JSON.

    Boxes are left, top, right and bottom in pixels of the picture. A picture that does not read is
    reported, the others are done, and the exit code is 1.
    """
    missing = [str(path) for path in images if not path.is_file()]
    if missing:
        raise MissingFileError(f"no such picture: {', '.join(missing)}")
    file = find_weights(weights, exported=True)

    from smnas.experiment.artifact import load
    from smnas.experiment.drawing import draw_prediction, free_name

    detector = load(file, device)
    out.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    names: set[str] = set()
    broken = 0
    for path in images:
        try:
            entry, picture = _predict_one(detector, path, score)
        except DataError as error:
            broken += 1
            complain(str(error))
            continue
        name = free_name(path.stem, names)
        draw_prediction(picture, entry["detections"]).save(out / name, quality=92)
        found.append(entry | {"drawn": str(out / name)})
        if not json:
            results().print(
                f"{path}: {len(entry['detections'])} found -> {out / name}",
                markup=False,
                soft_wrap=True,
            )
    text = dumps(found, indent=2, ensure_ascii=False)
    (out / PREDICTIONS).write_text(text, encoding="utf-8")
    if json:
        print_json(found)
    if broken:
        raise typer.Exit(1)


def _predict_one(
    detector: "TrainedDetector | ExportedDetector", path: Path, score: float
) -> tuple[dict[str, Any], "Picture"]:
    """Return what was found in one picture, as JSON has it, and the picture itself."""
    from smnas.data.picture import read_picture

    picture = read_picture(path)
    found = detector.predict(picture, score)
    names = {category.id: category.name for category in detector.categories}
    detections = [
        {
            "box_xyxy": [round(float(edge), 2) for edge in box],
            "score": round(float(value), 4),
            "category_id": int(label),
            "category": names[int(label)],
        }
        for box, value, label in zip(found.boxes_xyxy, found.scores, found.labels, strict=True)
    ]
    height, width = picture.shape[:2]
    entry = {"picture": str(path), "width": width, "height": height, "detections": detections}
    return entry, picture
