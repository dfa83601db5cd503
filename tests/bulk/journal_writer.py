"""A process that writes a journal and tells what was acknowledged, until it is killed.

`python -m tests.bulk.journal_writer <journal>` imports everything once, and forks a
process for each name of a round on standard input; when that has ended it prints
"ended". With "hold" behind the journal it only opens it and waits. Each line on
standard output was written after the journal said that it holds what the line says.
"""

from __future__ import annotations

import asyncio
import os
import sys

from tests.bulk.journal_tools import FILE, opened, request_row, succeeded

WORKERS = 16


def tell(*words):
    os.write(1, (" ".join(words) + "\n").encode())


async def work(journal, name, numbers):
    for number in numbers:
        key = f"{name}-{number}"
        await journal.sending(request_row(key), 1.0)
        tell("in doubt", "/", key)
        await journal.accepted(key, f"task-{key}", 2.0)
        tell("accepted", "/", key)
        await succeeded(journal, key, {"url": "x" * 700})
        tell("succeeded", "/", key)
        await journal.saved(key, [FILE], 4.0)
        tell("saved", "/", key)


async def hold(path):
    async with opened(path):
        tell("open", "/", str(os.getpid()))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def write(path, name):
    async with opened(path) as journal:
        tell("open", "/", str(os.getpid()))
        numbers = iter(range(1_000_000))
        await asyncio.gather(*(work(journal, name, numbers) for _ in range(WORKERS)))


def main(path):
    for name in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(write(path, name.strip()))
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        tell("ended", "/", str(status))


if __name__ == "__main__":
    if sys.argv[2:] == ["hold"]:
        asyncio.run(hold(sys.argv[1]))
    else:
        main(sys.argv[1])
