"""`batch` against the emulator: inputs, bad lines, resuming, and the ends it can have."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.bulk._lock import Lock
from liangxin_async.emulator import Emulator
from tests.bulk.runs import end_tasks
from tests.cli.batch_tools import (
    events,
    lines_of_json,
    most_paid,
    play,
    rows_in,
    states_in,
    told,
    write_lines,
)
from tests.cli.conftest import Run

Use = Callable[..., AbstractContextManager[Emulator]]
BAD = '{"model": "z-image", "input": {"prompt": "a cat", "seed": "x"}}'
LOST = {"route": "create", "kind": "reset_after_body"}


def test_batch_saves_every_line_and_pays_for_none_twice(
    run: Run, use: Use, here: Path
) -> None:
    """A file in, a folder out; the same command again recognises all and sends none."""
    name = write_lines(here, 5)
    with use() as emulator:
        done = run("batch", name, "-o", "out")
        again = run("batch", name, "-o", "out")
        assert emulator.ledger.posts == 5
    assert (done.code, again.code) == (0, 0)
    names = {path.name for path in (here / "out").glob("*.png")}
    assert names == {f"k{n}-cat-{n}.png" for n in range(5)}
    assert done.out.startswith("5 requests saved in out in ")
    assert "creates accepted  5 in this run" in done.out
    assert "to go on" not in done.err
    assert again.err.splitlines()[0] == "out holds an earlier run: 5 saved"
    assert again.out.startswith("nothing new was saved in out\n  saved before      5\n")
    manifest = (here / "out/manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["state"] for line in manifest] == ["saved"] * 5


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("p.csv", "prompt,seed\na cat,1\na cat,2\n", ["--model", "z-image"]),
        ("p.txt", "a cat\n", ["--model", "z-image", "--repeat", "2"]),
        (
            "p.dat",
            '{"input": {"prompt": "a cat", "seed": 1}}\n'
            '{"model": "z-image", "input": {"prompt": "a cat", "seed": 2}}\n',
            ["--model", "z-image", "--form", "jsonl"],
        ),
    ],
)
def test_batch_forms(
    run: Run, use: Use, here: Path, name: str, text: str, options: list[str]
) -> None:
    """CSV, text and JSONL ask for the same; --set fills what a line leaves open."""
    (here / name).write_text(text)
    with use() as emulator:
        done = run("batch", name, "-o", "o", *options, "--set", "image_size=square_hd")
        sent = [json.loads(task.param)["input"] for task in emulator.tasks]
    assert done.code == 0
    size = {"prompt": "a cat", "image_size": "square_hd"}
    assert sorted(sent, key=lambda fields: fields["seed"]) == [
        {**size, "seed": 1},
        {**size, "seed": 2},
    ]


def test_batch_of_evolink(run: Run, use: Use, here: Path) -> None:
    """The model decides which service is asked; --collect finds it by the tasks."""
    (here / "p.txt").write_text("a cat\n")
    with use("EVOLINK", duration=600) as emulator:
        line = ("batch", "p.txt", "--model", "z-image-turbo", "-o", "out")
        assert run(*line, "--timeout", "1").code == 6
        assert states_in(here / "out") == {"accepted": 1}
        end_tasks(emulator)
        assert run("batch", "-o", "out", "--collect").code == 0
        assert emulator.ledger.accepted_by_dialect == {"evolink": 1}
    assert states_in(here / "out") == {"saved": 1}


# ---------------------------------------------------------------------------- checking


def test_batch_check_sends_nothing(run: Run, here: Path) -> None:
    """It needs neither key nor folder, counts by model, and shows every bad line."""
    name = write_lines(here, 3, BAD, '{"model": "flux-2-pro"}', "{")
    done = run("batch", name, "--check", "--strict")
    assert (done.code, [path.name for path in here.iterdir()]) == (2, [name])
    assert done.out.splitlines()[0] == (
        "p.jsonl: 3 requests, 3 bad lines; nothing was sent"
    )
    assert done.out.splitlines()[1].split() == ["z-image", "3"]
    assert "not sent: line 4: input.seed: got 'x'; allowed: an integer" in done.err
    assert done.err.count("not sent: line") == 3

    as_json = run("batch", name, "--check", "--json")
    assert [bad["line"] for bad in told(as_json.out, "bad_line")] == [4, 5, 6]
    assert events(as_json.out)[-1] == {
        "event": "checked",
        "requests": 3,
        "bad_lines": 3,
        "models": {"z-image": 3},
    }
    assert run("batch", write_lines(here, 2), "--check").code == 0


def test_batch_check_tells_what_the_next_run_would_do(
    run: Run, use: Use, here: Path
) -> None:
    """By the journal, which it only reads: what would be paid for is the reason."""
    lost = {"route": "create", "kind": "reset_after_body", "nth": 2}
    with use(faults=[lost]) as emulator:
        line = ("batch", write_lines(here, 3), "-o", "out")
        assert run(*line, "--max-in-flight", "1", "--no-gallery").code == 7
        asked = emulator.ledger.requests.copy()
        write_lines(here, 5)
        journal = (here / "out/journal.sqlite").read_bytes()
        done, as_json = run(*line, "--check"), run(*line, "--check", "--json")
        again = run(*line, "--check", "--resubmit-unknown", "--limit", "2")
        assert emulator.ledger.requests == asked
    assert done.code == 0
    said = "next run into out: 2 saved, 2 would be made, 1 in doubt"
    assert done.out.splitlines()[-1] == said
    assert "2 would be made" in again.out
    assert "in doubt" not in again.out
    assert events(as_json.out)[-1]["next_run"] == {
        "would_be_made": 2,
        "saved": 2,
        "failed": 0,
        "in_doubt": 1,
        "to_be_fetched": 0,
    }
    assert (here / "out/journal.sqlite").read_bytes() == journal


def test_batch_check_of_a_key_that_has_another_request(
    run: Run, use: Use, here: Path
) -> None:
    """The run would pass it over; the check says so."""
    with use():
        line = ("batch", write_lines(here, 1), "-o", "out")
        assert run(*line, "--no-gallery").code == 0
    (here / "p.jsonl").write_text(lines_of_json(1).replace("cat", "dog"))
    done = run(*line, "--check")
    assert done.code == 2
    assert "not sent: line 1: key: got 'k0'" in done.err
    assert "0 requests, 1 bad line; nothing was sent" in done.out


def test_batch_check_of_a_new_folder(run: Run, here: Path) -> None:
    """All of it would be made, and the folder is not."""
    done = run("batch", write_lines(here, 2), "--check", "-o", "new")
    assert done.out.splitlines()[-1] == "next run into new: 2 would be made"
    assert not (here / "new").exists()


def test_batch_check_knows_a_model_that_is_nearly_one(run: Run, here: Path) -> None:
    """A slip of the pen would be sent as it stands, and refused for every line."""
    (here / "p.jsonl").write_text(lines_of_json(2, model="z-imagee"))
    done = run("batch", "p.jsonl", "--check")
    assert done.err.count("'z-imagee' is not in the catalogue") == 1
    assert "did you mean z-image?" in done.err


def test_batch_bad_lines_do_not_stop_the_rest(run: Run, use: Use, here: Path) -> None:
    """They are told with line, field and allowed values; the rest is made."""
    foreign = '{"model": "z-image-turbo", "input": {"prompt": "a"}}'
    name = write_lines(here, 2, BAD, foreign, foreign.replace('"a"', '"b"'))
    with use() as emulator:
        done = run("batch", name, "-o", "out")
        assert emulator.ledger.posts == 2
    assert done.code == 2
    assert "not sent: line 3: input.seed: got 'x'; allowed: an integer" in done.err
    assert "line 4: model: got 'z-image-turbo', a model of evolink" in done.err
    assert done.err.count("--dialect evolink") == 1
    assert "bad lines         3, not sent" in done.out


def test_batch_strict_stops_at_the_first_bad_line(
    run: Run, use: Use, here: Path
) -> None:
    """What follows the bad line is never sent, and the code is 2."""
    (here / "p.jsonl").write_text(
        BAD + "\n" + (here / write_lines(here, 3)).read_text()
    )
    with use() as emulator:
        done = run("batch", "p.jsonl", "-o", "out", "--strict")
        assert emulator.ledger.posts == 0
    assert done.code == 2
    assert "not sent: line 1:" in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["-o", "out"], "FILE is missing"),
        (["p.jsonl"], "-o DIR is missing"),
        (["nope.jsonl", "-o", "o"], "cannot read 'nope.jsonl': No such file"),
        ([".", "--form", "csv", "-o", "o"], "cannot read '.': Is a directory"),
        (["-", "-o", "o"], "give it by --form"),
        (["p.jsonl", "--form", "text", "-o", "o"], "give one by --model"),
        (["p.jsonl", "-o", "o", "--set", "seed"], "'seed' is not of the form"),
        (["p.jsonl", "-o", "o", "--set", "a=1", "--set", "a=2"], "given twice"),
        (["p.jsonl", "-o", "o", "--model", "Z-Image"], "is a title"),
        (["p.jsonl", "-o", "o", "--model", "z-image", "--set", "sed=1"], "allowed"),
        (["p.jsonl", "-o", "p.jsonl"], "'p.jsonl' is a file; pictures and journal"),
        (["nope.txt", "-o", "o"], "cannot read 'nope.txt': No such file"),
        (["p.jsonl", "q.jsonl", "-o", "o"], "unrecognized arguments: q.jsonl\n  `lian"),
        (["p.jsonl", "-o", "o", "--modle", "m"], "`liangxin batch --help` shows"),
        (["--collect", "-o", "o"], "'o' holds no journal to collect by"),
        (["--collect", "--retry-failed", "-o", "o"], "makes nothing"),
        (["p.jsonl", "--collect", "--check"], "--collect does not read"),
        (["p.jsonl", "-o", "o", "--limit", "0"], "no whole number from 1"),
    ],
)
def test_batch_line_that_cannot_be_meant(
    run: Run, use: Use, here: Path, line: list[str], words: str
) -> None:
    """One sentence and 2, before anything is made."""
    name = write_lines(here, 1)
    with use() as emulator:
        done = run("batch", *line)
        assert emulator.ledger.posts == 0
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert [path.name for path in here.iterdir()] == [name]


def test_batch_of_a_file_whose_name_tells_no_form(run: Run, here: Path) -> None:
    """It is there, and --form says what it is."""
    (here / "p.dat").write_text("a cat\n")
    done = run("batch", "p.dat", "-o", "o")
    assert done.code == 2
    assert "'p.dat' does not tell its form: give it by --form" in done.err


def test_batch_of_an_unknown_field_says_what_was_meant(run: Run, here: Path) -> None:
    """Beside the name, and without the classes of the library."""
    line = '{"model": "z-image", "input": {"prompt": "a cat", "sede": 3}}'
    done = run("batch", write_lines(here, 0, line), "--check")
    said = "line 1: input.sede: got 'sede' (did you mean input.seed?); allowed: the fi"
    assert said in done.err
    assert "Generic" not in done.err


def test_batch_of_other_cells_than_commas_give(run: Run, here: Path) -> None:
    """Spreadsheets of some countries write semicolons."""
    (here / "s.csv").write_text("prompt;seed\na cat;1\n")
    done = run("batch", "s.csv", "--model", "z-image", "--check")
    assert done.code == 2
    assert "with semicolons between the names; allowed: commas" in done.err


def test_batch_says_at_the_start_what_is_new(run: Run, use: Use, here: Path) -> None:
    """The same prompts with another setting are other requests, and paid for."""
    (here / "p.txt").write_text("a cat\na dog\n")
    line = ("batch", "p.txt", "--model", "z-image", "-o", "o", "--no-gallery")
    with use():
        first, same = run(*line), run(*line)
        (here / "p.txt").write_text("a cat\na dog\nan owl\n")
        other = run(*line, "--set", "seed=7")
        as_json = run(*line, "--set", "seed=7", "--json")
    assert "new" not in first.err
    assert "p.txt: nothing new, 2 saved before" in same.err
    assert "o holds an earlier run: 2 saved\np.txt: 3 new\n" in other.err
    assert told(as_json.out, "started")[0]["next_run"]["saved"] == 3


def test_batch_without_a_key(run: Run, here: Path) -> None:
    """It says what to set, and makes no folder."""
    done = run("batch", write_lines(here, 1), "-o", "out")
    assert done.code == 2
    assert "no API key and no base URL: set LIANGXIN_API_KEY" in done.err
    assert not (here / "out").exists()


# ---------------------------------------------------------------------------- resuming


def test_batch_limit_and_the_rest_later(run: Run, use: Use, here: Path) -> None:
    """--limit makes so many, says how to go on, and the next run makes the others."""
    name = write_lines(here, 5)
    with use() as emulator:
        done = run("batch", name, "-o", "out", "--limit", "2")
        assert emulator.ledger.posts == 2
        assert run("batch", name, "-o", "out").code == 0
        assert (emulator.ledger.posts, most_paid(emulator)) == (5, 1)
    assert done.code == 0
    assert "not begun         3" in done.out
    go_on = "to go on, without making anything twice: liangxin batch p.jsonl -o out"
    assert f"{go_on} --limit 2\n" in done.err


def test_batch_failures_and_retry_failed(run: Run, use: Use, here: Path) -> None:
    """Failed ones are told once with their reason, and made again only if asked to."""
    name = write_lines(here, 4)
    with use(failures=[{"match": "cat 1", "message": "no cats"}]) as emulator:
        done = run("batch", name, "-o", "out")
        again = run("batch", name, "-o", "out")
        assert emulator.ledger.posts == 4
        play(emulator)
        retried = run("batch", name, "-o", "out", "--retry-failed", "--json")
        assert emulator.ledger.accepted_by_prompt["cat 1"] == 2
        assert emulator.ledger.posts == 5
    assert (done.code, again.code, retried.code) == (5, 5, 0)
    assert "failed: line 2 (k1): task 'task_" in done.err
    assert "no cats" in done.err
    assert "no cats" not in again.err
    assert "failed            1 (1 of them before); --retry-failed" in again.out
    (made,) = [item for item in told(retried.out, "item") if not item["earlier"]]
    assert (made["key"], made["state"], made["error"]) == ("k1", "saved", None)


def test_batch_in_doubt_is_shown_and_left_alone(run: Run, use: Use, here: Path) -> None:
    """A lost answer gives 7, with what to do; only --resubmit-unknown pays again."""
    name = write_lines(here, 3)
    with use(faults=[{**LOST, "nth": 2}]) as emulator:
        done = run("batch", name, "-o", "out", "--max-in-flight", "1")
        again = run("batch", name, "-o", "out")
        assert emulator.ledger.posts == 3
        last = run("batch", name, "-o", "out", "--resubmit-unknown")
        assert emulator.ledger.posts == 4
    assert (done.code, again.code, last.code) == (7, 7, 0)
    assert rows_in(here / "out")["k1"].creates == 2
    for told_of in (done.err, again.err):
        assert "in doubt: 1 request left this machine" in told_of
        assert "  line 2 (k1), sent 20" in told_of
        assert "liangxin batch p.jsonl -o out" in told_of
        assert "--resubmit-unknown\n" in told_of
    assert "in doubt" not in last.out


def test_batch_empty_account_in_the_middle(run: Run, use: Use, here: Path) -> None:
    """What is paid for comes home, 4 is returned, and the same command goes on."""
    name = write_lines(here, 30)
    with use(balance=4, duration=0.3) as emulator:
        done = run("batch", name, "-o", "out")
        assert states_in(here / "out")["saved"] == 4
        play(emulator)
        assert run("batch", name, "-o", "out", "--no-gallery").code == 0
        assert (emulator.ledger.accepted_total, most_paid(emulator)) == (30, 1)
    assert done.code == 4
    assert "the account takes no more: nothing new is sent" in done.err
    assert "to go on, without making anything twice: liangxin batch" in done.err
    assert "4 requests saved" in done.out


def test_batch_dead_key_in_the_middle(run: Run, use: Use, here: Path) -> None:
    """Tasks of a revoked key stay known; with a key that works they come home."""
    name = write_lines(here, 6)
    with use(revoke_after=3, duration=600) as emulator:
        done = run("batch", name, "-o", "out")
        assert states_in(here / "out")["accepted"] == 3
        play(emulator)
        end_tasks(emulator)
        later = run("batch", name, "-o", "out")
        assert (emulator.ledger.accepted_total, most_paid(emulator)) == (6, 1)
    assert (done.code, later.code) == (4, 0)
    assert "to fetch what is paid for, and make nothing new: liangxin batch" in done.err
    assert "3 to be fetched (accepted, and paid for)" in later.err


def test_batch_collect_makes_nothing(run: Run, use: Use, here: Path) -> None:
    """Yesterday's tasks come home without the file; nothing is created."""
    name = write_lines(here, 4)
    with use(duration=600) as emulator:
        done = run("batch", name, "-o", "out", "--limit", "3", "--timeout", "1")
        assert states_in(here / "out") == {"accepted": 3}
        end_tasks(emulator)
        (here / name).unlink()
        later = run("batch", "--collect", "-o", "out")
        last = run("batch", "--collect", "-o", "out", "--no-gallery")
        assert emulator.ledger.posts == 3
    assert (done.code, later.code, last.code) == (6, 0, 0)
    assert last.out.startswith("nothing new was saved in out\n")
    assert "to be fetched     3, accepted and not saved yet: the time is" in done.out
    assert later.out.startswith("3 requests saved in out")
    assert states_in(here / "out") == {"saved": 3}


