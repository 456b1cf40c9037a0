"""All faults of a file are shown at once: the first ones in words, the rest as a number."""

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
