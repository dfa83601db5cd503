"""`demo` and `emulator` as processes: what a new user meets first."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.emulator import Emulator
from tests.cli.conftest import CANARY, ROOT, Run, Start
from tests.cli.terminal import BLOCK_RICH, on_a_terminal, plain

Use = Callable[..., AbstractContextManager[Emulator]]
LONG = 60  # seconds, far above what any of this takes


def test_demo_makes_pictures_and_says_where(start: Start, here: Path) -> None:
    """Every picture is on the disk; the summary has the counts; nothing to set up."""
    mine = here / "pictures" / "01-mine.png"
    mine.parent.mkdir()
    mine.write_text("mine")
    demo = start("demo", "--count", "12", "-o", "pictures")
    out, err = demo.communicate(timeout=LONG)
    assert (demo.returncode, "Traceback" in err) == (0, False)
    pictures = sorted((here / "pictures").glob("*-*-*.png"))
    pictures += sorted((here / "pictures").glob("*.jpg"))
    assert len(pictures) == 12
    assert mine.read_text() == "mine"
    assert re.search(r"^12 pictures saved in [\d.]+ s$", out, re.MULTILINE)
    assert "creates accepted  12" in out
    refused = re.search(r"creates refused +(\d+)", out)
    assert refused is not None
    assert int(refused[1]) > 0
    assert str(here / "pictures") in out
    assert re.search(r"^demo: \d+/12 saved, \d+ in flight", err, re.MULTILINE)


def test_demo_json_is_one_event_a_line(start: Start, here: Path) -> None:
    """Each line is an object with `event`; the last is the summary."""
    demo = start("demo", "--count", "6", "--json")
    out, _ = demo.communicate(timeout=LONG)
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0]["event"] == "started"
    saved = [event for event in events if event["event"] == "saved"]
    assert {Path(event["file"]).parent.name for event in saved} == {"liangxin-demo"}
    assert len({event["model"] for event in saved}) == 6
    assert all(Path(event["file"]).exists() for event in saved)
    summary = events[-1]
    assert summary["event"] == "summary"
    assert (summary["asked"], summary["saved"], summary["failed"]) == (6, 6, 0)
    assert summary["accepted"] == 6
    assert summary["polls"] >= 6
    assert summary["folder"] == str(here / "liangxin-demo")


def test_demo_on_a_terminal_draws(here: Path) -> None:
    """With rich there is a table that is drawn in place, also at its end."""
    shown, out = on_a_terminal("demo", "--count", "1")
    assert out.startswith("1 picture saved")
    assert "\x1b[" in shown
    last = plain(shown)[plain(shown).rindex("1/1 saved") :]
    assert re.search(r"z-image +1 +0 +\d+ +0", last)
    assert re.search(r"flux-2-pro +0 +0 +0", last)


def test_demo_on_a_terminal_without_rich_is_plain(here: Path) -> None:
    """Without rich the command works, and writes lines."""
    shown, out = on_a_terminal("demo", "--count", "1", before=BLOCK_RICH)
    assert out.startswith("1 picture saved")
    assert "\x1b" not in shown
    assert re.search(r"^demo: \d/1 saved", shown, re.MULTILINE)


def test_generate_on_a_terminal_keeps_the_id(use: Use) -> None:
    """The id stays on the screen, the spinner does not; stdout has the path only."""
    with use() as emulator:
        shown, out = on_a_terminal("generate", "z-image", "a cat")
        (task,) = emulator.tasks
    assert f"accepted: task {task.task_id}\n" in plain(shown)
    assert "generating" in shown or "saving" in shown or "waiting" in shown
    assert shown.endswith("\x1b[2K")
    assert out == f"{task.task_id}.png\n"


def test_models_on_a_terminal(here: Path) -> None:
    """A wide terminal gets a table, a narrow one the page, broken at its width."""
    wide, _ = on_a_terminal("models", "z-image", stream="stdout", columns=120)
    row = re.search(r"input.image_size +string +a string +reference", plain(wide))
    assert row is not None
    assert "upstream, not enforced: square (512x512)" in plain(wide)
    narrow, _ = on_a_terminal("models", "z-image", stream="stdout", columns=70)
    assert "input.image_size  (--image-size)\n" in plain(narrow)
    assert max(map(len, plain(narrow).splitlines())) <= 70
    listed, _ = on_a_terminal("models", stream="stdout", columns=70)
    assert max(map(len, plain(listed).splitlines())) == 70


def interrupted(process: subprocess.Popen[str], number: int) -> tuple[str, str]:
    """Send a signal, and return what the process printed until its end."""
    process.send_signal(number)
    out, err = process.communicate(timeout=LONG)
    assert "Traceback" not in err
    assert CANARY not in out + err
    return out, err


def accepted_id(process: subprocess.Popen[str]) -> str:
    """Read stderr until a task was accepted; return its id."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("accepted: task "):
            return line.split()[-1]
    raise AssertionError("nothing was accepted")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_generate_stopped_prints_the_id(
    start: Start, use: Use, number: int, code: int
) -> None:
    """Ctrl-C and SIGTERM end it at once, with the id and the line that waits."""
    with use(duration=60) as emulator:
        address = ("--base-url", emulator.base_url)
        process = start("generate", "z-image", "a cat", *address)
        task_id = accepted_id(process)
        _, err = interrupted(process, number)
        again = start("wait", task_id, "--json")
        assert again.stderr is not None
        assert again.stderr.readline() == "asking\n"
        out, _ = interrupted(again, number)
    assert process.returncode == again.returncode == code
    assert f"liangxin wait --base-url {emulator.base_url} {task_id}\n" in err
    told = json.loads(out)["error"]
    assert (told["type"], told["task_ids"]) == ("StoppedError", [task_id])


