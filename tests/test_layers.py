"""The house keeps its shape: imports point one way, and decisions stay pure.

Everything is read from the source text, so that a forbidden edge is found even where
no test walks it.

The rule. Each top-level module or package has a layer (`LAYERS`, lowest first).
- At run time a module imports from its own package and from lower layers only, and no
  two modules import each other.
- A type-only import (under `if TYPE_CHECKING:`) may also name a neighbour in the same
  layer, and the plain values and protocols of `VALUES`, wherever they are.
- Imports inside functions are for the command, so that `liangxin --help` is quick, for
  the pytest plugin, which everybody's test runs load, and for what is slow to load and
  seldom needed (`SELDOM`).
- The emulator stands apart: it imports nothing of the client, and of the client only
  the command and `testing` import it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import field, frozen

import liangxin_async

NAME = "liangxin_async"
ROOT = Path(liangxin_async.__file__).parent
MODULE_LINES = 500
FUNCTION_LINES = 40  # of code: neither docstring, blank lines nor comments

LAYERS = (
    ("_naming",),
    ("_version", "_errors", "_waiting"),
    ("_addresses", "_converter", "_media", "_stored"),
    ("_connector",),
    ("_records",),
    ("_core",),
    ("_config", "_events", "_secret", "models"),
    ("dialects", "_partfile", "_telling"),
    ("_answer",),
    ("_arguments", "_transport", "_gate", "_handle", "_webfile", "_endings", "_doubts"),
    ("_poll_told", "_submit_told"),
    ("_callbacks", "_submit", "_poller", "_download"),
    ("_batch", "_runtime"),
    ("_settings",),
    ("_session",),
    # "" is the public door, __init__.py, and `_public` what is behind it.
    ("", "_public", "bulk", "otel", "webhook", "testing"),
    ("cli",),
    ("__main__",),
)
LAYER = {unit: level for level, units in enumerate(LAYERS) for unit in units}
# What is below may name these as types; `_handle` because an error can hand one out.
VALUES = {"_errors", "_records", "_config", "_events", "models", "dialects", "_handle"}
APART = "emulator"
MAY_USE_THE_EMULATOR = {"cli", "testing"}
LAZY_PLUGIN = "testing._entry"  # pytest loads it in every run of every project
SELDOM = {
    ("_records", "_stored"),
    ("models._build", "difflib"),
}  # module, what it loads

IMPURE = {
    *("aiohttp", "anyio", "asyncio", "concurrent", "logging", "multiprocessing"),
    *("os", "queue", "random", "sched", "secrets", "select", "selectors", "signal"),
    *("socket", "sqlite3", "ssl", "sys", "threading", "time", "uuid", "warnings"),
}


@frozen
class Import:
    """One imported module, by its name below the package, or a foreign one."""

    target: str
    ours: bool
    type_only: bool
    inside_function: bool
    line: int


@frozen(eq=False)
class Module:
    """One source file. `name` is dotted and starts below the package."""

    name: str
    path: Path
    tree: ast.Module = field(repr=False)

    @property
    def unit(self) -> str:
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[Import]:
        yield from _imports(self.tree, self, type_only=False, inside=False)


def _imports(
    node: ast.AST, module: Module, *, type_only: bool, inside: bool
) -> Iterator[Import]:
    inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    guarded = isinstance(node, ast.If) and ast.unparse(node.test).endswith(
        "TYPE_CHECKING"
    )
    for child in ast.iter_child_nodes(node):
        only = type_only or (guarded and child in node.body)
        for target in _targets(child, module):
            ours = target == NAME or target.startswith(f"{NAME}.")
            name = target[len(NAME) + 1 :] if ours else target
            yield Import(name, ours, only, inside, child.lineno)
        yield from _imports(child, module, type_only=only, inside=inside)


def _targets(node: ast.AST, module: Module) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module.path}:{node.lineno}: a relative import"
        for alias in node.names:
            submodule = f"{node.module}.{alias.name}"
            yield submodule if submodule in _FULL_NAMES else node.module


def _load() -> tuple[Module, ...]:
    modules = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        kept = parts[:-1] if parts[-1] == "__init__" else parts
        tree = ast.parse(path.read_text("utf-8"), str(path))
        modules.append(Module(".".join(kept), path, tree))
    return tuple(modules)


MODULES = _load()
_FULL_NAMES = {f"{NAME}.{module.name}" for module in MODULES if module.name}
CLIENT = tuple(module for module in MODULES if module.unit != APART)


def _ids(module: Module) -> str:
    return module.name or "__init__"


# ------------------------------------------------------------------------- layers


@pytest.mark.parametrize("module", CLIENT, ids=_ids)
def test_layers_every_module_has_one(module: Module) -> None:
    """A new module is given its place in the house before it is used."""
    assert module.unit in LAYER, f"add {module.unit!r} to LAYERS in {__file__}"


@pytest.mark.parametrize("module", CLIENT, ids=_ids)
def test_layers_point_one_way(module: Module) -> None:
    """At run time a module imports its own package and lower layers only."""
    here = LAYER.get(module.unit, -1)
    upward = [
        found
        for found in module.imports()
        if found.ours and not found.type_only and not _is_allowed(module, found, here)
    ]
    assert not upward


def _is_allowed(module: Module, found: Import, here: int) -> bool:
    unit = found.target.partition(".")[0]
    if unit == APART:
        return module.unit in MAY_USE_THE_EMULATOR
    return unit == module.unit or LAYER[unit] < here


@pytest.mark.parametrize("module", CLIENT, ids=_ids)
def test_layers_of_type_only_imports(module: Module) -> None:
    """A type may come from below, from a neighbour, or be one of the plain values."""
    for found in module.imports():
        if found.ours and found.type_only:
            unit = found.target.partition(".")[0]
            if unit == APART:
                allowed = module.unit in MAY_USE_THE_EMULATOR
            else:
                allowed = unit in VALUES or LAYER[unit] <= LAYER[module.unit]
            assert allowed, f"{module.path}:{found.line}: {found.target}"


def test_layers_no_cycles() -> None:
    """No two modules need each other at run time, not even within a package."""
    graph = {
        module.name: {
            found.target
            for found in module.imports()
            if found.ours and not found.type_only and not found.inside_function
        }
        - {module.name}
        for module in MODULES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_layers_of_the_emulator() -> None:
    """The emulator imports nothing of the client: a shared misreading cannot hide."""
    for module in MODULES:
        if module.unit == APART:
            foreign = [
                found
                for found in module.imports()
                if found.ours and found.target.partition(".")[0] != APART
            ]
            assert not foreign, module.path


# --------------------------------------------------------------------------- core


@pytest.mark.parametrize("module", [m for m in MODULES if m.unit == "_core"], ids=_ids)
def test_core_is_pure(module: Module) -> None:
    """Decisions know no clock, chance, log, loop or socket, and await nothing."""
    used = {found.target.partition(".")[0] for found in module.imports()}
    assert not used & IMPURE
    waits = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(module.tree) if isinstance(node, waits)]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "today"), module.path


# ----------------------------------------------------------------------- manners


@pytest.mark.parametrize(
    "module", [m for m in MODULES if m.unit not in ("cli", "__main__")], ids=_ids
)
def test_nothing_outside_the_command_prints(module: Module) -> None:
    """A library writes to nobody's terminal."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "input"), module.path
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            stream = (node.value.id, node.attr)
            assert stream not in (("sys", "stdout"), ("sys", "stderr")), module.path


