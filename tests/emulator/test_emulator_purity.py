"""The emulator shares no code with the client."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import liangxin_async.emulator as emulator

FOLDER = Path(emulator.__file__).parent
ALLOWED = sys.stdlib_module_names | {"aiohttp", "attrs", "anyio"}


def imported(path: Path) -> list[str]:
    """Return every module that a file names in an import."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.name)
def test_imports_of_module_stay_outside_client(path: Path) -> None:
    """A module imports the standard library, three packages, and the emulator."""
    strange = [
        name
        for name in imported(path)
        if name.split(".")[0] not in ALLOWED
        and name.split(".")[:2] != ["liangxin_async", "emulator"]
    ]
    assert strange == []


def test_all_names_are_sorted_and_there() -> None:
    """`__all__` is sorted, and everything in it can be imported."""
    assert list(emulator.__all__) == sorted(emulator.__all__)
    assert all(hasattr(emulator, name) for name in emulator.__all__)


def test_modules_print_nothing() -> None:
    """No module of the emulator calls print."""
    calls = [
        node.func.id
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert calls
    assert "print" not in calls
