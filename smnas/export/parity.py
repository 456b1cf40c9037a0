"""The parity gate: an exported file must find what the trained network finds, on real pictures.

Four looks, from the picture on, so that a failure says where the two part: the fitted picture, the
raw head outputs on the same fitted picture, the detections end to end, and AP where it can be
measured. Tensor letters: D detections.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from smnas.data.picture import STD_RGB, Picture, fit_picture
from smnas.detector.contract import Prediction
from smnas.detector.detector import Detector
from smnas.errors import ExportError
from smnas.export.capture import IMAGE, RAW, DeployedNetwork
from smnas.export.frame import PICTURE

MOST_GREY_LEVELS = 0.02
"""Between fitted pictures, of 255: both resize in float32."""
MOST_RAW = 1e-3
"""Relative to the largest value of the output."""
LEAST_PARTNERED = 0.99
MIN_SCORE = 0.05
MOST_PIXELS = 0.5
MOST_SCORE = 1e-3
MOST_AP = 0.001
"""0.1 points."""
PICTURES = 8
"""So many are looked at, at least: each takes two predictions."""

MeasureAp = Callable[[Callable[[Picture], Prediction]], float]
"""From what predicts to its AP (0-1) on annotated pictures."""


@dataclass(frozen=True)
class Parity:
    """How far the file is from the network; all differences are absolute unless they say not.

    Attributes:
        pictures: How many were compared.
        grey_levels: Largest difference between fitted pictures, of 255.
        raw: Largest difference of raw head outputs, relative to the largest of them.
        detections: Detections of either side above ``MIN_SCORE``.
        partnered: Share of them that have a partner on the other side.
        ap: AP of the network and of the file, where it was measured.
    """

    pictures: int
    grey_levels: float
    raw: float
    detections: int
    partnered: float
    ap: tuple[float, float] | None


def check_parity(
    model: onnx.ModelProto,
    detector: Detector,
    predict_file: Callable[[Picture], Prediction],
    predict_network: Callable[[Picture], Prediction],
    pictures: Sequence[Picture],
    measure_ap: MeasureAp | None = None,
) -> Parity:
    """Compare a float32 file with the network that it was made from.

    Args:
        model: The file.
        detector: The network.
        predict_file: Runs the file as it will be deployed.
        predict_network: Runs the network.
        pictures: Real ones; ``PICTURES`` or more.
        measure_ap: Where annotations are at hand.

    Raises:
        ExportError: They differ by more than the limits; the message says from where on.
    """
    if not pictures:
        raise ExportError("parity: expected at least one real picture to compare on; got none")
    grey, raw = _compare_inside(model, detector, pictures)
    pairs = [(predict_network(picture), predict_file(picture)) for picture in pictures]
    matched, detections = count_partners(pairs)
    ap = None if measure_ap is None else (measure_ap(predict_network), measure_ap(predict_file))
    partnered = matched / detections if detections else 1.0
    parity = Parity(len(pictures), grey, raw, detections, partnered, ap)
    faults = find_faults(parity)
    if faults:
        raise ExportError(
            f"{detector.arch}: the exported file computes something else than the network, and was "
            f"not kept. Compared on {len(pictures)} pictures: " + "; ".join(faults)
        )
    return parity


def find_faults(parity: Parity) -> list[str]:
    """Return in words which limits are broken, the first place where the two part first."""
    found: list[str] = []
    if not parity.grey_levels <= MOST_GREY_LEVELS:
        found.append(
            f"the fitted picture differs by {parity.grey_levels:.2g} grey levels (at most "
            f"{MOST_GREY_LEVELS:g})"
        )
    if not parity.raw <= MOST_RAW:
        found.append(
            f"raw head outputs on the same fitted picture differ by {parity.raw:.2g} of their "
            f"largest value (at most {MOST_RAW:g})"
        )
    if parity.partnered < LEAST_PARTNERED:
        found.append(
            f"only {100 * parity.partnered:.1f} % of {parity.detections} detections above "
            f"{MIN_SCORE:g} have a partner within {MOST_PIXELS:g} px and {MOST_SCORE:g} of score "
            f"(at least {100 * LEAST_PARTNERED:.0f} %)"
        )
    if parity.ap is not None and abs(parity.ap[0] - parity.ap[1]) > MOST_AP:
        found.append(
            f"AP of the network is {100 * parity.ap[0]:.2f}, of the file {100 * parity.ap[1]:.2f} "
            f"(at most {100 * MOST_AP:g} points apart)"
        )
    return found


def count_partners(pairs: Sequence[tuple[Prediction, Prediction]]) -> tuple[int, int]:
    """Return how many detections above ``MIN_SCORE`` have a partner, and how many there are.

    Both sides count. A partner is a detection of the other side, taken once, of the same class,
    with all edges within ``MOST_PIXELS`` and the score within ``MOST_SCORE``.
    """
    matched = detections = 0
    for one, other in pairs:
        matched += _partners(one, other) + _partners(other, one)
        detections += int((one.scores > MIN_SCORE).sum() + (other.scores > MIN_SCORE).sum())
    return matched, detections


def _partners(one: Prediction, other: Prediction) -> int:
    free_D = np.ones(len(other.scores), dtype=np.bool_)
    count = 0
    for box, score, label in zip(one.boxes_xyxy, one.scores, one.labels, strict=True):
        if score <= MIN_SCORE:
            continue
        apart_D = np.abs(other.boxes_xyxy - box).max(axis=1, initial=0.0)
        fits_D = free_D & (other.labels == label) & (apart_D <= MOST_PIXELS)
        fits_D &= np.abs(other.scores - score) <= MOST_SCORE
        if fits_D.any():
            free_D[np.where(fits_D, apart_D, np.inf).argmin()] = False
            count += 1
    return count


def _compare_inside(
    model: onnx.ModelProto, detector: Detector, pictures: Sequence[Picture]
) -> tuple[float, float]:
    """Return the largest difference of fitted pictures and the largest of raw head outputs."""
    looks = _open_inside(model)
    network, size = DeployedNetwork(detector), detector.arch.input
    std = np.array(STD_RGB, np.float32)[:, None, None]
    grey, raw = 0.0, 0.0
    for picture in pictures:
        image, *heads = looks(picture)
        apart = np.abs(image[0] - fit_picture(picture, size).image_3HW.numpy()) * std * 255
        grey = max(grey, float(apart.max()))
        with torch.inference_mode():
            wanted = network(torch.from_numpy(image))[-len(RAW) :]
        for head, want in zip(heads, wanted, strict=True):
            raw = max(raw, _relative(head, want.numpy()))
    return grey, raw


def _relative(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return the largest difference, relative to the largest value; infinite where NaN is found."""
    if not np.isfinite(found).all() or not np.isfinite(wanted).all():
        return float("inf")
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-12))


def _open_inside(model: onnx.ModelProto) -> Callable[[Picture], list[NDArray[Any]]]:
    """Return what runs the file up to its fitted picture and raw head outputs."""
    import onnxruntime

    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    del opened.graph.output[:]
    inside = [IMAGE, *RAW]
    opened.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inside)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session: Any = onnxruntime.InferenceSession(
        opened.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda picture: session.run(inside, {PICTURE: np.ascontiguousarray(picture)})