def test_batch_collect_with_a_dead_key(run: Run, use: Use, here: Path) -> None:
    """A dead account and not a pile of failures: 4, and every task stays known."""
    name = write_lines(here, 3)
    with use(duration=600) as emulator:
        run("batch", name, "-o", "out", "--timeout", "1", "--no-gallery")
        emulator.revoke_key()
        done = run("batch", "--collect", "-o", "out")
        assert emulator.ledger.posts == 3
    assert done.code == 4
    assert states_in(here / "out") == {"accepted": 3}
    assert "failed" not in done.out
    assert "to be fetched     3, accepted and not saved yet" in done.out
    assert "invalid token (HTTP 401" in done.err
    assert "to go on: liangxin batch --collect -o out" in done.err


def test_batch_folder_in_use(run: Run, use: Use, here: Path) -> None:
    """A second run on the same folder is kept out with 9."""
    name = write_lines(here, 2)
    with use() as emulator:
        assert run("batch", name, "-o", "out", "--limit", "1").code == 0
        journal = here / "out/journal.sqlite"
        lock = Lock(journal.with_name("journal.sqlite.lock"), journal)
        try:
            done = run("batch", name, "-o", "out")
            seen = run("gallery", "out")
        finally:
            lock.release()
        assert emulator.ledger.posts == 1
    assert (done.code, done.out, seen.code) == (9, "", 0)
    assert str(journal) in done.err


