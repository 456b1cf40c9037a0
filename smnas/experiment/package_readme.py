"""What people read in a front package: ``README.md`` with its numbers, and the licence note."""

from collections.abc import Sequence

from smnas.data.dataset import Category
from smnas.data.embedded import is_embedded
from smnas.experiment.package import CHECK, DETECTOR, METRICS, SCRIPT, WEIGHTS, PackageFacts
from smnas.report.facts import describe_protocol
from smnas.report.wording import milliseconds, percent, three_digits
from smnas.trial.measurement import Measurement
from smnas.trial.metrics import METRICS as SEARCHED
from smnas.trial.metrics import split_class

README, LICENCE, PICTURE = "README.md", "LICENCE.md", "detections.jpg"
_SPLITS = {"val": "validation pictures", "test": "test pictures", "train": "training pictures"}
_TITLES = {
    "latency_ms": "time per picture, ms",
    "latency_p95_ms": "19 of 20 predictions stay below, ms",
    "peak_memory_mib": "memory of a prediction, MiB",
}


def render_readme(
    facts: PackageFacts, categories: Sequence[Category], metrics: Sequence[Measurement]
) -> str:
    """Return the page of one detector, in Markdown."""
    found, chosen = facts.found_by, ", the recommended one" if facts.recommended else ""
    shown = [item for item in metrics if split_class(item.metric) is None]
    by_class = "" if len(shown) == len(metrics) else f" AP of each class is in `{METRICS}`."
    protocols = "\n".join(
        f"- {name}: {text}" for name, text in dict.fromkeys(map(describe_protocol, metrics))
    )
    whose = "" if facts.pictures == "data" else " in a photograph that smnas brings"
    began = found.initial_weights or "weights drawn at random"
    return f"""# {facts.arch}

A detector that smnas {facts.searched.smnas_version} found: trial {found.trial} of a search{chosen}.
It finds: {", ".join(item.name for item in categories)}.

![What it finds{whose} at a score of {facts.score:.2f} or more]({PICTURE})

## Numbers

Of `{DETECTOR}` ({facts.precision}), each with its 95 % interval; AP times 100.

| | |
|---|---|
{_rows(shown)}

How they were taken:{by_class}

{protocols}

At a score of {facts.score:.3f} or more its detections serve best (highest F1 on the validation
pictures).

## Use it

    import numpy as np, onnxruntime
    session = onnxruntime.InferenceSession("{DETECTOR}")
    picture = np.zeros((480, 640, 3), np.uint8)  # RGB, of any size
    boxes_xyxy, scores, labels = session.run(None, {{"picture": picture}})

Boxes are left, top, right, bottom in the picture's own pixels, labels the ids of `labels.json`.
With smnas: `smnas.load("FOLDER").predict(picture)`, or `smnas predict FOLDER picture.jpg`.

`python {SCRIPT}` times it on the device it is copied to (Python 3.10 or newer, NumPy,
onnxruntime) and compares what it finds there with `{CHECK}`; `smnas retarget RUN --device-report
FILE` ranks a search by such reports. `smnas replay FOLDER` measures all of this again.

## Where it comes from

- Trained from {began}; seed {found.seed}, {found.budget.get("epochs")} epochs; weights:
  `{WEIGHTS}`
- Search: begun {facts.searched.date} on {facts.searched.machine}
  ({_versions(facts.searched.versions)})
- Packaged: {facts.packaged.date} on {facts.packaged.machine}
  ({_versions(facts.packaged.versions)})
- Data: {found.config.get("data", {}).get("source", "unknown")}
  ({", ".join(f"{name} {data_id}" for name, data_id in found.data_ids.items())})
- The whole configuration of the search: `package.json`
"""


def _rows(shown: Sequence[Measurement]) -> str:
    rows = "\n".join(f"| {_title(item)} | {_value(item)} |" for item in shown)
    return rows + "".join(
        f"\n\n~ {_title(item)}: uncertain, {item.flag}." for item in shown if item.flag is not None
    )


def render_licence(facts: PackageFacts) -> str:
    """Return what belongs to whom in the folder, in Markdown."""
    source = str(facts.found_by.config.get("data", {}).get("source", "unknown"))
    pictures = f"`{CHECK}` and `{PICTURE}` hold pictures"
    if facts.pictures == "embedded" or is_embedded(source):
        name = "trees" if facts.pictures == "embedded" else source.partition(":")[0]
        whose = (
            f"{pictures} that smnas brings; their origins and licences: "
            f"`smnas/data/{name}/NOTICE.md` in its source"
        )
    else:
        whose = f"{pictures} of the data; who passes the folder on passes them on"
    began = facts.found_by.initial_weights
    weights = (
        "nothing of anybody else's is in them"
        if began is None
        else f"the training began from {began}, whose licence holds on"
    )
    return f"""# Licences

- Weights, and the exported file that is made of them: trained on the data {source!r}. They
  belong to whoever trained them, as far as the data's own licence allows; {weights}.
- {whose}.
- `{SCRIPT}`, `standalone.py` and `reference.onnx`: part of smnas, Apache License 2.0.
"""


def _title(item: Measurement) -> str:
    if item.protocol.kind == "accuracy":
        known = SEARCHED.get(item.metric)
        return f"{known.title if known else item.metric}, {_SPLITS[item.protocol.split]}"
    if item.metric in _TITLES:
        return _TITLES[item.metric]
    return SEARCHED[item.metric].title if item.metric in SEARCHED else item.metric


def _value(item: Measurement) -> str:
    if item.protocol.kind == "accuracy":
        return percent(item.value, item.interval)
    if item.protocol.kind == "latency":
        return milliseconds(item.value, item.interval, item.flag)
    return three_digits(item.value)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
