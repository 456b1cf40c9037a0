"""Broken annotation files of every format: a report or a clear error, no traceback, no hang.

A seeded handful here; all 10,000 with ``-m slow``.
"""

import json
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smnas.data.doctor import examine
from smnas.data.formats import open_source
from smnas.data.sources import DataSpec
from smnas.data.table_dataset import TableDataset
from smnas.errors import SmnasError

FILES = 6
LONGEST_S = 20.0
"""Under any load; a case takes 20 ms."""
HANDFUL, ALL = 50, 2500
"""Of each of the four formats."""

NASTY = [
    None, True, False, 0, -1, 1, 1e308, -1e308, 10**30, 2**63, 0.5, float("nan"), float("inf"),
    float("-inf"), "", " ", "x" * 5000, "\0", "a\0b", ".", "..", "../..", "/", "/dev/zero",
    "\ud800", "\u202e", "nan", "1", [], {}, [[]], [1, 2], [None] * 4, [1e308] * 4, [-1, -1, 3, 3],
    {"a": 1},
]  # fmt: skip


def write_coco(folder: Path) -> str:
    rows = range(FILES)
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in rows],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1 + i % 2, "bbox": [4, 5, 20 + i, 16]}
            for i in rows
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    (folder / "my.json").write_text(json.dumps(content))
    return "my.json"


def write_bdd100k(folder: Path) -> str:
    frames = [
        {
            "name": f"{i}.jpg",
            "videoName": "v",
            "attributes": {"weather": "clear"},
            "labels": [
                {"id": i, "category": "car", "box2d": {"x1": 4, "y1": 5, "x2": 30 + i, "y2": 21}},
                {"id": "l", "category": "lane", "box2d": None, "poly2d": []},
            ],
        }
        for i in range(FILES)
    ]
    (folder / "my.json").write_text(json.dumps(frames))
    return "my.json"


def write_voc(folder: Path) -> str:
    (folder / "Annotations").mkdir()
    (folder / "JPEGImages").mkdir()
    for i in range(FILES):
        shutil.move(folder / f"{i}.jpg", folder / "JPEGImages")
        (folder / "Annotations" / f"{i}.xml").write_text(
            f"<annotation><filename>{i}.jpg</filename><size><width>64</width><height>48</height>"
            "<depth>3</depth></size><object><name>cat</name><difficult>0</difficult><bndbox>"
            f"<xmin>4</xmin><ymin>5</ymin><xmax>{24 + i}</xmax><ymax>21</ymax></bndbox></object>"
            "</annotation>"
        )
    return "."


def write_yolo(folder: Path) -> str:
    for split in ("images", "labels"):
        (folder / split / "train").mkdir(parents=True)
    for i in range(FILES):
        shutil.move(folder / f"{i}.jpg", folder / "images" / "train")
        (folder / "labels" / "train" / f"{i}.txt").write_text(f"{i % 2} 0.5 0.5 0.2 0.{3 + i}\n")
    (folder / "data.yaml").write_text("path: .\ntrain: images/train\nnames: [cat, dog]\n")
    return "data.yaml"


WRITERS = {"coco": write_coco, "bdd100k": write_bdd100k, "voc": write_voc, "yolo": write_yolo}


def places_in(value, so_far=()):
    """Return the paths to all values in parsed JSON."""
    found = [so_far] if so_far else []
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            found += places_in(child, (*so_far, key))
    return found


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """Change values, delete or double entries, swap types; sometimes nest without end."""
    content = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = places_in(content)
        if not places:
            break
        *steps, last = rng.choice(places)
        holder = content
        for step in steps:
            holder = holder[step]
        kind = rng.randrange(6)
        if kind == 0:
            del holder[last]
        elif kind == 1 and isinstance(holder, list):
            holder.append(json.loads(json.dumps(holder[last])))
        elif kind == 2:
            holder[last] = str(holder[last]) if rng.random() < 0.5 else [holder[last]]
        elif kind == 3 and isinstance(holder, dict):
            holder[rng.choice(("id", "name", "bbox", "labels", "x"))] = holder.pop(last)
        else:
            holder[last] = rng.choice(NASTY)
    text = json.dumps(content)
    if rng.random() < 0.03:
        text = text.replace("4", "[" * rng.choice((50, 500, 100_000)), 1)
    return text.encode("utf-8", "surrogatepass")


