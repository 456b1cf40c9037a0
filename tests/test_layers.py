"""Who may import whom: the table of docs/architecture.md, enforced."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "smnas"

# `experiment` and `cli` stand above all of these and are not listed.
MAY_IMPORT: dict[str, set[str]] = {
    "arch": set(),
    "trial": {"arch"},
    "space": {"arch", "trial"},
    "search": {"space", "trial", "arch"},
    "archive": {"trial", "arch"},
    "detector": {"arch"},
    "data": {"arch", "detector.contract"},
    "training": {"arch", "detector", "data"},
    "export": {"arch", "detector", "data"},
    "measure": {"arch", "trial", "detector", "data", "export"},
    "execution": {"trial"},
    "report": {"archive", "trial", "arch"},
}
WITHOUT_TORCH = ("arch", "trial", "space", "search", "archive", "report", "execution")
HEAVY = {"torch", "torchvision", "timm"}


def imported_modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def files_of(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def test_every_room_is_in_the_table() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"experiment", "cli"} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_room_imports_only_what_it_may(room: str) -> None:
    allowed = {"smnas.errors", "smnas.seeding", f"smnas.{room}"}
    allowed |= {f"smnas.{other}" for other in MAY_IMPORT[room]}
    for path in files_of(room):
        for module in imported_modules(path):
            if module.startswith("smnas."):
                inside = any(module == name or module.startswith(name + ".") for name in allowed)
                assert inside, f"{path.relative_to(PACKAGE.parent)} imports {module}"


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_room_knows_no_torch(room: str) -> None:
    for path in files_of(room):
        heavy = {module for module in imported_modules(path) if module.split(".")[0] in HEAVY}
        assert not heavy, f"{path.relative_to(PACKAGE.parent)} imports {sorted(heavy)}"
