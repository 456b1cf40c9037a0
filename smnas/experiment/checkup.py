"""``smnas data check``: the doctor's findings, and what they mean for a search.

The doctor knows the data. How large objects are at the inputs of a space, and how small a
difference the validation pictures can tell, is added here.
"""

from dataclasses import dataclass

from smnas.data.checks.boxes import gather_boxes
from smnas.data.checks.finding import Finding, Reporter, Severity
from smnas.data.checks.input_sizes import SizesAtInput, check_sizes, sizes_at_inputs
from smnas.data.doctor import Progress, examine, sort_findings
from smnas.data.sources import DataSpec
from smnas.data.splits import Splits
from smnas.data.summary import summarise
from smnas.errors import DataError
from smnas.experiment.shapes import load_spaces
from smnas.measure.noise_floor import NoiseFloor, noise_floor
from smnas.space.known import ASPECT_RATIOS

COARSE_AP50 = 0.05
"""Floor of AP50 above which most detectors of a search cannot be told apart."""


@dataclass(frozen=True)
class Checkup:
    """Everything that ``smnas data check`` says.

    Attributes:
        findings: Gravest first.
        notes: What a search says of its splits.
        sizes: Sizes of the training objects at the searched inputs.
        floor: How small a difference means nothing; None where nothing can be measured.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    sizes: tuple[SizesAtInput, ...]
    floor: NoiseFloor | None

    def count(self, severity: Severity) -> int:
        """Return how many findings are of a severity."""
        return sum(item.severity == severity for item in self.findings)


def check_data(
    spec: DataSpec, space: str = "micro", seed: int = 0, progress: Progress | None = None
) -> Checkup:
    """Return what is wrong with a data set, and what a search could see in it.

    Args:
        spec: Which data.
        space: Name of a space, or path of a space file, whose inputs are meant.
        seed: Of the split, where one has to be made.
        progress: Told of each picture that has been read.

    Raises:
        ConfigError: No such data or space.
        MissingFileError: A file or folder that the call names is not there.
    """
    diagnosis = examine(spec, seed, progress)
    if diagnosis.splits is None:
        return Checkup(diagnosis.findings, (), (), None)
    splits, further = diagnosis.splits, list[Finding]()
    sizes = _size_objects(splits, space, spec.source, further)
    floor = _measure_floor(splits, spec.source, further)
    findings = sort_findings([*diagnosis.findings, *further])
    return Checkup(findings, splits.notes, sizes, floor)


def _size_objects(
    splits: Splits, space: str, source: str, findings: list[Finding]
) -> tuple[SizesAtInput, ...]:
    report = Reporter("train", source)
    ratio, (low, high) = summarise(splits.train).median_aspect_ratio, ASPECT_RATIOS
    if not low <= ratio <= high:
        message = f"the median picture is {ratio:.3g} times as wide as high"
        advice = f"cut the pictures: no input is searched beyond {low:g} to {high:g}"
        findings.append(report.find("error", "input-shape", message, advice))
        return ()
    inputs = load_spaces(space, splits).structural.input_sizes
    sizes = sizes_at_inputs(gather_boxes(splits.train), inputs)
    findings += check_sizes(sizes, report)
    return sizes


def _measure_floor(splits: Splits, source: str, findings: list[Finding]) -> NoiseFloor | None:
    report = Reporter("val", source)
    try:
        floor = noise_floor(splits.val)
    except DataError as error:
        advice = "give validation pictures with objects (--val)"
        findings.append(report.find("error", "val-empty", str(error), advice))
        return None
    if floor.ap50 > COARSE_AP50:
        findings.append(
            report.find(
                "warning",
                "val-small",
                floor.sentence,
                "validate on more pictures: four times as many halve it. Until then take detectors "
                "that differ by less for equal, and the faster of them"
                + ("" if splits.own_val else "; a search with --folds 5 judges its finals on more"),
            )
        )
    return floor
