"""What to try next: pure functions of the trials so far; no torch, no files, no clock."""

from smnas.search.algorithm import Algorithm
from smnas.search.settings import SearchSettings
from smnas.search.sm_nas import SmNas

__all__ = ["Algorithm", "SearchSettings", "SmNas"]