@pytest.mark.parametrize("module", MODULES, ids=_ids)
def test_imports_inside_functions(module: Module) -> None:
    """No import hides in a function, but for the command's and the other lazy ones."""
    hidden = [
        found
        for found in module.imports()
        if found.inside_function and (module.name, found.target) not in SELDOM
    ]
    assert not hidden or module.unit == "cli" or module.name == LAZY_PLUGIN, hidden


@pytest.mark.parametrize("module", MODULES, ids=_ids)
def test_modules_say_what_they_settle(module: Module) -> None:
    """Each module opens with a docstring."""
    assert ast.get_docstring(module.tree)


# -------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("module", MODULES, ids=_ids)
def test_modules_are_short(module: Module) -> None:
    """A module is split before it has 500 lines."""
    assert len(module.path.read_text("utf-8").splitlines()) < MODULE_LINES


@pytest.mark.parametrize("module", MODULES, ids=_ids)
def test_functions_are_short(module: Module) -> None:
    """A function has at most 40 lines of code."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = _lines_of_code(node)
            assert size <= FUNCTION_LINES, f"{module.path}:{node.lineno} has {size}"


def _lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body that hold code; the signature and the docstring do not."""
    body = function.body[ast.get_docstring(function) is not None :]
    lines = {
        line
        for statement in body
        for node in ast.walk(statement)
        if hasattr(node, "lineno")
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return len(lines)
