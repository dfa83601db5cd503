"""Lines of any source, numbered and bounded, and plain text made of them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import count, islice

import pytest

from liangxin_async import ConfigurationError
from liangxin_async.bulk import _lines
from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._input import read_lines
from liangxin_async.bulk._lines import Line, Source, lines_of

Items = list[Entry | BadLine]


def text_items(source: Source) -> Items:
    """What the lines of `source` give as prompts for z-image."""
    return list(read_lines(source, form="text", model="z-image"))


def prompts(items: Items) -> list[tuple[int | None, str | None]]:
    """Line and prompt of each entry; None in place of the prompt of a bad line."""
    return [(i.line, i.request.prompt if isinstance(i, Entry) else None) for i in items]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\n \t\r\n", []),
        (b"a\nb\n", [(1, "a"), (2, "b")]),
        (b"a\nb", [(1, "a"), (2, "b")]),
        (b"a\r\n\r\nb\r\n", [(1, "a"), (3, "b")]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [(1, "a"), (2, "\ufeffb")]),
        (b"  a b \t\n", [(1, "a b")]),
        ("a\u2028b\x0bc\x85d".encode(), [(1, "a\u2028b\x0bc\x85d")]),
        (b'{"prompt": "a"}', [(1, '{"prompt": "a"}')]),
    ],
)
def test_text_of_any_layout(data: bytes, expected: list[tuple[int, str]]) -> None:
    """One prompt a line, with its true number; only LF and CRLF end a line."""
    assert prompts(text_items(io.BytesIO(data))) == expected
    assert prompts(text_items(data.split(b"\n"))) == expected


@pytest.mark.parametrize(
    ("line", "given"),
    [
        (b"a\xffb", "a byte that is no UTF-8, after 1 characters"),
        (b"\xed\xa0\x80", "a byte that is no UTF-8, after 0 characters"),
        (b"caf\xe9", "a byte that is no UTF-8, after 3 characters"),
        (b"ab\0", "a NUL character, after 2 others"),
        (b"a\rb", "a carriage return within the line"),
    ],
)
def test_text_that_is_none(line: bytes, given: str) -> None:
    """What cannot be a line of text is one bad line, and the next one is read."""
    bad, good = text_items(io.BytesIO(line + b"\nnext\n"))
    assert isinstance(bad, BadLine)
    assert [problem.given for problem in bad.problems] == [given]
    assert bad.line == 1
    assert prompts([good]) == [(2, "next")]


def test_text_in_utf_16() -> None:
    """A file in UTF-16 gives no picture at all: each of its lines is refused."""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        items = text_items(io.BytesIO("a cat\na dog\n".encode(encoding)))
        assert items
        assert all(isinstance(item, BadLine) for item in items)


@pytest.mark.parametrize("as_text", [False, True])
def test_lines_too_long(monkeypatch: pytest.MonkeyPatch, as_text: bool) -> None:
    """A line over the limit is refused by its number, and none of it is kept."""
    monkeypatch.setattr(_lines, "LONGEST", 10)
    text = "x" * 10 + "\n" + "x" * 11 + "\n" + "x" * 35 + "\nb\n" + "x" * 99
    source = io.StringIO(text) if as_text else io.BytesIO(text.encode())
    assert list(lines_of(source)) == [
        Line(1, "x" * 10 + "\n"),
        Line(2, None),
        Line(3, None),
        Line(4, "b\n"),
        Line(5, None),
    ]
    kept = [line.text for line in lines_of(["x" * 10, "x" * 11, b"x" * 11])]
    assert kept == ["x" * 10, None, None]


@pytest.mark.parametrize("form", ["jsonl", "text"])
def test_line_too_long_does_not_end_the_input(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The lines after one that is too long are read."""
    monkeypatch.setattr(_lines, "LONGEST", 40)
    source = ["x" * 41, '{"prompt": "b"}']
    bad, good = read_lines(source, form=form, model="m")  # type: ignore[arg-type]
    assert isinstance(bad, BadLine)
    assert str(bad).startswith("line 1: the line: got more than ")
    assert isinstance(good, Entry)


def test_lines_of_a_long_binary_line_stay_bounded() -> None:
    """A line is asked for in pieces of the limit, however long it is."""

    class Endless(io.RawIOBase):
        asked: list[int] = []  # noqa: RUF012 -- one object only

        def readline(self, size: int | None = -1) -> bytes:
            self.asked.append(size or 0)
            return b"x" * 100 if len(self.asked) < 20 else b""

    source = Endless()
    assert [line.text for line in lines_of(source)][:1] == ["x" * 100]
    assert set(source.asked) == {_lines.LONGEST + 1}


def test_lines_of_a_pipe_come_at_once() -> None:
    """A line of a pipe is an entry before the next one is written."""
    out, into = os.pipe()
    with os.fdopen(out, "rb") as source, os.fdopen(into, "wb", 0) as sink:
        items = read_lines(source, form="text", model="z-image")
        for prompt in ("one", "two"):
            sink.write(prompt.encode() + b"\n")
            assert prompts([next(items)])[0][1] == prompt
        sink.close()
        assert list(items) == []


def test_read_lines_takes_no_line_ahead() -> None:
    """An endless source is pulled exactly as far as entries are taken."""
    pulled = []

    def source() -> Iterator[str]:
        for number in count(1):
            pulled.append(number)
            yield f"picture {number}"

    items = read_lines(source(), form="text", model="z-image", repeat=2)
    assert pulled == []
    assert [item.line for item in islice(items, 5)] == [1, 1, 2, 2, 3]
    assert pulled == [1, 2, 3]


def test_lines_of_something_else() -> None:
    """A source that yields no lines is a mistake of the caller, told as that."""
    with pytest.raises(ConfigurationError, match="lines of text"):
        list(lines_of([7]))  # type: ignore[list-item]


def test_source_that_breaks() -> None:
    """An error of the source is the caller's: what came before it was yielded."""

    def source() -> Iterator[str]:
        yield "a"
        raise OSError("the disk is gone")

    items = read_lines(source(), form="text", model="z-image")
    assert prompts([next(items)]) == [(1, "a")]
    with pytest.raises(OSError, match="gone"):
        next(items)
