"""What is printed can neither steer a terminal nor fail for its encoding."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from liangxin_async.cli import main
from liangxin_async.cli._out import Out, clean
from tests.cli.conftest import Run


def test_clean_escapes_what_steers_a_terminal() -> None:
    """Control characters and changes of direction become text; letters stay."""
    assert clean("a\x1b[2J\x07b\x9b1m\u202ec\td\n") == (
        "a\\x1b[2J\\x07b\\x9b1m\\u202ec\td\n"
    )
    assert clean("当前分组 é 🐈 \u3000") == "当前分组 é 🐈 \u3000"


def test_out_fits_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without Chinese letters gets escapes instead of an exception."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    out = Out()
    out.line("猫 \ud800")
    out.data({"text": "猫 \ud800"})
    plain, data = raw.getvalue().decode("ascii").splitlines()
    assert plain == "\\u732b \\ud800"
    assert json.loads(data) == {"text": "猫 \ud800"}


def test_notes_that_nobody_reads_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken stderr does not end a run that is paid for."""

    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    Out().note("anything")


def test_main_leaves_logging_as_it_was(run: Run) -> None:
    """The command's handler goes with it."""
    logger = logging.getLogger("liangxin_async")
    before = list(logger.handlers)
    run("models")
    assert logger.handlers == before


def test_main_takes_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments of its own it reads sys.argv, as a console script does."""
    monkeypatch.setattr(sys, "argv", ["liangxin", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("liangxin-async ")
