"""Peak memory, predicted before anything runs by following tensors that have shapes and no content.

Every layer is run on the meta device, forwards and for a training backwards, and the bytes of all
tensors that are alive are followed. What the layers do not tell (losses, boxes, buffers of the
libraries) is a measured share and a measured constant: ``benchmarks/memory.py`` measures both, and
the error that is left.
"""

import ctypes
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from smnas.arch import DetectorArch
from smnas.detector.build import build_detector
from smnas.detector.detector import Detector
from smnas.detector.loss_settings import LossSettings
from smnas.detector.norms import fold_batch_norms
from smnas.detector.rcnn_head import BoxPredictor
from smnas.detector.retina_head import RetinaHead
from smnas.measure.cost import run_layers
from smnas.measure.standalone import memory_mib
from smnas.trial.measurement import CountProtocol, Measurement

MIB = 2**20
MEASURED_RULE = "most resident memory of the process, less what it had before"
PREDICTED_RULE = "bytes of tensors followed on the meta device, scaled as measured elsewhere"


@dataclass(frozen=True)
class Law:
    """How the peak follows from what was counted, as ``benchmarks/memory.py`` has found."""

    constant_mib: float
    """What the libraries take for their code and plans."""
    per_weight: float
    per_layer: float


TRAINING = Law(constant_mib=22.0, per_weight=1.0, per_layer=1.05)
FILE = Law(constant_mib=4.6, per_weight=1.57, per_layer=1.1)


class LiveBytes(TorchDispatchMode):
    """Follows the tensors that are made inside the block, until they are freed.

    Attributes:
        now: Bytes of those that are alive.
        peak: The most that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operator and take note of what it made."""
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self._follow(leaf.untyped_storage())
        return made

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()  # one object stands for a storage all its life
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def predict_training_memory(
    arch: DetectorArch, num_classes: int, batch: int, losses: LossSettings, optimizer_states: int
) -> Measurement:
    """Return ``training_memory_mib_predicted``: the most that a training takes on a CPU.

    Args:
        arch: What is trained.
        num_classes: K, the data's categories.
        batch: Pictures of a step.
        losses: Say how many RoIs of a picture are trained on.
        optimizer_states: Numbers that the optimizer keeps for each weight: 1 for SGD, 2 for AdamW.

    Raises:
        NotBuiltYetError: A part that this version cannot build.
        ArchError: A backbone by name that cannot feed this neck, or takes no pictures of this size.
    """
    with torch.device("meta"):
        detector = build_detector(arch, num_classes, losses, seed=0).train()
        pictures = torch.empty(batch, 3, *arch.input.padded)
        with LiveBytes() as live:
            outputs = list(_training_outputs(detector, pictures, losses.rcnn.sample.count))
            torch.autograd.backward(outputs, [torch.empty_like(item) for item in outputs])
    kept = (1 + optimizer_states) * _weights_mib(detector)  # gradients are alive at the peak
    return _predicted("training_memory_mib", TRAINING, kept, live.peak / MIB)


def predict_peak_memory(arch: DetectorArch, num_classes: int) -> Measurement:
    """Return ``peak_memory_mib_predicted``: the most that the deployed file takes for a picture.

    Args:
        arch: What ships: hand in ``arch.deployed`` for a candidate.
        num_classes: K, the data's categories.

    Raises:
        NotBuiltYetError: A part that this version cannot build.
        ArchError: A backbone by name that cannot feed this neck, or takes no pictures of this size.
    """
    with torch.device("meta"):
        detector = build_detector(arch, num_classes, seed=0).eval()
        fold_batch_norms(detector)
        with torch.no_grad(), LiveBytes() as live:
            run_layers(detector)
    return _predicted("peak_memory_mib", FILE, _weights_mib(detector), live.peak / MIB)


def measured_training_memory(peak_mib: float, batch: int) -> Measurement:
    """Return what ``peak_memory`` saw of a training as ``training_memory_mib``."""
    rule = f"{MEASURED_RULE} the network was built; batch {batch}"
    return _memory("training_memory_mib", peak_mib, rule)


def measured_peak_memory(peak_mib: float) -> Measurement:
    """Return the most that a process took that runs the deployed file, as ``peak_memory_mib``."""
    return _memory("peak_memory_mib", peak_mib, f"{MEASURED_RULE} the file was loaded; batch 1")


def _weights_mib(detector: nn.Module) -> float:
    return 4 * sum(item.numel() for item in detector.parameters()) / MIB


def _predicted(metric: str, law: Law, weights_mib: float, layers_mib: float) -> Measurement:
    peak_mib = law.constant_mib + law.per_weight * weights_mib + law.per_layer * layers_mib
    return _memory(f"{metric}_predicted", peak_mib, PREDICTED_RULE)


def _memory(metric: str, mib: float, rule: str) -> Measurement:
    return Measurement(metric=metric, value=mib, unit="MiB", protocol=CountProtocol(rule=rule))


def _training_outputs(detector: Detector, pictures: Tensor, rois: int) -> Iterator[Tensor]:
    """Yield what the losses are taken from."""
    maps = detector.neck(detector.backbone(pictures))
    head = cast(nn.Module, detector.head)
    if isinstance(head, RetinaHead):
        yield from head.class_tower(maps)  # boxes are looked at where objects are
        return
    dense = vars(cast(Callable[[object], object], head.rpn)(maps))
    yield from (item for item in tree_leaves(dense) if isinstance(item, Tensor))
    for module in detector.modules():
        if isinstance(module, BoxPredictor):
            inputs = module.first.in_features
            yield from module(maps[0].new_empty(len(pictures), rois, inputs))


@contextmanager
def peak_memory() -> Generator[Callable[[], float], None, None]:
    """Yield what returns the most resident memory since, in MiB, less what there is now.

    Linux only: elsewhere it is 0. What an earlier training has freed is given back first, where the
    C library can (glibc); else only a new process sees all.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    before = memory_mib("VmRSS")
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    yield lambda: memory_mib("VmHWM") - before
