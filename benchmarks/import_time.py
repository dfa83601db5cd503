"""What importing the library costs, beside importing aiohttp, which it needs anyway.

Fresh processes, taken in turn, so that both share the machine's mood. The time is
that of the import statement alone; the start of the interpreter is not in it. Compiled
modules are kept in a folder of this run, since an environment that forbids to write
them would have only the library compiled anew each time.
"""

from __future__ import annotations

import re
from tempfile import TemporaryDirectory

from benchmarks._processes import run_python
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "how long does importing the library take, beside importing aiohttp?"

SETUP = (
    "Each import in a fresh process, all modules compiled before; taken in turn.",
    "Wall time and CPU of the import statement; modules that it loaded.",
    "door: `import liangxin_async` alone, which loads a name when it is asked for.",
    "names: `from liangxin_async import Session, ZImage`. own: the same with aiohttp, "
    "anyio, attrs and cattrs imported before.",
    "first session: names, and a session opened and closed in an event loop; to be set "
    "beside 'aiohttp session', which is the same with aiohttp alone.",
    "models: `import liangxin_async.models`. command: `liangxin --version`.",
)

_NEEDS = "import aiohttp, anyio, attrs, cattrs, yarl"
_NAMES = "from liangxin_async import Session, ZImage"
_OPEN = """\
async def main():
    async with {made}:
        pass
asyncio.run(main())"""
_IMPORTS = {  # what is measured: (done before, done)
    "aiohttp": ("", "import aiohttp"),
    "needs": ("", _NEEDS),
    "door": ("", "import liangxin_async"),
    "names": ("", _NAMES),
    "own": (_NEEDS, _NAMES),
    "aiohttp session": (
        "",
        "import aiohttp, asyncio\n" + _OPEN.format(made="aiohttp.ClientSession()"),
    ),
    "first session": (
        "",
        f"import asyncio\n{_NAMES}\n"
        + _OPEN.format(made="Session('k', base_url='http://127.0.0.1:9')"),
    ),
    "models": ("", "import liangxin_async.models"),
    "command": (
        "import contextlib, io",
        "from liangxin_async.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        main(['--version'])",
    ),
}
_PROGRAM = """\
import sys, time
{before}
count, cpu, wall = len(sys.modules), time.process_time(), time.perf_counter()
{imported}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(wall * 1e3, cpu * 1e3, len(sys.modules) - count)
"""
_SLOWEST = 12  # modules named in the notes


def run(options: Options) -> Report:
    """Measure every import."""
    repeats = options.choose_repeats(full=20, quick=5)
    found: dict[str, list[list[float]]] = {name: [] for name in _IMPORTS}
    with TemporaryDirectory() as caches:
        for name in _IMPORTS:
            _import(name, caches)  # only compiles
        for number in range(repeats):
            progress(f"import_time: repeat {number + 1} of {repeats}")
            for name in _IMPORTS:
                found[name].append(_import(name, caches))
        slowest = _slowest(caches)
    return Report(
        name="import_time",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats."),
        labels=("imported",),
        rows=tuple(_row(name, found[name], found["aiohttp"]) for name in _IMPORTS),
        notes=("Own time of the slowest modules besides aiohttp's:", *slowest),
    )


def _import(name: str, caches: str) -> list[float]:
    before, imported = _IMPORTS[name]
    program = _PROGRAM.format(before=before, imported=imported)
    return [float(word) for word in run_python("-c", program, caches=caches)[0].split()]


def _row(name: str, found: list[list[float]], aiohttp: list[list[float]]) -> Row:
    wall, cpu, modules = zip(*found, strict=True)
    ratios = (mine[1] / its[1] for mine, its in zip(found, aiohttp, strict=True))
    figures = {
        "wall ms": Spread.of(wall),
        "CPU ms": Spread.of(cpu),
        "CPU / aiohttp": Spread.of(ratios),
        "modules": Spread.of(modules),
    }
    return Row((name,), figures)


_LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")  # own us | all | name


def _slowest(caches: str) -> list[str]:
    """Return the slowest modules that `import aiohttp` does not load, with own ms."""
    theirs = _own_times("import aiohttp", caches)
    mine = _own_times(_NAMES, caches)
    extra = {name: own for name, own in mine.items() if name not in theirs}
    slowest = sorted(extra, key=extra.__getitem__, reverse=True)[:_SLOWEST]
    return [f"{extra[name] / 1e3:6.2f} ms  {name}" for name in slowest]


def _own_times(program: str, caches: str) -> dict[str, int]:
    lines = run_python("-X", "importtime", "-c", program, caches=caches)[1]
    return {name: int(own) for own, name in _LINE.findall(lines)}
