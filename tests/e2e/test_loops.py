"""Sessions and event loops: made at import time, used in several, left in any way.

These tests run whole programs in processes of their own, with warnings as errors, and
look at what they print: the only way to see what happens at interpreter exit.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

FRAME = """
import asyncio, gc, logging, sys, threading, warnings
from liangxin_async import *
from liangxin_async.emulator import Emulator, Fixed, Scenario

# Debug mode tells of every step above 0.1 s, which a busy machine has too.
logging.getLogger("asyncio").addFilter(lambda told: "took %.3f" not in str(told.msg))
ready, stop, box = threading.Event(), threading.Event(), []

async def serve():
    async with Emulator(scenario=Scenario(duration=Fixed(DURATION))) as emulator:
        box.append(emulator)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.01)

thread = threading.Thread(target=lambda: asyncio.run(serve()))
thread.start()
ready.wait(10)
session = Session(
    box[0].api_key, base_url=box[0].base_url, polling=Polling(first=0.05, floor=0.02)
)
try:
BODY
finally:
    stop.set()
    thread.join()
"""

PROGRAMS = {
    "two runs, never closed": """
        async def main():
            assert (await session.generate(ZImage("a"))).urls
        asyncio.run(main())
        asyncio.run(main())
    """,
    "two runs, closed in each": """
        async def main():
            async with session:
                assert (await session.generate(ZImage("a"))).urls
        asyncio.run(main())
        asyncio.run(main())
    """,
    "closed in the second run": """
        async def first():
            assert (await session.generate(ZImage("a"))).urls
        asyncio.run(first())
        asyncio.run(session.aclose())
        asyncio.run(session.aclose())
    """,
    "run ends with tasks open and waiters": """
        async def main():
            handle = await session.submit(ZImage("a"))
            asyncio.get_running_loop().create_task(handle.wait())
            await asyncio.sleep(0)
        async def later():
            return [h.task_id for h in session.pending]
        asyncio.run(main())
        assert asyncio.run(later()) == []
    """,
    "run ends within a batch": """
        async def main():
            async for outcome in session.map(ZImage(f"p{i}") for i in range(1000)):
                break
        asyncio.run(main())
    """,
    "handle of an ended loop says so": """
        async def main():
            return await session.submit(ZImage("a"))
        handle = asyncio.run(main())
        async def later():
            try:
                await handle
            except SessionClosedError as error:
                assert error.task_id == handle.task_id
                return (await session.attach(error.task_id)).urls
        assert asyncio.run(later())
    """,
    "cancelled main": """
        async def main():
            asyncio.get_running_loop().call_later(0.02, asyncio.current_task().cancel)
            await session.generate(ZImage("a"))
        try:
            asyncio.run(main())
        except asyncio.CancelledError:
            pass
    """,
    "used from a second running loop": """
        async def main():
            await session.open()
            seen = []
            def other():
                async def use():
                    try:
                        await session.generate(ZImage("a"))
                    except ConfigurationError as error:
                        seen.append(str(error))
                asyncio.run(use())
            await asyncio.to_thread(other)
            assert "loop" in seen[0], seen
            await session.aclose()
        asyncio.run(main())
    """,
    "attach without a loop": """
        try:
            session.attach("x")
        except ConfigurationError as error:
            assert "loop" in str(error)
    """,
    "error inside async with stays itself": """
        async def main():
            async with session:
                await session.submit(ZImage("a"))
                raise ValueError("mine")
        try:
            asyncio.run(main())
        except ValueError as error:
            assert str(error) == "mine"
    """,
}


# Those that end while their task is still running, with a picture that never comes.
UNENDING = (
    "run ends with tasks open and waiters",
    "cancelled main",
    "used from a second running loop",
    "error inside async with stays itself",
)
CASES = [(name, 0.05) for name in PROGRAMS] + [(name, 30.0) for name in UNENDING]


@pytest.mark.parametrize(("name", "duration"), CASES)
def test_program_ends_well_and_silently(name: str, duration: float) -> None:
    """No warning, no log line, no 'Event loop is closed', and exit code 0."""
    body = textwrap.indent(textwrap.dedent(PROGRAMS[name]), "    ")
    program = FRAME.replace("BODY", body).replace("DURATION", str(duration))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
