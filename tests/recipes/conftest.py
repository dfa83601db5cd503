"""The README's recipes, started as programs, and an emulator for them.

A recipe is executed as it stands. Three things differ from a reader's program: key and
address are the emulator's; sessions ask sooner, so that no test waits for the first
query; and what would serve until Ctrl-C is handed to the test, with its settings.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import uvicorn
from aiohttp import web
from attrs import evolve

import liangxin_async
from liangxin_async import Polling, Session
from liangxin_async.emulator import Emulator, Fixed, Scenario
from tests.conftest import CANARY
from tests.e2e.conftest import nothing_left  # noqa: F401 - a fixture
from tests.readme import RECIPES

SOONER = {"first": 0.05, "floor": 0.02, "ceiling": 0.1}


@pytest.fixture
async def emulator(anyio_backend: object) -> AsyncIterator[Emulator]:
    """The service; a test changes what it plays with `play`."""
    async with Emulator(Scenario(duration=Fixed(0.1)), api_key=CANARY) as emulator:
        yield emulator


class Recipe:
    """A recipe that was started: its names, and what it would have served."""

    def __init__(self, name: str, names: dict[str, Any]) -> None:
        self.name = name
        self.names = names
        self.served: Any = None
        self.settings: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return self.names[name]

    def set(self, **names: Any) -> None:
        """Change settings that the recipe states at its top."""
        assert names.keys() <= self.names.keys()
        self.names.update(names)

    def serve(self, served: Any, **settings: Any) -> None:
        """Stand in for what would serve until Ctrl-C."""
        self.served, self.settings = served, settings


class Start(Protocol):
    """Starts a recipe; starting it again is the program's next start.

    `asks` are fields of `Polling` that its sessions get, instead of `SOONER`.
    """

    def __call__(self, name: str, **asks: float) -> Recipe: ...


@pytest.fixture
def start(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Put the recipes' shared file where an import finds it, and the service's key."""
    (tmp_path / "shared.py").write_text(RECIPES["shared"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("LIANGXIN_API_KEY", CANARY)
    monkeypatch.setenv("LIANGXIN_BASE_URL", emulator.base_url)

    def start(name: str, **asks: float) -> Recipe:
        def here(*, polling: Polling | None = None, **settings: Any) -> Session:
            own = polling or Polling()
            return Session(polling=evolve(own, **(asks or SOONER)), **settings)

        monkeypatch.setattr(liangxin_async, "Session", here)
        sys.modules.pop("shared", None)
        importlib.invalidate_caches()
        recipe = Recipe(name, {"__name__": "__main__"})
        monkeypatch.setattr(uvicorn, "run", recipe.serve)
        monkeypatch.setattr(web, "run_app", recipe.serve)
        exec(compile(RECIPES[name], f"README:{name}", "exec"), recipe.names)
        return recipe

    yield start
    sys.modules.pop("shared", None)
