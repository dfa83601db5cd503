"""`emulator`: a local service, until somebody stops it."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Final

from liangxin_async.cli._errors import StoppedError, UsageError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._out import Out
from liangxin_async.cli._session import run
from liangxin_async.cli._watch import Watch
from liangxin_async.dialects import DIALECTS
from liangxin_async.emulator import Emulator, Ledger, Scenario, ScenarioError, serve
from liangxin_async.emulator._server import DEFAULT_KEY

_OUTCOMES: Final = {
    "delivered": "delivered",
    "given_up": "given up",
    "refused": "refused, because not for this machine",
    "unsent": "left out by a fault",
}


def emulator(args: Namespace, out: Out) -> int:
    """Run until SIGINT or SIGTERM, which is how it is meant to end.

    Raises:
        UsageError: the scenario or the address cannot be used.
    """
    scenario = Scenario() if args.scenario is None else _read(Path(args.scenario))
    key = DEFAULT_KEY if args.api_key is None else _checked(args.api_key)
    running: list[Emulator] = []

    def announce(started: Emulator) -> None:
        running.append(started)
        _announce(started, out)

    async def work() -> None:
        try:
            await serve(scenario, args.host, args.port, key, announce)
        except OSError as exc:
            words = exc.strerror or str(exc)
            raise UsageError(
                f"cannot listen on {args.host}:{args.port}: {words}"
            ) from None

    try:
        run(work, Watch(), out)
    except StoppedError:
        for ended in running:
            ledger = ended.ledger
            out.note(
                f"stopped: {ledger.accepted_total} creates accepted, "
                f"{ledger.refused.total()} refused{_called_back(ledger)}"
            )
    return Exit.DONE


def _called_back(ledger: Ledger) -> str:
    counts = ledger.callbacks
    if not counts:
        return ""
    told = ", ".join(
        f"{counts[outcome]} {word}"
        for outcome, word in _OUTCOMES.items()
        if counts[outcome]
    )
    return f"; callbacks: {told or 'none sent'}"


def _announce(emulator: Emulator, out: Out) -> None:
    url, key = emulator.base_url, emulator.api_key
    if out.as_json:
        out.data({"base_url": url, "api_key": key})
        return
    for dialect in DIALECTS:
        out.line(f"export {dialect.base_url_variable}={url}")
        out.line(f"export {dialect.key_variable}={key}")
    out.note(
        f"An emulated service listens on {url}; its pictures are made up. Set the "
        "variables\nabove in another terminal, then: liangxin generate z-image 'a cat'"
        "\nCtrl-C stops it."
    )


def _checked(key: str) -> str:
    if not key or not all("!" <= char <= "~" for char in key):
        raise UsageError("--api-key: visible ASCII characters, without spaces")
    return key


def _read(path: Path) -> Scenario:
    try:
        data = json.loads(path.read_bytes())
    except OSError as exc:
        words = exc.strerror or "not readable"
        raise UsageError(f"--scenario: cannot read {str(path)!r}: {words}") from None
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"--scenario: {str(path)!r} is no JSON: {exc}") from None
    if not isinstance(data, dict):
        raise UsageError(f"--scenario: {str(path)!r} holds no JSON object")
    try:
        return Scenario.from_dict(data)
    except ScenarioError as exc:
        raise UsageError(f"--scenario: {exc}") from None
