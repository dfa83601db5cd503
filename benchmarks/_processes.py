"""Processes: the server beside the client, and a fresh client per measurement.

The server's process prints its URL and lives until its standard input ends, so that it
cannot outlive the benchmark. A measuring process gets one JSON object as its argument
and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]  # where both packages can be imported
_PATIENCE = 600.0  # seconds for one measurement; the longest takes about 60
_FAREWELL = 10.0  # seconds for the server to end


class MeasurementError(Exception):
    """A measuring process failed; the message holds what it wrote."""


@contextmanager
def server(module: str = "_server") -> Iterator[str]:
    """Run a server in a process of its own; yields its base URL.

    Args:
        module: which one of `benchmarks`; by default the lean one.

    Raises:
        MeasurementError: it did not start.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}"]
    with subprocess.Popen(
        command, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None, "a pipe was asked for"
        assert process.stdout is not None, "a pipe was asked for"
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise MeasurementError("the server did not start")
            yield url
        finally:
            process.stdin.close()
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(_FAREWELL)
    except subprocess.TimeoutExpired:
        process.kill()


def measure(module: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `benchmarks.<module>` measures in a fresh process.

    Raises:
        MeasurementError: it failed or did not end.
    """
    output = run_python("-m", f"benchmarks.{module}", json.dumps(spec))[0]
    figures: dict[str, Any] = json.loads(output)
    return figures


def run_python(*arguments: str, caches: str | None = None) -> tuple[str, str]:
    """Return what a fresh interpreter wrote to standard output and standard error.

    Args:
        arguments: its command line.
        caches: folder for compiled modules, used and filled whatever the environment
            says; None leaves that to the environment.

    Raises:
        MeasurementError: it failed or did not end.
    """
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=_ROOT,
            env=_environment(caches),
            text=True,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"no end after {_PATIENCE:g} s: {arguments}") from None
    except subprocess.CalledProcessError as exc:
        raise MeasurementError(f"{arguments} failed:\n{exc.stderr}") from None
    return done.stdout, done.stderr


def _environment(caches: str | None) -> dict[str, str]:
    environment = dict(os.environ)
    if caches is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = caches
    return environment
