"""The command on a pseudo-terminal, and what is seen there."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from tests.cli.conftest import ROOT

LONG = 60  # seconds, far above what any of this takes

BLOCK_RICH = """
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "rich":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Block())
"""


def on_a_terminal(
    *argv: str,
    stream: str = "stderr",
    columns: int = 100,
    before: str = "",
    code: int = 0,
) -> tuple[str, str]:
    """Run the command with one stream on a terminal; return that, and the other."""
    program = (
        f"import sys\n{before}\nfrom liangxin_async.cli import main\n"
        f"sys.exit(main({argv!r}))"
    )
    ours, theirs = pty.openpty()
    other = {"stderr": "stdout", "stdout": "stderr"}[stream]
    settings = {"PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": str(columns)}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        **{stream: theirs, other: subprocess.PIPE},  # type: ignore[call-overload]
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
    ) as process:
        os.close(theirs)
        shown = bytearray()
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        rest: bytes = getattr(process, other).read()
        assert process.wait(LONG) == code
    os.close(ours)
    return shown.decode(), rest.decode()


def plain(shown: str) -> str:
    """Return what a terminal shows, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")
