"""From a finished run to its front packages: ``smnas package``.

It is a command beside ``smnas export`` because the two answer different questions: ``export`` makes
one file of any weights, and this makes a folder of each detector that a run has chosen, with the
run's own numbers in it. The file is made and checked by the same ``artifact.export``.

What the numbers of a package come from is the file in it, in onnxruntime on the CPU: those of the
run where the run took them so, else they are taken anew. Numbers of torch are left behind.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from smnas.archive.archive import Archive
from smnas.archive.header import RunHeader
from smnas.archive.storage import room_on_disk
from smnas.data.picture import Picture
from smnas.data.sources import DataSpec, load_splits
from smnas.data.splits import Splits
from smnas.data.trees import load_trees
from smnas.errors import ArchiveError, ConfigError, DataError
from smnas.experiment.artifact import CALIBRATION_PICTURES, export, first_pictures
from smnas.experiment.defaults import DEFAULT_RUNTIME
from smnas.experiment.package import DETECTOR, WEIGHTS, Package, Precision, read_package
from smnas.experiment.package_writer import Content, write_package
from smnas.experiment.pictures import choose_pictures
from smnas.experiment.run_folder import trial_folder
from smnas.experiment.threads import one_core_left
from smnas.export.runtime import ExportedDetector, load_onnx
from smnas.measure.accuracy import measure_accuracy
from smnas.measure.file_latency import measure_latency_of_file
from smnas.measure.metric import class_metrics
from smnas.measure.protocol import Runtime
from smnas.report.members import front_members, is_final, recommended, yardstick_trials
from smnas.report.objectives import run_metrics, run_objectives
from smnas.training.trained_detector import TrainedDetector
from smnas.trial.front_chance import FRONT_CHANCE
from smnas.trial.measurement import Measurement, Split
from smnas.trial.metrics import over_yardstick
from smnas.trial.trial import Trial

PACKAGES = "packages"
"""Where in the run folder they lie, unless somebody says otherwise."""
_SHOWN = 3
"""Pictures in a package, beside the one that is timed."""
_COUNTED = ("macs_g", "params_m")
_OF_THE_TRAINING = "training_memory_mib"


def make_packages(
    run: Path,
    out: Path | None = None,
    *,
    precision: Precision = "float32",
    everything: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> list[Package]:
    """Write a folder for each detector on the final front of a run.

    Args:
        run: The run folder.
        out: Where the folders are made, ``NNNN`` by trial; None: ``packages`` in the run folder.
        precision: Of the exported files.
        everything: Of the finals that are not on the front and the yardsticks as well: on another
            device another one may be on the front (``retarget``).
        note: Told what is being done.

    Raises:
        ArchiveError: The search is not over, or lost weights or predictions.
        ConfigError: A folder of that name is there.
        DataError: The pictures are no longer those of the search.
        ExportError: A file does not find what its network finds.
        StorageFullError: No room on the disk; what is whole is kept.
    """
    archive = Archive.open(run)
    trials, header = archive.trials(), archive.header
    archive.close()
    if not is_final(trials):
        raise ArchiveError(
            f"{run}: expected a search whose finals are trained; let it go on to its end first"
        )
    objectives = run_objectives(header.config)
    members = front_members(trials, objectives)
    listed = members
    if everything:
        finals = [t for t in trials if t.proposal.stage == "final" and t.succeeded]
        listed = [*finals, *yardstick_trials(trials, final=True)]
    place = out or run / PACKAGES
    suffix = "" if precision == "float32" else f"-{precision}"
    folders = [place / f"{trial.number:04d}{suffix}" for trial in listed]
    _require_free(folders)
    packer = _Packer(run, header, _load(header, run), precision, recommended(members, objectives))
    made: list[Package] = []
    with room_on_disk(place), one_core_left():  # as a search measures
        for trial, folder in zip(listed, folders, strict=True):
            note(f"packing trial {trial.number}: {trial.proposal.arch}")
            packer.pack(trial, folder)
            made.append(read_package(folder))
    return made


@dataclass(frozen=True)
class _Packer:
    """Makes the packages of one run."""

    run: Path
    header: RunHeader
    splits: Splits
    precision: Precision
    chosen: Trial | None
    """The recommended one."""

    def pack(self, trial: Trial, folder: Path) -> None:
        """Write the folder, whole or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".package-", dir=folder.parent) as passing:
            whole = Path(passing) / folder.name
            whole.mkdir()
            self._fill(trial, whole)
            whole.replace(folder)

    def _fill(self, trial: Trial, folder: Path) -> None:
        if trial.outcome is None or trial.outcome.weights is None:
            raise ArchiveError(f"trial {trial.number} has no weights")
        weights = self.run / trial.outcome.weights
        if not weights.is_file():
            raise ArchiveError(f"{weights}: the weights of trial {trial.number} are gone")
        shutil.copyfile(weights, folder / WEIGHTS)
        own = self._own_file(trial)
        if own is None:
            self._export(TrainedDetector.load(weights), folder / DETECTOR)
        else:
            shutil.copyfile(own, folder / DETECTOR)
        detector = load_onnx(folder / DETECTOR)
        pictures = self._pictures()
        content = Content(
            run=self.run,
            header=self.header,
            trial=trial,
            precision=self.precision,
            recommended=trial is self.chosen,
            metrics=(
                self._measure(trial, detector, folder / DETECTOR, pictures[0])
                if own is None
                else self._take_over(trial, folder / DETECTOR, pictures[0])
            ),
            pictures=pictures,
            found=detector.predict(pictures),
            val=self.splits.val,
        )
        write_package(folder, content)

    def _own_file(self, trial: Trial) -> Path | None:
        """Return the file that the run took its numbers from, where it is the one to be packed."""
        own = trial_folder(self.run, trial.number) / DETECTOR
        runtime = self.header.config.get("runtime")
        fits = runtime == DEFAULT_RUNTIME and self.precision == "float32"
        return own if fits and own.is_file() else None

    def _export(self, trained: TrainedDetector, path: Path) -> None:
        calibration: Sequence[Picture] = ()
        if self.precision == "int8":
            calibration = first_pictures(self.splits.train, CALIBRATION_PICTURES)
        val = self.splits.val
        export(
            trained,
            path,
            first_pictures(val),
            annotated=val,
            precision=self.precision,
            calibration=calibration,
        )

    def _pictures(self) -> list[Picture]:
        """Return the picture that is timed, and some more."""
        val = self.splits.val if self._shows_data else load_trees().val
        places = dict.fromkeys((0, *choose_pictures(val, _SHOWN)))
        return [np.ascontiguousarray(val.read(place)[0]) for place in places]

    @property
    def _shows_data(self) -> bool:
        return bool(self.header.config.get("pictures", True))

    def _take_over(self, trial: Trial, file: Path, picture: Picture) -> tuple[Measurement, ...]:
        """Return the run's numbers; the time anew where its picture is not in the folder."""
        own = _own_numbers(trial)
        if self._shows_data:
            return own
        kept = [item for item in own if item.protocol.kind != "latency"]
        timed = [m for m in self._time(file, picture) if m.protocol.kind == "latency"]
        return (*kept, *timed)

    def _measure(
        self, trial: Trial, detector: ExportedDetector, file: Path, picture: Picture
    ) -> tuple[Measurement, ...]:
        """Return all numbers of the file, taken now."""
        own = _own_numbers(trial)
        found: list[Measurement] = []
        names = tuple(run_metrics(self.header.config)) + class_metrics(self.splits.val.categories)
        runtime = Runtime(DEFAULT_RUNTIME, self.precision)
        for split in _splits_of(own):
            dataset = self.splits.val if split == "val" else self.splits.test
            if dataset is not None:
                found += measure_accuracy(
                    detector, dataset, split, "cpu", runtime=runtime, further=names
                ).measurements
        found += self._time(file, picture)
        return (*found, *(item for item in own if item.metric in _COUNTED))

    def _time(self, file: Path, picture: Picture) -> tuple[Measurement, ...]:
        runtime = Runtime(DEFAULT_RUNTIME, self.precision)
        threads = torch.get_num_threads()
        return measure_latency_of_file(file, picture, threads=threads, runtime=runtime)