def test_generate_stopped_while_under_way_waits_for_the_id(
    start: Start, use: Use
) -> None:
    """A create that has left is answered first: its id is told, nothing is lost."""
    slow = {"route": "create", "kind": "delay", "params": {"seconds": 1}}
    with use(duration=60, faults=[slow]) as emulator:
        process = start("generate", "z-image", "a cat")
        while not emulator.ledger.posts:
            assert process.poll() is None
        _, err = interrupted(process, signal.SIGINT)
        (task,) = emulator.tasks
    assert process.returncode == 130
    assert "Ctrl-C again" in err
    assert f"liangxin wait {task.task_id}\n" in err


def test_generate_stopped_twice_leaves_at_once(start: Start, use: Use) -> None:
    """The second Ctrl-C does not wait for the answer, and says that one is open."""
    slow = {"route": "create", "kind": "hang"}
    with use(faults=[slow]) as emulator:
        process = start("generate", "z-image", "a cat")
        assert process.stderr is not None
        while not emulator.ledger.posts:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        while "Ctrl-C again" not in process.stderr.readline():
            assert process.poll() is None
        _, err = interrupted(process, signal.SIGINT)
    assert process.returncode == 130
    assert "outcome is unknown: 1" in err


def test_demo_stopped(start: Start, here: Path) -> None:
    """Ctrl-C in the demo: 130, the ids, and the truth about them."""
    process = start("demo", "--count", "60", "--json")
    assert process.stdout is not None
    while json.loads(process.stdout.readline())["event"] != "accepted":
        assert process.poll() is None
    out, _ = interrupted(process, signal.SIGINT)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["error"]["task_ids"]


def test_emulator_serves_until_it_is_stopped(
    start: Start, here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints address and key, plays the scenario, and ends with 0."""
    (here / "s.json").write_text('{"balance": 0}')
    key = ("--api-key", "made-up")
    process = start("emulator", "--scenario", "s.json", "--json", *key)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    assert told["api_key"] == "made-up"
    monkeypatch.setenv("LIANGXIN_API_KEY", told["api_key"])
    done = run("generate", "z-image", "a cat", "--base-url", told["base_url"])
    assert done.code == 4
    _, err = interrupted(process, signal.SIGTERM)
    assert process.returncode == 0
    assert "stopped: 0 creates accepted, 1 refused" in err


def test_emulator_ends_with_a_word_on_callbacks(
    start: Start, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A callback to another machine was not sent, and its last line says so."""
    (here / "s.json").write_text('{"duration": 0, "longest_side": 16}')
    process = start("emulator", "--scenario", "s.json", "--json")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    monkeypatch.setenv("LIANGXIN_API_KEY", told["api_key"])
    line = ("generate", "z-image", "a cat", "--base-url", told["base_url"])
    assert run(*line, "--callback-url", "https://bot.example.com/x").code == 0
    _, err = interrupted(process, signal.SIGTERM)
    assert "callback to https://bot.example.com not sent: that is no address" in err
    assert "1 creates accepted, 0 refused; callbacks: 1 refused, because" in err


def test_emulator_prints_lines_for_a_shell(start: Start) -> None:
    """Without --json its stdout can be evaluated by a shell."""
    process = start("emulator", "--port", "0")
    assert process.stdout is not None
    address, key = process.stdout.readline(), process.stdout.readline()
    assert re.fullmatch(r"export LIANGXIN_BASE_URL=http://127.0.0.1:\d+\n", address)
    assert key.startswith("export LIANGXIN_API_KEY=")
    interrupted(process, signal.SIGINT)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot read"),
        ("{", "is no JSON"),
        ("[]", "holds no JSON object"),
        ('{"duration": "long"}', "duration"),
        ('{"tempo": 1}', "tempo"),
    ],
)
def test_emulator_scenario_that_cannot_be_used(
    run: Run, here: Path, text: str | None, words: str
) -> None:
    """A wrong scenario is one sentence and 2."""
    if text is not None:
        (here / "s.json").write_text(text)
    done = run("emulator", "--scenario", "s.json")
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_emulator_port_that_is_taken(run: Run, use: Use) -> None:
    """A port in use is one sentence and 2."""
    with use() as emulator:
        done = run("emulator", "--port", emulator.base_url.rpartition(":")[2])
    assert done.code == 2
    assert "cannot listen on 127.0.0.1:" in done.err


def test_reader_that_goes_away(start: Start) -> None:
    """A closed pipe ends the command with 141 and without a traceback."""
    for line in (["models", "--json"], ["demo", "--json", "--count", "2"]):
        read, write = os.pipe()
        process = start(*line, stdout=write)
        os.close(read)
        os.close(write)
        _, err = process.communicate(timeout=LONG)
        assert process.returncode == 141
        assert "Error" not in err


def test_reader_that_goes_away_from_the_help(start: Start) -> None:
    """The same for what argparse prints by itself, and leaves in the buffer."""
    read, write = os.pipe()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    process = start("--help", stdout=write, env=env)
    os.close(read)
    os.close(write)
    _, err = process.communicate(timeout=LONG)
    assert (process.returncode, err) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_stdout_that_is_full(start: Start) -> None:
    """A disk that is full under stdout is one sentence on stderr."""
    with Path("/dev/full").open("w") as full:
        for line in (["models"], ["models", "--json"], ["status", "t", "--json"]):
            process = start(*line, stdout=full)
            _, err = process.communicate(timeout=LONG)
            assert process.returncode == 1
            assert err == (
                "liangxin: cannot write to stdout: No space left on device\n"
            )
