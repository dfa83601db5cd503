"""A headless Chromium, driven through its DevTools socket with what we have anyway.

Every wait is bounded. The browser is a group of processes that we started; it is ended
by the number of that group.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from attrs import define, field

NAMES = ("chromium", "chromium-browser", "google-chrome")
FOUND = next((path for name in NAMES if (path := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(
    FOUND is None or sys.platform == "win32", reason=f"none of {', '.join(NAMES)}"
)
_START = 30.0  # seconds
_ANSWER = 20.0
_KEYS = {
    "Enter": 13,
    "Escape": 27,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "/": 191,
}


@define(eq=False)
class Browser:
    """One page of a browser."""

    _socket: aiohttp.ClientWebSocketResponse
    _session: str | None = None
    _number: int = 0
    events: list[dict[str, Any]] = field(factory=list)

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its answer; events that come first are kept."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            command["sessionId"] = self._session
        with anyio.fail_after(_ANSWER):
            await self._socket.send_json(command)
            while True:
                message = json.loads((await self._socket.receive()).data)
                if message.get("id") == self._number:
                    assert "error" not in message, message["error"]
                    answer: dict[str, Any] = message["result"]
                    return answer
                self.events.append(message)

    async def attach(self) -> None:
        """Make the one page that commands go to from now on."""
        page = await self.send("Target.createTarget", url="about:blank")
        answer = await self.send(
            "Target.attachToTarget", targetId=page["targetId"], flatten=True
        )
        self._session = answer["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")

    async def open(
        self,
        page: Path,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "light",
    ) -> None:
        """Open a file in a window of this size, and wait until its script has run."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", features=features)
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.send("Page.navigate", url=page.as_uri())
        await self.until(
            "document.readyState === 'complete' && location.protocol === 'file:'"
        )

    async def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        answer = await self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        with anyio.fail_after(_ANSWER):
            while not await self.ask(expression):  # noqa: ASYNC110 - in the browser
                await anyio.sleep(0.02)

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = _KEYS[key]
        text = {"Enter": "\r", "/": "/"}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            await self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.send("Input.insertText", text=text)

    def complaints(self) -> list[str]:
        """What stands in the console: errors, and what the policy refused."""
        kinds = (
            "Log.entryAdded",
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
        )
        return [json.dumps(e["params"]) for e in self.events if e["method"] in kinds]

    def requested(self) -> list[str]:
        """Every address that was asked for."""
        method = "Network.requestWillBeSent"
        found = [e["params"] for e in self.events if e["method"] == method]
        return [params["request"]["url"] for params in found]


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """A browser of its own, with an empty profile."""
    # Not below `tmp_path`: a profile goes on changing while a test ends.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = _start(profile)
        try:
            address = await _address(Path(profile), process)
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(address, max_msg_size=0) as socket,
            ):
                browser = Browser(socket)
                await browser.attach()
                yield browser
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(profile: str) -> subprocess.Popen[bytes]:
    assert FOUND is not None
    command = [
        *(FOUND, "--headless=new", "--disable-gpu", "--no-first-run"),
        *("--disable-dev-shm-usage", "--disable-background-networking"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
    ]
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # it refuses to run as root with one
    with (Path(profile) / "stderr").open("wb") as errors:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


async def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    said = profile / "DevToolsActivePort"
    with anyio.move_on_after(_START):
        while process.poll() is None:
            lines = said.read_text().splitlines() if said.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            await anyio.sleep(0.05)
    words = (profile / "stderr").read_text(errors="replace")[-500:]
    pytest.skip(f"{FOUND} does not start here: {words}")