def mutate_text(data: bytes, rng: random.Random) -> bytes:
    """Put a nasty value where a word or number stands, or drop, double or swap pieces."""
    text = data.decode()
    cuts = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    head, piece, tail = text[: cuts[0]], text[cuts[0] : cuts[1]], text[cuts[1] :]
    value = str(rng.choice(NASTY))
    changed = rng.choice(
        (
            head + tail,
            head + piece * 3 + tail,
            head + value + piece + tail,
            head + piece.swapcase() + tail,
            text.replace("4", value, 1),
            text.replace("cat", value, 1),
            text.replace(">", ">\n<!-- x -->", 1),
            text.replace("\n", f"\n{value}: &a [*a]\n", 1),
            text.replace("0", value),
        )
    )
    return changed.encode("utf-8", "surrogatepass")


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Truncate, flip, insert and encode anew."""
    kind = rng.randrange(6)
    at = rng.randrange(len(data) + 1)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]
    if kind == 2:
        flipped = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            flipped[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(flipped)
    if kind == 3:
        encoding = rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7", "cp037"))
        return data.decode("utf-8", "replace").encode(encoding)
    if kind == 4:
        return rng.choice(
            (b"", b"\0", b"\xff\xfe", b"{", b"[", b"null", b"<a/>", b"\x80", b"- - -")
        )
    return data[at:] + data[:at]


class Patient:
    """A data set of one format that is broken anew for each case."""

    def __init__(self, folder: Path, name: str):
        self.folder = folder
        rng = np.random.default_rng(0)
        for row in range(FILES):
            noise = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{row}.jpg")
        self.source = str(folder / WRITERS[name](folder))
        files = [
            path for path in folder.rglob("*") if path.suffix in (".json", ".xml", ".txt", ".yaml")
        ]
        self.sound = {path: path.read_bytes() for path in sorted(files)}

    def fall_ill(self, seed: int) -> bytes:
        rng = random.Random(seed)
        path = rng.choice(list(self.sound))
        data = self.sound[path]
        structured = mutate_json if path.suffix == ".json" else mutate_text
        sick = (structured if rng.random() < 0.7 else mutate_bytes)(data, rng)
        path.write_bytes(sick)
        return sick

    def recover(self) -> None:
        for path, data in self.sound.items():
            path.write_bytes(data)


@pytest.fixture(params=WRITERS)
def patient(request, tmp_path):
    return Patient(tmp_path, request.param)


def attempt(function, *arguments):
    """Return a result, or None and what the error says; any but ours fails the test."""
    try:
        return function(*arguments), ""
    except SmnasError as error:
        return None, str(error)


def check_case(patient: Patient, seed: int) -> bool:
    """Break a file, read it twice; returns whether it was read all the same."""
    sick = patient.fall_ill(seed)
    started = time.perf_counter()
    found, why_not = attempt(open_source, patient.source)
    diagnosis, given_up = attempt(examine, DataSpec(source=patient.source))
    if found is None:
        assert why_not, f"seed {seed} says nothing"
    else:
        assert all(isinstance(part, TableDataset) and len(part) for part in found.values()), seed
        assert diagnosis, f"seed {seed}: the doctor gives up on what can be read: {given_up}"
    if diagnosis:
        errors = [item for item in diagnosis.findings if item.severity == "error"]
        assert found or errors, f"seed {seed}: a fault that the doctor does not see: {sick!r:.300}"
        assert all(item.message and item.advice for item in errors)
    assert time.perf_counter() - started < LONGEST_S, f"seed {seed}"
    patient.recover()
    return found is not None


def check_cases(patient: Patient, seeds: range) -> None:
    assert check_sound(patient)
    read = [check_case(patient, seed) for seed in seeds]
    assert 0.02 < np.mean(read) < 0.9  # the cases neither miss the reader nor all break it


def check_sound(patient: Patient) -> bool:
    errors = [f for f in examine(DataSpec(source=patient.source)).findings if f.severity == "error"]
    return not errors and bool(open_source(patient.source))


def test_a_handful_of_broken_files_is_told_in_words(patient):
    check_cases(patient, range(HANDFUL))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_broken_files_are_told_in_words(patient):
    check_cases(patient, range(1000, 1000 + ALL))
