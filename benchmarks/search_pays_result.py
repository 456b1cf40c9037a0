"""What `search_pays.py` found, in numbers: gains with intervals, and who else would have passed.

AP is 0-1, gains are AP points (x 100) on the test split. A gain is the mean over the searches; its
interval is a paired bootstrap: the test pictures, the same for all detectors, and the searches are
drawn again together. Random members pass as the winner is to pass: at most half of Faster R-CNN's
latency, and the lower end of the gain over it at least one point.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from finals import Ground
from journal import Record
from numpy.typing import NDArray

from smnas.measure.accuracy import redraw
from smnas.measure.bootstrap import percentile_interval
from smnas.seeding import generator

REPLICATES = 2000
MOST_LATENCY, LEAST_GAIN = 0.5, 1.0
"""Of Faster R-CNN's latency, and AP points over it: what passes."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Entrants:
    """Everyone who is compared on one data set; winners, defaults and frcnns by search."""

    folder: Path
    ground: Ground
    winners: Sequence[Record]
    defaults: Sequence[Record]
    members: Sequence[Record]
    frcnns: Sequence[Record]

    def redraw(self, records: Sequence[Record]) -> Floats:
        """Return the AP points of each on sets drawn from the test pictures, one row each."""
        rows: list[Floats] = []
        for record in records:
            found = self.ground.read_predictions(self.folder / record["folder"], record["trial"])
            drawn = redraw(self.ground.test, found, ["ap"], replicates=REPLICATES)["ap"]
            rows.append(100 * np.nan_to_num(drawn))
        return np.stack(rows)


def judge(all_: Entrants) -> dict[str, Any]:
    """Return the numbers of one data set."""
    winner_SB, default_SB, frcnn_SB, member_MB = map(
        all_.redraw, (all_.winners, all_.defaults, all_.frcnns, all_.members)
    )
    typical_B = np.median(member_MB, axis=0)
    own, default, member, frcnn = (
        [record["ap_test"] for record in records]
        for records in (all_.winners, all_.defaults, all_.members, all_.frcnns)
    )
    frcnn_ms = median(record["latency_ms"] for record in all_.frcnns)
    ratio = median(record["latency_ms"] for record in all_.winners) / frcnn_ms
    passing = [
        record["latency_ms"] is not None
        and record["latency_ms"] <= MOST_LATENCY * frcnn_ms
        and lower_end(drawn_B - frcnn_SB.mean(axis=0)) >= LEAST_GAIN
        for record, drawn_B in zip(all_.members, member_MB, strict=True)
    ]
    return {
        "test_pictures": len(all_.ground.test),
        "search_minutes": round(fmean(record["seconds"] for record in all_.winners) / 60, 2),
        **lead("gain_over_default", own, default, winner_SB - default_SB),
        **lead("gain_over_random", own, [median(member)], winner_SB - typical_B),
        **lead("gain_over_frcnn", own, frcnn, winner_SB - frcnn_SB),
        "latency_ratio": round(ratio, 4),
        "winner_ap": fmean(own),
        "default_ap": fmean(default),
        "random_ap": median(member),
        "frcnn_ap": fmean(frcnn),
        "random_pass_share": fmean(passing),
        "winners": list(map(tell, all_.winners)),
        "defaults": list(map(tell, all_.defaults)),
        "frcnns": list(map(tell, all_.frcnns)),
        "members": list(map(tell, all_.members)),
    }


def lead(
    name: str, ours: Sequence[float], theirs: Sequence[float], difference_SB: Floats
) -> dict[str, float]:
    """Return the mean gain in AP points, and the ends of its interval."""
    searches, sets = difference_SB.shape
    drawn_SB = generator(0, "searches").integers(0, searches, (searches, sets))
    drawn_B = np.take_along_axis(difference_SB, drawn_SB, axis=0).mean(axis=0)
    interval = percentile_interval(drawn_B)
    found = {name: round(100 * (fmean(ours) - fmean(theirs)), 3)}
    if interval is not None:
        found |= {f"{name}_low": round(interval.low, 3), f"{name}_high": round(interval.high, 3)}
    return found


def lower_end(difference_B: Floats) -> float:
    """Return the lower end of a gain's interval over the test pictures alone."""
    interval = percentile_interval(difference_B)
    return -np.inf if interval is None else interval.low


def tell(record: Record) -> Record:
    """Return what is published of a search or a training."""
    return {key: value for key, value in record.items() if key not in ("key", "folder", "trial")}
