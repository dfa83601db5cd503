"""The command with EvoLink: the service follows from the model or the task id."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.emulator import Emulator
from tests.cli.conftest import CANARY, Run

Use = Callable[..., AbstractContextManager[Emulator]]
LOST = {"route": "create", "kind": "reset_after_body", "nth": 1}


def test_generate_takes_the_service_that_has_the_model(
    run: Run, use: Use, here: Path
) -> None:
    """A model of EvoLink goes there with EvoLink's key; the rest is the same."""
    with use("EVOLINK") as emulator:
        line = (
            "generate",
            "z-image-turbo",
            "a cute cat",
            "--size",
            "1024x768",
            "--json",
        )
        done = run(*line)
        (task,) = emulator.tasks
    assert done.code == 0
    told = json.loads(done.out)
    assert told["task_id"] == task.task_id
    assert told["expires_at"]
    assert (here / told["files"][0]).read_bytes().startswith(b"\x89PNG")
    assert task.request == {
        "model": "z-image-turbo",
        "prompt": "a cute cat",
        "size": "1024x768",
    }


def test_status_and_wait_know_the_service_by_the_id(run: Run, use: Use) -> None:
    """Ids of EvoLink have a documented beginning; `--dialect` says it otherwise."""
    with use("EVOLINK") as emulator:
        assert run("generate", "gpt-image-2", "a cat", "--no-download").code == 0
        (task,) = emulator.tasks
        told = json.loads(run("status", task.task_id, "--json").out)
        assert (told["state"], told["raw_state"]) == ("success", "completed")
        assert run("wait", task.task_id, "--no-download").code == 0
        other = run("status", "some-other-id", "--dialect", "evolink")
        assert other.code != 0
        assert emulator.ledger.requests["query"] >= 4


def test_generate_sends_an_unknown_model_where_it_is_told(run: Run, use: Use) -> None:
    """A model value that nobody described is LiangXin's unless the line says else."""
    with use("EVOLINK", models=["brand-new"]) as emulator:
        assert "no API key" in run("generate", "brand-new", "a cat").err
        done = run("generate", "brand-new", "a cat", "--dialect", "evolink")
        assert (done.code, emulator.ledger.accepted_total) == (0, 1)


def test_one_service_never_gets_the_key_of_the_other(
    run: Run, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key of its own a service is not talked to."""
    with use("LIANGXIN") as emulator:
        monkeypatch.setenv("EVOLINK_BASE_URL", emulator.base_url)
        done = run("generate", "z-image-turbo", "a cat")
        assert "set EVOLINK_API_KEY" in done.err
        assert CANARY not in done.err
        assert emulator.ledger.requests.total() == 0


def test_dialect_that_does_not_exist(run: Run) -> None:
    """The line says which ones there are."""
    done = run("status", "x", "--dialect", "fal")
    assert done.code == 2
    assert "evolink" in done.err
    assert "liangxin" in done.err


def test_generate_with_a_title_instead_of_a_model_value(run: Run, use: Use) -> None:
    """No service takes a title; the line says so before anything is sent."""
    with use("LIANGXIN", "EVOLINK") as emulator:
        known = run("generate", "Z-Image", "a cat")
        untold = run("generate", "Google - Veo 3.1 Text to Video", "a cat")
        assert emulator.ledger.requests.total() == 0
    assert (known.code, untold.code) == (2, 2)
    assert "the model value is z-image" in known.err
    assert "no document gives its model value" in untold.err


def test_generate_kind_is_ours_and_never_sent(run: Run, use: Use, here: Path) -> None:
    """`--kind video` gives patience and reaches no service."""
    with use("LIANGXIN", videos=["veo-x"]) as emulator:
        done = run("generate", "veo-x", "a cat walks", "--kind", "video", "--json")
        (task,) = emulator.tasks
    assert done.code == 0
    assert task.request == {"model": "veo-x", "input": {"prompt": "a cat walks"}}
    assert json.loads(done.out)["files"][0].endswith(".mp4")


def test_generate_says_that_fields_go_unchecked(run: Run, use: Use) -> None:
    """Of a model without a table only the name is known."""
    with use("EVOLINK"):
        done = run("generate", "gpt-image-2", "a cat", "--qualitty", "high")
    assert done.code == 0
    assert "only the name of gpt-image-2 is known" in done.err


def test_status_tells_cost_and_end_of_the_urls(run: Run, use: Use) -> None:
    """What it cost and until when its URLs live, where the service says so."""
    with use("EVOLINK") as emulator:
        run("generate", "z-image-turbo", "a cat", "--no-download")
        (task,) = emulator.tasks
        plain = run("status", task.task_id).out
        told = json.loads(run("status", task.task_id, "--json").out)
    assert "credits used 0.026\n" in plain
    assert "expires at" in plain
    assert told["expires_at"] > told["created_at"]


@pytest.mark.parametrize("more", [(), ("--collect",)])
def test_batch_into_a_folder_of_another_service_asks_nothing(
    run: Run, use: Use, here: Path, more: tuple[str, ...]
) -> None:
    """Open tasks of EvoLink are never asked about at LiangXin; it is said whose."""
    (here / "p.txt").write_text("a cat\na dog\n")
    with use("EVOLINK", "LIANGXIN", faults=[LOST]) as emulator:
        assert run("batch", "p.txt", "--model", "z-image-turbo", "-o", "o").code == 7
        asked = emulator.ledger.requests.copy()
        done = run("batch", "p.txt", "--model", "z-image", "-o", "o", *more)
        assert emulator.ledger.requests == asked
    assert done.code == 2
    assert f"1 open task of evolink at {emulator.base_url}" in done.err
    assert "use another folder" in done.err
