"""`generate`, `wait` and `status` against the emulator, over real sockets."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from liangxin_async.emulator import Emulator
from tests.cli.conftest import Run

Use = Callable[..., AbstractContextManager[Emulator]]
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def the_task(emulator: Emulator) -> Any:
    (task,) = emulator.tasks
    return task


def test_generate_saves_and_prints_the_path_only(
    run: Run, use: Use, here: Path
) -> None:
    """stdout has the path; the id and the states are on stderr; the file is whole."""
    with use() as emulator:
        done = run("generate", "z-image", "a cat", "--seed", "7", "-o", "out/cat.jpg")
        task = the_task(emulator)
    assert (done.code, done.out) == (0, "out/cat.png\n")
    assert (here / "out/cat.png").read_bytes().startswith(b"\x89PNG")
    assert f"accepted: task {task.task_id}\n" in done.err
    assert "saved as cat.png, not cat.jpg: its content is PNG" in done.err
    sent = json.loads(task.param)
    assert sent == {"model": "z-image", "input": {"prompt": "a cat", "seed": 7}}


def test_generate_json_and_wait_and_status(run: Run, use: Use, here: Path) -> None:
    """One JSON object each, with stable keys; `wait` fetches the files again."""
    with use() as emulator:
        done = run("generate", "new", "a cat", "--json", "--size", "[1]")
        assert done.code == 3
        assert json.loads(done.out)["error"]["type"] == "BadRequestError"

        done = run("generate", "imagen4-fast", "a cat", "--json")
        made = json.loads(done.out)
        task_id = the_task(emulator).task_id
        assert set(made) == {"task_id", "model", "urls", "files", "expires_at"}
        assert (made["task_id"], made["model"]) == (task_id, "imagen4-fast")

        waited = json.loads(run("wait", task_id, "-o", "late", "--json").out)
        assert waited["files"] == [f"late/{Path(made['files'][0]).name}"]
        urls = run("wait", task_id, "--no-download", "--base-url", emulator.base_url)
        assert urls.out.splitlines() == waited["urls"]

        told = json.loads(run("status", task_id, "--json").out)
        assert (told["state"], told["urls"]) == ("success", waited["urls"])
        assert "a cat" not in json.dumps(told)
        plain = run("status", task_id)
    assert plain.code == 0
    assert "state        success\n" in plain.out
    assert sorted(path.name for path in here.rglob("*.png")) == [
        Path(made["files"][0]).name,
        Path(made["files"][0]).name,
    ]


def test_generate_note_on_an_unknown_model(run: Run, use: Use) -> None:
    """A misspelt model is sent, as it may be new, and the user is told."""
    with use():
        done = run("generate", "z-imag", "a cat")
    assert done.code == 3
    assert "'z-imag' is not in the catalogue (did you mean z-image?)" in done.err
    assert "unsupported model" in done.err


def test_generate_failed_task(run: Run, use: Use) -> None:
    """A task that fails gives 5 and the service's own words."""
    with use(failures=[{"message": "no cats\u001b[31m today"}]):
        done = run("generate", "z-image", "a cat")
    assert (done.code, done.out) == (5, "")
    assert "failed: no cats\\x1b[31m today" in done.err


@pytest.mark.parametrize(
    ("scenario", "code", "error"),
    [
        ({"balance": 0}, 4, "InsufficientQuotaError"),
        ({"revoke_after": 0}, 4, "AuthenticationError"),
        (
            {"capacity": [{"kind": "in_flight", "limit": 0, "refusal": "quota"}]},
            4,
            "InsufficientQuotaError",
        ),
        ({"max_body_bytes": 10}, 3, "PayloadTooLargeError"),
    ],
)
def test_generate_refused(
    run: Run, use: Use, scenario: dict[str, Any], code: int, error: str
) -> None:
    """A refusal of the request gives 3, one of the account 4; nothing is charged."""
    with use(**scenario) as emulator:
        done = run("generate", "z-image", "a cat", "--json")
        assert emulator.ledger.accepted_total == 0
    told = json.loads(done.out)["error"]
    assert (done.code, told["exit_code"], told["type"]) == (code, code, error)
    assert told["charged"] == "no"


def test_generate_no_place_in_time(run: Run, use: Use) -> None:
    """Saturated until the deadline: 6, and nothing was accepted."""
    with use(capacity=[{"kind": "in_flight", "limit": 0}]) as emulator:
        done = run("generate", "z-image", "a cat", "--timeout", "0.3")
        assert emulator.ledger.accepted_total == 0
    assert done.code == 6
    assert "nothing was accepted" in done.err


def test_generate_still_running_tells_the_id(run: Run, use: Use) -> None:
    """Time over after acceptance: 6, the id, and the line that waits for it."""
    with use(duration=60) as emulator:
        done = run("generate", "z-image", "a cat", "--timeout", "0.2")
        task_id = the_task(emulator).task_id
    assert done.code == 6
    assert f"liangxin wait {task_id}" in done.err


