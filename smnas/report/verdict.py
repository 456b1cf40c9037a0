"""Whether the search paid: detectors of the front against the yardstick, by their intervals.

The recommended detector speaks first. Where it buys accuracy with time, or is merely tied, another
member of the front may still be plainly better than the yardstick, and then the verdict is on that
one and says so.

A comparison needs something to compare: where neither detector finds the objects, a faster one is
worth nothing, and the verdict says that instead.

Accuracy is compared on the same pictures, so that hard ones are hard for both: tied means that the
95 % interval of the difference holds zero. Where no such difference was recorded, as for times, two
numbers whose intervals overlap are tied: the cautious rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from smnas.report.tables import FrontRow, judged_on
from smnas.report.wording import milliseconds, percent, signed_percent
from smnas.trial.metrics import find_metric, over_yardstick

Comparison = Literal["better", "tied", "worse", "unknown"]

LEARNED_AP50 = 0.05
"""Below this AP50 a detector has not learned to find the objects."""


@dataclass(frozen=True)
class Verdict:
    """How a detector of the front stands to the yardstick, and the sentence that says it."""

    trial: int
    """The number of the detector: the recommended one, unless another is better placed."""
    accuracy: Comparison
    speed: Comparison
    learned: bool
    """Whether one of the two finds the objects at all, its AP50 being ``LEARNED_AP50`` or more."""
    split: Literal["test", "val"]
    """The split that the accuracy was compared on: test where there is one."""
    sentence: str

    @property
    def paid(self) -> bool:
        """Whether it is better in one respect and worse in none."""
        return _outcome(self.accuracy, self.speed, learned=self.learned) == "paid"


def judge(rows: Sequence[FrontRow]) -> Verdict | None:
    """Return the verdict on a front, or None while the recommended or the yardstick is missing."""
    chosen = recommended_row(rows)
    yardstick = yardstick_row(rows)
    if chosen is None or yardstick is None:
        return None
    on_test = chosen["accuracy_test"] is not None and yardstick["accuracy_test"] is not None
    name = "accuracy_test" if on_test else "accuracy"
    verdict = _judge_one(chosen, yardstick, name)
    if verdict.paid or not verdict.learned:
        return verdict
    others = [row for row in rows if row is not chosen and row["stage"] != "yardstick"]
    for other in sorted(others, key=lambda row: row["latency_ms"]):
        found = _judge_one(other, yardstick, name)
        if found.paid:
            sentence = f"{found.sentence} {_details(chosen, yardstick, name)}"
            return replace(found, sentence=sentence)
    return verdict


def _judge_one(
    row: FrontRow, yardstick: FrontRow, name: Literal["accuracy_test", "accuracy"]
) -> Verdict:
    """Return how one detector stands to the yardstick."""
    accuracy = _compare_accuracy(row, yardstick, name)
    speed = _compare(row, yardstick, "latency_ms", more_is_better=False)
    ap50 = "ap50_test" if name == "accuracy_test" else "ap50"
    learned = max(row[ap50] or 0.0, yardstick[ap50] or 0.0) >= LEARNED_AP50
    outcome = _outcome(accuracy, speed, learned=learned)
    sentence = f"{_OPENINGS[outcome]} {_details(row, yardstick, name)}"
    if outcome == "paid" and not row["recommended"]:
        sentence = f"{_PAID_BY_ANOTHER} {_details(row, yardstick, name)}"
    if learned and "tied" in (accuracy, speed):
        sentence += " " + _MEANING_OF_TIED
    split = "test" if name == "accuracy_test" else "val"
    return Verdict(row["trial"], accuracy, speed, learned, split, sentence)


def recommended_row(rows: Sequence[FrontRow]) -> FrontRow | None:
    """Return the row of the recommended detector, or None where there is no front yet."""
    return next((row for row in rows if row["recommended"]), None)


def yardstick_row(rows: Sequence[FrontRow]) -> FrontRow | None:
    """Return the row of the most accurate yardstick, or None where none has numbers."""
    return next((row for row in rows if row["stage"] == "yardstick"), None)


_Outcome = Literal["unlearned", "paid", "trade", "tied", "lost", "unknown"]

_OPENINGS: dict[_Outcome, str] = {
    "unlearned": (
        "Nothing can be said yet: neither detector has learned to find these objects. Train longer "
        "(budgets in a --config file), bring more pictures, or start from weights (--init)."
    ),
    "paid": "The search paid on this data.",
    "trade": "The search found a trade on this data, not a plain gain.",
    "tied": "The search found nothing that is measurably better than the yardstick on this data.",
    "lost": "The search did not pay on this data: the yardstick is the better choice.",
    "unknown": "Whether the search paid cannot be said: intervals are missing.",
}
_PAID_BY_ANOTHER = (
    "The search paid on this data, with another detector of the front than the recommended one, "
    "which keeps 95 % of the best accuracy at the price of time."
)
_MEANING_OF_TIED = (
    "Tied means that another draw of pictures, or another timing, could turn the order round (by "
    "the 95 % intervals)."
)


def _outcome(accuracy: Comparison, speed: Comparison, *, learned: bool) -> _Outcome:
    found = {accuracy, speed}
    if not learned:
        return "unlearned"
    if "unknown" in found:
        return "unknown"
    if found == {"better", "worse"}:
        return "trade"
    if "better" in found:
        return "paid"
    return "lost" if "worse" in found else "tied"


def _compare_accuracy(row: FrontRow, yardstick: FrontRow, name: str) -> Comparison:
    lead = _lead(row, name)
    if lead is None:
        return _compare(row, yardstick, name, more_is_better=True)
    _, (low, high) = lead
    if low <= 0.0 <= high:
        return "tied"
    return "better" if low > 0.0 else "worse"


def _lead(row: FrontRow, name: str) -> tuple[float, list[float]] | None:
    """Return by how much a detector is above the yardstick on the same pictures, if recorded."""
    paired = name.replace("accuracy", over_yardstick("accuracy"))
    value, interval = row.get(paired), row.get(f"{paired}_interval")
    if isinstance(value, float) and isinstance(interval, list):
        return value, interval
    return None


def _compare(
    chosen: FrontRow, yardstick: FrontRow, name: str, *, more_is_better: bool
) -> Comparison:
    ours, theirs = chosen.get(f"{name}_interval"), yardstick.get(f"{name}_interval")
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return "unknown"
    if ours[0] <= theirs[1] and theirs[0] <= ours[1]:
        return "tied"
    return "better" if (ours[0] > theirs[1]) == more_is_better else "worse"


def _details(chosen: FrontRow, yardstick: FrontRow, name: str) -> str:
    split = "test split" if name == "accuracy_test" else judged_on(chosen)
    ratio = yardstick["latency_ms"] / chosen["latency_ms"]
    pace = f"{ratio:.1f} times as fast" if ratio >= 1 else f"{1 / ratio:.1f} times as slow"
    if _compare(chosen, yardstick, "latency_ms", more_is_better=False) == "tied":
        pace = "tied"
    accuracy, lead = _compare_accuracy(chosen, yardstick, name), _lead(chosen, name)
    paired = f" (on the same pictures {signed_percent(*lead)})" if lead else ""
    metric = find_metric(chosen["accuracy_metric"]).title
    return (
        f"{_name(chosen)} takes {_milliseconds(chosen)} where the yardstick takes "
        f"{_milliseconds(yardstick)}{_predicted(chosen)}: {pace}. Its {metric} on the {split} is "
        f"{_percent(chosen, name)} against {_percent(yardstick, name)}{paired}: "
        f"{_WORDS[accuracy]}."
    )


def _predicted(row: FrontRow) -> str:
    device = row["latency_ms_predicted_for"]
    return f", both as predicted for {device}" if device else ""


def _name(row: FrontRow) -> str:
    return "The recommended detector" if row["recommended"] else f"Trial {row['trial']}"


_WORDS: dict[Comparison, str] = {
    "better": "better",
    "tied": "tied",
    "worse": "worse",
    "unknown": "not to be compared, for want of an interval",
}


def _milliseconds(row: FrontRow) -> str:
    value, _, bracket = milliseconds(
        row["latency_ms"], row["latency_ms_interval"], row["latency_ms_flag"]
    ).partition(" ")
    return f"{value} ms" + (f" {bracket}" if bracket else "")


def _percent(row: FrontRow, name: str) -> str:
    return percent(row[name], row[f"{name}_interval"])
