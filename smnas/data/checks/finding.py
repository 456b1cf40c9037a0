"""What a check has found, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Gravest first. An error stops training or makes its numbers wrong; a warning probably costs
accuracy; a note is good to know."""


@dataclass(frozen=True)
class Finding:
    """One kind of fault in one split.

    Attributes:
        severity: How grave it is.
        check: Its name, for programs.
        split: ``train``, ``val`` or ``test``; two of them where it lies between them.
        file: The annotation file or folder.
        message: What is wrong, in one sentence.
        advice: What to do about it.
        places: Where, all of them: picture files, or fields of the annotations.
    """

    severity: Severity
    check: str
    split: str
    file: str
    message: str
    advice: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reporter:
    """Makes the findings of one split.

    Attributes:
        split: Its name.
        file: Its annotation file or folder.
    """

    split: str
    file: str

    def find(
        self,
        severity: Severity,
        check: str,
        message: str,
        advice: str,
        places: Iterable[str] = (),
    ) -> Finding:
        """Return a finding of this split."""
        return Finding(severity, check, self.split, self.file, message, advice, tuple(places))
