"""Measure a front package again, and say whether its numbers hold.

The detector is built anew from its arch and weights, and compared with the exported file; the file
is compared with the detections that are stored; cost is counted, accuracy and time are measured.
Accuracy is compared where the pictures, the runtime and the precision are the same, whatever the
machine: that it does not move there is what a package promises. Time is compared only by the very
protocol that it was taken by, machine and versions included.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import onnx

from smnas.data.dataset import DetectionDataset
from smnas.data.embedded import is_embedded
from smnas.data.sources import DataSpec, load_splits, open_files
from smnas.errors import ConfigError, DataError, ExportError
from smnas.experiment.package import CHECK, DETECTOR, Package
from smnas.export.parity import LEAST_PARTNERED, MOST_AP, check_parity, count_partners
from smnas.export.runtime import ExportedDetector
from smnas.measure.accuracy import measure_accuracy
from smnas.measure.bootstrap import METRICS
from smnas.measure.cost import count_cost
from smnas.measure.file_latency import measure_latency_of_file
from smnas.measure.protocol import Runtime
from smnas.trial.measurement import AccuracyProtocol, LatencyProtocol, Measurement, protocol_id

Verdict = Literal["holds", "does not hold", "not compared"]
_COUNTING = 1e-9
"""Relative: what is counted is exact."""


@dataclass(frozen=True)
class Replayed:
    """One number, or one comparison, of a package.

    Attributes:
        name: The metric, with its split behind it where that is not the validation split; or
            ``network`` and ``detections`` for what is no number.
        verdict: Whether it holds.
        stored: What the package says; None for what is no number.
        now: What was found.
        reason: Why it does not hold, or is not compared.
    """

    name: str
    verdict: Verdict
    stored: Measurement | None = None
    now: Measurement | None = None
    reason: str | None = None


def replay(
    package: Package, data: DataSpec | None = None, note: Callable[[str], None] = lambda _: None
) -> list[Replayed]:
    """Return each number of a package beside what it is now.

    Args:
        package: The folder.
        data: The pictures; None: those that the search read, if they are still there.
        note: Told what is being done.

    Raises:
        PackageError: Weights or file of another arch, or pictures that cannot be read.
        WeightsError: Weights or file that are not ours.
        DataError: ``data`` are not the pictures that the numbers are of, or cannot be read.
    """
    note("comparing network, file and stored detections")
    detector = package.load_file()
    found = [_compare_network(package, detector), _compare_detections(package, detector)]
    found += _count(package)
    note("measuring accuracy")
    found += _compare_accuracy(package, detector, data)
    note("measuring time")
    return [*found, *_compare_time(package)]


def _compare_network(package: Package, detector: ExportedDetector) -> Replayed:
    """Build the detector from the folder and compare it with the exported file."""
    trained = package.load_weights()
    if package.facts.precision != "float32":
        reason = f"a file in {package.facts.precision} does not compute what the network does"
        return Replayed("network", "not compared", reason=reason)
    model = onnx.load_model_from_string((package.folder / DETECTOR).read_bytes())
    pictures = [picture for picture, _ in package.read_pictures()]
    try:
        check_parity(model, trained.detector, detector.predict, trained.predict, pictures)
    except ExportError as error:
        return Replayed("network", "does not hold", reason=str(error))
    return Replayed("network", "holds")


def _compare_detections(package: Package, detector: ExportedDetector) -> Replayed:
    stored = package.read_pictures()
    pairs = [(prediction, detector.predict(picture)) for picture, prediction in stored]
    partnered, detections = count_partners(pairs)
    if partnered >= LEAST_PARTNERED * detections:
        return Replayed("detections", "holds")
    reason = f"{partnered} of {detections} detections are those of {CHECK}"
    return Replayed("detections", "does not hold", reason=reason)


def _count(package: Package) -> Iterator[Replayed]:
    counted = {m.metric: m for m in count_cost(package.arch, len(package.categories))}
    for stored in package.metrics:
        now = counted.get(stored.metric)
        if stored.protocol.kind != "count" or now is None:
            continue
        if now.protocol != stored.protocol:
            reason = "another counting rule"
            yield Replayed(stored.metric, "not compared", stored, now, reason)
            continue
        same = abs(now.value - stored.value) <= _COUNTING * stored.value
        yield Replayed(stored.metric, "holds" if same else "does not hold", stored, now)


def _compare_accuracy(
    package: Package, detector: ExportedDetector, data: DataSpec | None
) -> Iterator[Replayed]:
    groups: dict[str, tuple[AccuracyProtocol, list[Measurement]]] = {}
    for stored in package.metrics:
        protocol = stored.protocol
        if isinstance(protocol, AccuracyProtocol):
            groups.setdefault(protocol_id(protocol), (protocol, []))[1].append(stored)
    for protocol, group in groups.values():
        dataset, reason = _find_pictures(package, protocol, data)
        if dataset is None:
            yield from (Replayed(_name(m), "not compared", m, reason=reason) for m in group)
        else:
            yield from _measure_group(detector, dataset, protocol, group)


def _measure_group(
    detector: ExportedDetector,
    dataset: DetectionDataset,
    protocol: AccuracyProtocol,
    group: Sequence[Measurement],
) -> Iterator[Replayed]:
    """Measure the accuracies of one protocol."""
    result = measure_accuracy(
        detector,
        dataset,
        protocol.split,
        "cpu",
        runtime=Runtime(protocol.runtime, protocol.precision),
        further=[m.metric for m in group if m.metric not in METRICS],
        replicates=protocol.replicates,
    )
    now = {item.metric: item for item in result.measurements}
    for stored in group:
        yield _judge(_name(stored), stored, now[stored.metric])


def _find_pictures(
    package: Package, protocol: AccuracyProtocol, data: DataSpec | None
) -> tuple[DetectionDataset | None, str | None]:
    """Return the pictures that a number is of, or why they are not there.

    Raises:
        DataError: They were named, and are others.
    """
    config = package.facts.found_by.config
    spec = data or DataSpec.model_validate(config["data"])
    try:
        seen = {item.data_id: item for item in _offered(spec, config.get("seed", 0))}
    except (DataError, ConfigError) as error:
        if data is not None:
            raise
        return None, f"the pictures are not at hand: {error}"
    if protocol.data_id in seen:
        return seen[protocol.data_id], None
    told = (
        f"{spec.source}: expected the {protocol.pictures} {protocol.split} pictures that the "
        f"numbers are of ({protocol.data_id}); got others ({', '.join(seen)})"
    )
    if data is not None:
        raise DataError(f"{told}; name the data as the search was told them, with --data")
    return None, told


def _offered(spec: DataSpec, seed: int) -> Iterator[DetectionDataset]:
    """Yield all sets of pictures that a spec can mean: whole files, then the splits of a search."""
    if not is_embedded(spec.source):
        whole = open_files(spec)
        yield from whole.values()
        if set(whole) == {"train", "val", "test"}:
            return
    try:
        splits = load_splits(spec, seed)
    except DataError:
        if is_embedded(spec.source):
            raise
        return  # too few to be divided: they are what they are
    yield from (part for part in (splits.train, splits.val, splits.test) if part is not None)


def _compare_time(package: Package) -> Iterator[Replayed]:
    for stored in package.metrics:
        protocol = stored.protocol
        if stored.metric != "latency_ms" or not isinstance(protocol, LatencyProtocol):
            continue
        picture = package.read_pictures()[0][0]
        now = measure_latency_of_file(
            package.folder / DETECTOR,
            picture,
            threads=protocol.threads,
            runtime=Runtime(protocol.runtime, protocol.precision),
        )[0]
        if now.protocol != protocol:
            reason = f"another protocol: {_differences(protocol, now.protocol)}"
            yield Replayed(stored.metric, "not compared", stored, now, reason)
            continue
        judged = _judge(stored.metric, stored, now)
        flag = now.flag or stored.flag
        if judged.verdict == "does not hold" and flag is not None:
            yield Replayed(stored.metric, "not compared", stored, now, f"uncertain: {flag}")
        else:
            yield judged


def _judge(name: str, stored: Measurement, now: Measurement) -> Replayed:
    """Compare a number with the interval of the stored one; without one, within 0.1 points."""
    low, high = stored.interval or (stored.value - MOST_AP, stored.value + MOST_AP)
    if low <= now.value <= high:
        return Replayed(name, "holds", stored, now)
    return Replayed(name, "does not hold", stored, now, "outside the stored interval")


def _name(item: Measurement) -> str:
    split = getattr(item.protocol, "split", "val")
    return item.metric if split == "val" else f"{item.metric}_{split}"


def _differences(one: LatencyProtocol, other: object) -> str:
    """Return what differs between two protocols, in words."""
    if not isinstance(other, LatencyProtocol):
        return "of another kind"
    before, after = one.model_dump(), other.model_dump()
    return ", ".join(
        f"{key} {before[key]} -> {after[key]}" for key in before if before[key] != after[key]
    )
