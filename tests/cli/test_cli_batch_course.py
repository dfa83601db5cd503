"""What a batch counts and how its end is called, without any service."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

from liangxin_async import SaturatedError, Stats, TaskTimeoutError
from liangxin_async.bulk import BadLine, File, Item, Row, RowState, read_lines
from liangxin_async.cli._args import parse
from liangxin_async.cli._batch_course import Course, Rate, code_of, ending
from liangxin_async.cli._batch_input import Intake, in_thread
from liangxin_async.cli._batch_rich import picture
from liangxin_async.cli._batch_words import (
    Ending,
    again_line,
    collect_line,
    doubt_lines,
    line_of,
    summary_lines,
    unwritten_lines,
)
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._watch import Watch
from tests.cli.batch_tools import lines_of_json

FILE = File(name="a.png", size_bytes=1500, sha256="0" * 64)


def row(key: str, state: RowState, **facts: object) -> Row:
    request = {"model": "z-image", "input": {"prompt": key}}
    facts = {"task_id": f"task-{key}", "line": 7, **facts}
    return Row(
        key=key, model="z-image", request=request, stem=key, state=state, **facts
    )  # type: ignore[arg-type]


def saved(key: str, **facts: bool) -> Item:
    return Item(row=row(key, RowState.SAVED, files=(FILE,)), **facts)  # type: ignore[arg-type]


def intake(count: int, *, strict: bool = False, size: int | None = None) -> Intake:
    data = lines_of_json(count).encode()
    file = io.BytesIO(data)
    lines = read_lines(file, form="jsonl")
    return Intake("p.jsonl", lines, file, len(data) if size is None else size, strict)


# ------------------------------------------------------------------------------- ending


@pytest.mark.parametrize(
    ("codes", "strict", "code"),
    [
        (set(), False, Exit.DONE),
        ({Exit.USAGE}, False, Exit.USAGE),
        ({Exit.USAGE, Exit.FAILED}, False, Exit.FAILED),
        ({Exit.USAGE, Exit.FAILED}, True, Exit.USAGE),
        ({Exit.USAGE, Exit.UNKNOWN}, True, Exit.UNKNOWN),
        ({Exit.FAILED, Exit.UNKNOWN}, False, Exit.UNKNOWN),
        ({Exit.UNKNOWN, Exit.ACCOUNT}, False, Exit.ACCOUNT),
        ({Exit.ACCOUNT, Exit.INTERRUPTED}, False, Exit.INTERRUPTED),
        ({Exit.TERMINATED, Exit.JOURNAL}, True, Exit.JOURNAL),
        ({Exit.TIMEOUT, Exit.CONNECTION, Exit.REFUSED}, False, Exit.TIMEOUT),
    ],
)
def test_ending_takes_the_gravest(codes: set[int], strict: bool, code: Exit) -> None:
    """Of all that happened one code counts; a strict bad line outweighs failures."""
    assert ending(codes, strict=strict) == code


def test_ending_knows_every_code() -> None:
    """No code that can happen ends as "done"."""
    for code in set(Exit) - {Exit.DONE, Exit.PIPE}:
        assert ending({code}) == ending({code}, strict=True) == code


def test_code_of_an_item_follows_its_row() -> None:
    """Saved is no code; what is paid and unsaved, in doubt or unpaid differ."""
    late = TaskTimeoutError("", task_id="t")
    full = SaturatedError("", http_status=429, code="429")
    expected = {
        RowState.SAVED: (None, None),
        RowState.FAILED: (None, Exit.FAILED),
        RowState.SUCCEEDED: (None, Exit.FAILED),
        RowState.IN_DOUBT: (None, Exit.UNKNOWN),
        RowState.ACCEPTED: (late, Exit.TIMEOUT),
        RowState.NOT_SENT: (full, Exit.TIMEOUT),
    }
    assert set(expected) == set(RowState)
    for state, (error, code) in expected.items():
        assert code_of(Item(row=row("a", state), error=error)) == code


# ------------------------------------------------------------------------------- counts


def test_rate_counts_the_last_minute() -> None:
    """Short runs are scaled up, and what is older than a minute is forgotten."""
    rate = Rate(100.0)
    assert rate.per_minute(100.0) == 0
    for second in range(30):
        rate.add(100.5 + second)
        rate.add(100.6 + second)
    assert rate.per_minute(130.0) == pytest.approx(120)
    assert rate.per_minute(175.0) == pytest.approx(28)
    assert rate.per_minute(1000.0) == 0


def test_intake_guesses_until_it_is_over() -> None:
    """The total is read off the position in the file, and exact at its end."""
    asked = intake(100)
    assert asked.total is None
    items = asked.items()
    for _ in range(10):
        next(items)
    assert 80 < (asked.total or 0) < 120
    assert len(list(items)) == 90
    assert (asked.is_over, asked.total, asked.entries) == (True, 100, 100)
    endless = intake(3, size=0)
    next(endless.items())
    assert endless.total is None


def test_intake_strict_ends_with_the_first_bad_line() -> None:
    """What comes after it is not even read."""
    file = io.BytesIO(b"{\n" + lines_of_json(1).encode())
    asked = Intake("p", read_lines(file, form="jsonl"), file, 10, True)
    assert [type(item) for item in asked.items()] == [BadLine]
    assert not asked.is_over


def test_course_counts_what_is_told(tmp_path: Path) -> None:
    """Saved now and before, files and bytes, tasks of earlier runs, and what is left."""
    course = Course(tmp_path, Watch(), intake(6), before={RowState.ACCEPTED: 2})
    assert course.intake is not None
    list(course.intake.items())
    assert (course.total, course.collecting, course.waiting) == (6, 2, 4)
    course.accepted("task-own")
    course.take(saved("own"))
    course.take(saved("yesterday"))
    course.take(saved("before", earlier=True))
    course.take(Item(row=row("bad", RowState.FAILED, task_id=None)))
    course.take(Item(row=row("bad too", RowState.FAILED), earlier=True))
    course.take(BadLine(line=9, problems=()))
    assert (course.saved, course.recognised, course.done) == (2, 1, 5)
    assert (course.failed, course.failed_before, course.bad_lines) == (1, 1, 1)
    assert (course.files, course.size_bytes) == (2, 3000)
    assert (course.collected, course.collecting) == (1, 1)
    assert course.watch.tallies["z-image"].saved == 2
    # The bad line was a request of the input, which the run itself turned down.
    assert (course.total, course.not_begun) == (5, 0)


def test_course_limit_bounds_what_is_waited_for(tmp_path: Path) -> None:
    """With a limit the total is what this run will be through with."""
    course = Course(tmp_path, Watch(), intake(50), limit=3)
    assert course.intake is not None
    list(course.intake.items())
    course.take(saved("before", earlier=True))
    assert (course.total, course.waiting, course.not_begun) == (4, 3, 49)


# -------------------------------------------------------------------------------- words


def test_lines_that_go_on_never_pay_again() -> None:
    """What pays twice is not in them; the words can be pasted into a shell."""
    line = ["batch", "my file.txt", "-o", "out", "--resubmit-unknown", "--model", "m"]
    args = parse([*line, "--base-url", "http://h"])
    assert again_line(args) == (
        "liangxin batch 'my file.txt' -o out --model m --base-url http://h"
    )
    assert collect_line(args) == (
        "liangxin batch -o out --collect --model m --base-url http://h"
    )
    assert "same input" in again_line(parse(["batch", "-", "-o", "out"]))


def test_doubts_are_listed_up_to_a_number() -> None:
    """The first are named with line, key and time; of the others it says how many."""
    doubts = (row("a", RowState.IN_DOUBT, sent_at=1.0), row("b", RowState.IN_DOUBT))
    args = parse(["batch", "-o", "out", "--collect"])
    lines = list(
        doubt_lines(Ending(counts={RowState.IN_DOUBT: 5}, doubts=doubts), args)
    )
    assert "5 requests left this machine" in lines[0]
    assert lines[1].startswith("  line 7 (a), sent 19")
    assert lines[1].endswith(": the run ended before the answer came")
    assert lines[2].startswith("  line 7 (b), sent at an unknown time")
    assert lines[3] == '  and 3 more: "in doubt" in manifest.jsonl'
    assert "add --resubmit-unknown to the command that made them" in lines[4]
    assert list(doubt_lines(Ending(counts={}), args)) == []


def test_tasks_that_no_journal_holds_are_told_with_their_ids(tmp_path: Path) -> None:
    """They are paid for: one line for each, which fetches it."""
    args = parse(["batch", "p.csv", "-o", "out", "--base-url", "http://h"])
    course = Course(tmp_path, Watch())
    assert list(unwritten_lines(course, args)) == []
    course.unwritten = ("t1", "t2")
    first, *lines = unwritten_lines(course, args)
    assert "2 tasks were accepted" in first
    assert lines == [f"  liangxin wait --base-url http://h {t}" for t in ("t1", "t2")]


def test_line_and_picture_show_the_same_counts(tmp_path: Path) -> None:
    """One line for a log, and a drawing that fits 80 columns."""
    course = Course(tmp_path, Watch(), intake(3))
    assert line_of(course) == ""
    assert course.intake is not None
    list(course.intake.items())
    course.stats = lambda: Stats(limits={"z-image": 12})
    course.take(saved("a"))
    course.take(Item(row=row("b", RowState.IN_DOUBT)))
    assert line_of(course).startswith("batch: 2 of 3 done; 1 waiting; 1 in doubt; ")
    assert line_of(course).endswith("left; 1.5 kB; limits: z-image 12")
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    with console.capture() as drawn:
        console.print(picture(course))
    lines = [line.split() for line in drawn.get().splitlines()]
    assert lines[0][-4:] == ["2", "of", "3", "done"]
    assert lines[2] == ["in", "flight", "0", "waiting", "1", "in", "doubt", "1"]
    assert ["z-image", "1", "0", "12", "0"] in lines


def test_summary_says_nothing_of_what_did_not_happen(tmp_path: Path) -> None:
    """A run without trouble has two lines; each trouble has one more, with its cost."""
    course = Course(tmp_path, Watch())
    course.take(saved("a"))
    first, accepted = summary_lines(course, Ending(counts={RowState.SAVED: 1}))
    assert first.startswith(f"1 request saved in {tmp_path} in ")
    assert first.endswith(": 1 file, 1.5 kB")
    assert accepted == "  creates accepted  0 in this run"
    late = TaskTimeoutError("", task_id="t")
    course.take(Item(row=row("b", RowState.ACCEPTED, task_id="t"), error=late))
    _, fetched, _ = summary_lines(course, Ending(counts={RowState.ACCEPTED: 1}))
    assert fetched.startswith("  to be fetched     1, accepted and not saved yet: ")


# ------------------------------------------------------------------------------ threads


@pytest.mark.anyio
async def test_in_thread_hands_over_in_order_and_raises_at_the_end() -> None:
    """Items first, in their order, and then what broke the source."""

    def items():  # type: ignore[no-untyped-def]
        yield from range(200)
        raise OSError("torn")

    stream = in_thread(items())
    assert [await anext(stream) for _ in range(200)] == list(range(200))
    with pytest.raises(OSError, match="torn"):
        await anext(stream)


@pytest.mark.anyio
async def test_in_thread_is_not_far_ahead_and_can_be_left() -> None:
    """The source is asked for what is wanted soon, and for nothing after the end."""
    taken: list[int] = []
    left = threading.Event()

    def items():  # type: ignore[no-untyped-def]
        try:
            for number in range(10_000):
                taken.append(number)
                yield number
        finally:
            left.set()

    stream = in_thread(items())
    assert await anext(stream) == 0
    await stream.aclose()
    assert left.wait(10)
    assert len(taken) < 100


def test_line_of_what_was_never_sent_and_of_one_bad_line() -> None:
    """Neither is done; one is no plural."""
    course = Course(Path("out"), Watch())
    for key in ("a", "b"):
        course.take(Item(row=row(key, RowState.NOT_SENT, task_id=None)))
    course.take(saved("c"))
    course.take(BadLine(line=4, problems=()))
    said = line_of(course)
    assert said.startswith("batch: 1 of 3 done; 2 not sent; 1 bad line; ")
    assert course.rate.per_minute(course.rate.began) == 60