def test_batch_folder_with_a_foreign_journal(run: Run, use: Use, here: Path) -> None:
    """A file that is no journal is never read as "nothing was sent"."""
    name = write_lines(here, 1)
    (here / "out").mkdir()
    (here / "out/journal.sqlite").write_bytes(b"mine" * 2000)
    with use() as emulator:
        done = run("batch", name, "-o", "out", "--json")
        assert emulator.ledger.posts == 0
    assert done.code == 9
    assert json.loads(done.out)["error"]["type"] == "JournalError"


# ------------------------------------------------------------------------------ telling


def test_batch_json_lines(run: Run, use: Use, here: Path) -> None:
    """Every line of stdout is an event; the last one is the summary with the code."""
    name = write_lines(here, 4, BAD)
    fail = {"match": "cat 2"}
    with use(failures=[fail], faults=[{**LOST, "nth": 1}]):
        done = run("batch", name, "-o", "out", "--json", "--max-in-flight", "1")
    first, *_, last = events(done.out)
    assert (first["event"], first["service"]) == ("started", "liangxin")
    items = {item["key"]: item for item in told(done.out, "item")}
    assert set(items) == {"k0", "k1", "k2", "k3"}
    assert items["k1"]["files"] == ["out/k1-cat-1.png"]
    assert items["k1"]["task_id"].startswith("task_")
    assert items["k0"]["error"]["type"] == "SubmitUnknownError"
    assert (items["k2"]["state"], items["k2"]["error"]["exit_code"]) == ("failed", 5)
    (bad,) = told(done.out, "bad_line")
    assert (bad["line"], bad["problems"][0]["field"]) == (5, "input.seed")
    assert told(done.out, "progress")[0]["total"] == 4
    (doubt,) = told(done.out, "in_doubt")
    assert (doubt["key"], doubt["line"]) == ("k0", 1)
    assert last["event"] == "summary"
    assert last["exit_code"] == done.code == 7
    counts = (last["saved"], last["failed"], last["in_doubt"], last["bad_lines"])
    assert counts == (2, 1, 1, 1)
    assert last["states"]["saved"] == 2
    assert (last["files"], last["accepted"]) == (2, 3)
    assert done.err == ""


def test_batch_file_that_is_lost_is_fetched_later(
    run: Run, use: Use, here: Path
) -> None:
    """A result without its file is 5, costs nothing more, and comes with the next run."""
    gone = {"route": "file", "kind": "answer", "params": {"status": 404}}
    name = write_lines(here, 1)
    with use(faults=[gone]) as emulator:
        done = run("batch", name, "-o", "out")
        assert states_in(here / "out") == {"succeeded": 1}
        play(emulator)
        assert run("batch", name, "-o", "out").code == 0
        assert emulator.ledger.posts == 1
    assert done.code == 5
    assert "made, but not saved: line 1 (k0): " in done.err


def test_batch_nobody_listens(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection nothing is paid, the reason is told, and the code is 8."""
    monkeypatch.setenv("LIANGXIN_API_KEY", "k")
    monkeypatch.setenv("LIANGXIN_BASE_URL", "http://127.0.0.1:9")
    name = write_lines(here, 2)
    done = run("batch", name, "-o", "out", "--timeout", "0.5")
    assert done.code in (6, 8)
    assert "not sent          2, nothing paid: " in done.out
    assert "to go on, without making anything twice" in done.err