def _own_numbers(trial: Trial) -> tuple[Measurement, ...]:
    """Return the latest of each number that is the detector's own, and not its place in the run."""
    latest: dict[tuple[str, str | None], Measurement] = {}
    for item in (*(trial.outcome.measurements if trial.outcome else ()), *trial.later):
        latest[item.metric, getattr(item.protocol, "split", None)] = item
    return tuple(
        item
        for item in latest.values()
        if item.metric != FRONT_CHANCE
        and item.protocol.kind != "prediction"
        and not item.metric.endswith(over_yardstick(""))
        and not item.metric.startswith(_OF_THE_TRAINING)
    )


def _splits_of(own: Sequence[Measurement]) -> list[Split]:
    """Return the splits that the run has read: the test split only where it has."""
    held = {getattr(item.protocol, "split", None) for item in own}
    names: tuple[Split, ...] = ("val", "test")
    return [name for name in names if name in held]


def _require_free(folders: Sequence[Path]) -> None:
    there = [str(folder) for folder in folders if folder.exists()]
    if there:
        raise ConfigError(
            f"{', '.join(there)}: there already; remove them, or name another folder with --out"
        )


def _load(header: RunHeader, run: Path) -> Splits:
    """Return the data of a run.

    Raises:
        DataError: They are not what the search read.
    """
    spec = DataSpec.model_validate(header.config["data"])
    splits = load_splits(spec, header.config.get("seed", 0))
    expected = header.data_ids.get("val")
    if splits.val.data_id != expected:
        raise DataError(
            f"{spec.source}: expected the validation pictures of {run} ({expected}), which its "
            f"numbers are of; got others ({splits.val.data_id}); put the data back as they were"
        )
    return splits
