"""All faults of a file are shown at once: the first ones in words, the rest as a number.

A reader notes every fault, leaves out what is faulty, and calls ``raise_if_any``. With ``Faults``
that ends it; with ``KeptFaults`` the same reader goes on with what is sound, as the doctor wants.
"""

from dataclasses import dataclass
from pathlib import Path

from smnas.errors import DataError

SHOWN = 20


class Faults:
    """Collects what is wrong with one file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shown: list[str] = []
        self._count = 0

    @property
    def left_out(self) -> bool:
        """Whether something faulty has been left out, so that numbers are no more the file's."""
        return False

    def add(self, text: str) -> None:
        """Note a fault; ``text`` names the field, what was expected and what came."""
        self._count += 1
        if self._count <= SHOWN:
            self._shown.append(text)

    def raise_if_any(self, advice: str = "") -> None:
        """Raise when there are faults.

        Args:
            advice: What to do about them, said at the end.

        Raises:
            DataError: Names the file, its first faults and how many more there are.
        """
        if self._count:
            raise self.error(advice)

    def error(self, advice: str = "") -> DataError:
        """Return the error that names all faults noted so far."""
        lines = [f"{self._path}: {self._count} fault" + ("s" if self._count > 1 else "")]
        lines += [f"  {text}" for text in self._shown]
        if self._count > len(self._shown):
            lines.append(f"  and {self._count - len(self._shown)} more")
        if advice:
            lines.append(f"  {advice}")
        return DataError("\n".join(lines))


@dataclass(frozen=True)
class Noted:
    """Faults that one advice is for."""

    texts: tuple[str, ...]
    advice: str


class KeptFaults(Faults):
    """Keeps all faults, and lets the reader go on.

    Attributes:
        noted: The faults, as the reader told them.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.noted: list[Noted] = []
        self._fresh: list[str] = []

    @property
    def left_out(self) -> bool:
        """Whether faults have been kept, and the reader has gone on without what is faulty."""
        return bool(self.noted)

    def add(self, text: str) -> None:
        """Note a fault."""
        super().add(text)
        self._fresh.append(text)

    def raise_if_any(self, advice: str = "") -> None:
        """Keep the faults that have come since the last call."""
        if self._fresh:
            self.noted.append(Noted(tuple(self._fresh), advice))
            self._fresh = []

    def error(self, advice: str = "") -> DataError:
        """Return the error with which the reader gives up; the faults are kept beside it."""
        self.raise_if_any(advice)
        return super().error(advice)
