"""Bins of cost, inside which trials of a rung are ranked, lest the cheapest go up for ever."""

from math import floor, log

from smnas.trial.front import Objective
from smnas.trial.trial import Trial

BIN_FACTOR = 1.5
"""A bin reaches to so many times its lower end."""


def cost_bin(trial: Trial, cost: Objective) -> int:
    """Return the number of the bin that a trial lies in; costs that are no ratios share one."""
    return floor(cost.of(trial) / log(BIN_FACTOR)) if cost.log else 0