def test_generate_time_over_while_under_way_is_settled(run: Run, use: Use) -> None:
    """A create given up before its answer is waited for at closing: its id is told."""
    slow = {"route": "create", "kind": "delay", "params": {"seconds": 0.6}}
    with use(duration=60, faults=[slow]) as emulator:
        done = run("generate", "z-image", "a cat", "--timeout", "0.2", "--json")
        task_id = the_task(emulator).task_id
    told = json.loads(done.out)["error"]
    assert (done.code, told["type"]) == (6, "TaskTimeoutError")
    assert (told["task_id"], told["charged"]) == (task_id, "yes")


def test_generate_refused_while_given_up_is_settled(run: Run, use: Use) -> None:
    """The same, when the late answer is a refusal: that is what is told."""
    slow = {"route": "create", "kind": "delay", "params": {"seconds": 0.6}}
    with use(balance=0, faults=[slow]):
        done = run("generate", "z-image", "a cat", "--timeout", "0.2", "--json")
    told = json.loads(done.out)["error"]
    assert (done.code, told["type"], told["charged"]) == (
        4,
        "InsufficientQuotaError",
        "no",
    )


def test_generate_lost_answer_is_unknown(run: Run, use: Use) -> None:
    """A lost answer gives 7, one POST, and no promise about the money."""
    with use(faults=[{"route": "create", "kind": "reset_after_body"}]) as emulator:
        done = run("generate", "z-image", "a cat")
        assert emulator.ledger.posts == 1
    assert done.code == 7
    assert "may have been charged" in done.err


def test_generate_file_lost(run: Run, use: Use, here: Path) -> None:
    """A result whose file cannot be had gives 5 and the way to fetch it again."""
    gone = {"route": "file", "kind": "answer", "params": {"status": 404}}
    with use(faults=[gone]) as emulator:
        done = run("generate", "z-image", "a cat")
        task_id = the_task(emulator).task_id
    assert done.code == 5
    assert f"liangxin wait {task_id}" in done.err
    assert list(here.rglob("*.png")) == []


def test_wait_for_an_id_nobody_knows(run: Run, use: Use) -> None:
    """A time limit ends it; the command does not claim that the task exists."""
    with use():
        done = run("wait", "nope", "--timeout", "0.3")
        assert run("status", "nope").code == 3
    assert done.code == 6
    assert "the service has not shown task nope" in done.err


def test_status_asks_again_where_the_gateway_stumbles(run: Run, use: Use) -> None:
    """Two 502 are got over; more of them are no usable answer: 8."""
    with use(faults=[{"route": "query", "kind": "html_502", "nth": [1, 2]}]):
        assert run("status", "nope").code == 3  # the third answer: no such task
    with use(faults=[{"route": "query", "kind": "html_502"}]):
        assert run("status", "nope").code == 8


def test_no_connection(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: 8."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("LIANGXIN_BASE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("LIANGXIN_API_KEY", "k")
    assert run("status", "t").code == 8


def test_without_settings_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to set, and that the demo needs nothing of it."""
    for command in (["generate", "z-image", "p"], ["status", "t"], ["wait", "t"]):
        done = run(*command)
        assert (done.code, done.out) == (2, "")
        assert done.err == (
            "liangxin: no API key and no base URL: set LIANGXIN_API_KEY and "
            "LIANGXIN_BASE_URL (or --base-url); `liangxin demo` needs no key and no URL\n"
        )
    done = run("status", "t", "--base-url", "http://127.0.0.1:9")
    assert done.err == (
        "liangxin: no API key: set LIANGXIN_API_KEY; `liangxin demo` needs no key and "
        "no URL\n"
    )
    monkeypatch.setenv("LIANGXIN_API_KEY", "k")
    assert "no base URL: set LIANGXIN_BASE_URL" in run("status", "t").err
    done = run("status", "t", "--base-url", "http://api.example", "--json")
    assert json.loads(done.out)["error"]["type"] == "ConfigurationError"


@pytest.mark.parametrize("path", ["file.txt", "file.txt/cat.png", "a\0b"])
def test_place_that_is_no_folder_costs_nothing(
    run: Run, use: Use, here: Path, path: str
) -> None:
    """A wrong -o is found before anything is sent."""
    (here / "file.txt").write_text("mine")
    with use() as emulator:
        done = run("generate", "z-image", "a cat", "-o", path)
        assert emulator.ledger.posts == 0
    assert done.code == 2
    assert done.err.startswith("liangxin: -o: ")
    assert (here / "file.txt").read_text() == "mine"


@pytest.mark.skipif(IS_ROOT, reason="root may write anywhere")
def test_place_that_cannot_be_written_costs_nothing(run: Run, here: Path) -> None:
    """A folder without write permission is found before anything is sent."""
    (here / "shut").mkdir(mode=0o500)
    done = run("demo", "-o", "shut")
    assert (done.code, done.out) == (2, "")


def test_wrong_lines(run: Run) -> None:
    """Wrong usage gives 2, on stdout as JSON where that was asked for."""
    assert run().code == 2
    assert "usage: liangxin" in run().err
    assert run("frobnicate").code == 2
    told = json.loads(run("generate", "--json").out)["error"]
    assert (told["type"], told["exit_code"]) == ("UsageError", 2)
    assert run("--version").out.startswith("liangxin-async ")
    for command in ("generate", "status", "wait", "models", "emulator", "demo"):
        done = run(command, "--help")
        assert done.code == 0
        assert f"  liangxin {command}" in done.out
