"""CSV: a row of names, then one request a row."""

from __future__ import annotations

import csv
import io
from itertools import chain, repeat
from typing import Any

import pytest

from liangxin_async.bulk import _csv, _lines
from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._input import read_lines
from liangxin_async.models import Flux2Pro, Generic, Request, SeedreamV45, ZImage

Items = list[Entry | BadLine]


def rows(text: str | bytes, **run: Any) -> Items:
    """What a CSV file gives."""
    data = text.encode() if isinstance(text, str) else text
    return list(read_lines(io.BytesIO(data), form="csv", **run))


def requests(items: Items) -> list[Request]:
    """The requests of items that are all entries."""
    assert [str(item) for item in items if isinstance(item, BadLine)] == []
    return [item.request for item in items if isinstance(item, Entry)]


def problems(item: Entry | BadLine) -> list[tuple[str, str]]:
    """Field and given value of each problem of a bad line."""
    assert isinstance(item, BadLine)
    return [(problem.field, problem.given) for problem in item.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prompt\na\n", [ZImage("a")]),
        ("\r\n prompt ,input.seed\r\na,7\r\n\r\n,\r\nb,\r\n", [ZImage("a", seed=7), ZImage("b")]),
        ("\ufeff\"prompt\"\n\"a, \"\"b\"\"\"", [ZImage('a, "b"')]),
        ('prompt\na "quoted" word\n', [ZImage('a "quoted" word')]),
        ('prompt\n"two\r\nlines"\n', [ZImage("two\nlines")]),
        ("prompt,enable_safety_checker\n7,TRUE\nnull,false\n",
         [ZImage("7", enable_safety_checker=True), ZImage("null", enable_safety_checker=False)]),
        ("prompt,model\na,\nb,seedream-v4-5\n", [ZImage("a"), SeedreamV45("b")]),
        ("model,prompt,seed,x,input.key\nnew,12,12,[1],k\n",
         [Generic("new", {"prompt": "12", "seed": 12, "x": [1], "key": "k"})]),
        ("model,prompt,x,y\nnew,a,NaN,{\n", [Generic("new", {"prompt": "a", "x": "NaN", "y": "{"})]),
        ("model,prompt,size\ngpt-image-2,true,1024\n",
         [Generic("gpt-image-2", {"prompt": "true", "size": "1024"})]),
        ('model,prompt,reference_images\nflux-2-pro,a,"[""https://h/a"", ""https://h/b""]"\nflux-2-pro,b,https://h/c\n',
         [Flux2Pro("a", reference_images=["https://h/a", "https://h/b"]),
          Flux2Pro("b", reference_images=["https://h/c"])]),
        ("prompt,,\na,,\n", [ZImage("a")]),
        ("prompt", []),
        ("", []),
    ],
)  # fmt: skip
def test_csv_rows(text: str, expected: list[Request]) -> None:
    """Cells are read by the type of their field; an empty one is not set."""
    assert requests(rows(text, model="z-image")) == expected


def test_csv_name_only_size_is_text() -> None:
    """The row above on `gpt-image-2` means what it says: EvoLink lists it by name."""
    assert _csv.known_fields("gpt-image-2")["size"].type == "string"


def test_csv_line_numbers() -> None:
    """A row has the number of the line on which it starts, line breaks counted."""
    text = 'key,prompt\n\na,"1\n2\n\n3"\nb,x\n\nc,y\n'
    items = rows(text, model="z-image")
    assert [(item.line, item.key) for item in items if isinstance(item, Entry)] == [
        (3, "a"),
        (7, "b"),
        (9, "c"),
    ]


def test_csv_lines_without_their_breaks() -> None:
    """Lines of a list count like lines of a file, within quotes too."""
    lines = ["prompt,seed", '"two', 'lines",3']
    (item,) = read_lines(lines, form="csv", model="z-image")
    assert requests([item]) == [ZImage("two\nlines", seed=3)]


def test_csv_about_the_request() -> None:
    """Model, key and callback have columns, and white space around them is nothing."""
    url = "https://host.example/hook"
    text = f"key,model,callback_url,prompt\n k 1 , z-image , {url} ,a\n , , ,b\n"
    items = rows(text, model="seedream-v4-5")
    assert requests(items) == [ZImage("a", callback_url=url), SeedreamV45("b")]
    keyed, plain = items
    assert isinstance(keyed, Entry)
    assert isinstance(plain, Entry)
    assert keyed.key == "k 1"
    assert keyed.request.callback_url == url
    assert plain.key != ""


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,x", [("input.seed", "'x'")]),
        ("a", [("the line", "1 cells")]),
        ("a,1,", [("the line", "3 cells")]),
        ('"a"b,1', [("the line", "no good CSV: ',' expected after '\"'")]),
        ("a,1\x00", [("the line", "a NUL character, after 3 others")]),
        ("a\udcff,1", [("the line", "a byte that is no UTF-8, after 1 characters")]),
    ],
)
def test_csv_bad_rows(row: str, expected: list[tuple[str, str]]) -> None:
    """A bad row is told with its line, and the next row is read."""
    data = f"prompt,seed\n{row}\nb,2\n".encode("utf-8", "surrogateescape")
    bad, good = rows(data, model="z-image")
    assert problems(bad) == expected
    assert bad.line == 2
    assert requests([good]) == [ZImage("b", seed=2)]


def test_csv_lone_carriage_return() -> None:
    """An old-style line end within a row is refused, never part of a prompt."""
    bad, good = rows("prompt\na\rb\nc\n", model="z-image")
    assert isinstance(bad, BadLine)
    assert requests([good]) == [ZImage("c")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("prompt,seed,prompt", [("column 3", "'prompt' once more")]),
        ("prompt,seed,input.seed", [("column 3", "'input.seed' once more")]),
        ("prompt,callback_url,callBackUrl", [("column 3", "'callBackUrl' once more")]),
        ("prompt,sede,input.x", [("column 2", "'sede'"), ("column 3", "'input.x'")]),
        ("prompt,input.model", [("column 2", "'input.model'")]),
        ('"prompt', [("the line", "no good CSV: unexpected end of data")]),
        ("prompt\x00", [("the line", "a NUL character, after 6 others")]),
    ],
)
def test_csv_bad_names(names: str, expected: list[tuple[str, str]]) -> None:
    """A first row that cannot be right is told once, and no row after it is read."""
    end = "" if names.startswith('"') else "\na,b,c\n"
    (bad,) = rows(names + end, model="z-image")
    assert problems(bad) == expected
    assert bad.line == 1


def test_csv_names_without_any_model() -> None:
    """Without a model for the run there has to be a column for it."""
    (bad,) = rows("prompt\na\nb\n")
    assert problems(bad) == [("model", "nothing")]
    first, second = rows("prompt,model\na,new\nb,\n")
    assert requests([first]) == [Generic("new", {"prompt": "a"})]
    assert problems(second) == [("model", "nothing")]


def test_csv_unknown_column_in_a_mixed_file() -> None:
    """With a column for the model, a field is judged by the model of its row."""
    good, bad, empty = rows("model,prompt,size\nnew,a,1\nz-image,a,1\nz-image,a,\n")
    assert requests([good, empty]) == [
        Generic("new", {"prompt": "a", "size": 1}),
        ZImage("a"),
    ]
    assert problems(bad) == [("input.size", "'size'")]


def test_csv_cell_below_no_name() -> None:
    """A cell in a column without a name is refused, not dropped."""
    (bad,) = rows("prompt,\na,note\n", model="z-image")
    assert problems(bad) == [("column 2", "'note'")]


def test_csv_quote_that_never_ends() -> None:
    """A quoted cell without end is found within bounds, and nothing after it is read."""
    pulled = 0

    def lines() -> Any:
        nonlocal pulled
        for line in chain(["prompt\n", "a\n", '"open\n'], repeat("some words here\n")):
            pulled += 1
            yield line

    good, bad = read_lines(lines(), form="csv", model="z-image")
    assert requests([good]) == [ZImage("a")]
    assert isinstance(bad, BadLine)
    assert bad.line == 3
    assert "nothing after this was read" in str(bad)
    assert pulled * 16 < csv.field_size_limit() + 100


def test_csv_large_cells() -> None:
    """A cell over the limit of the csv module is one bad line, where no quote is open."""
    text = "prompt\n" + "x" * (csv.field_size_limit() + 1) + "\nb\n"
    bad, good = rows(text, model="z-image")
    assert "131072" in str(bad)
    assert requests([good]) == [ZImage("b")]


def test_csv_endless_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of many lines is no longer than a line may be."""
    monkeypatch.setattr(_csv, "LONGEST", 1000)
    lines = chain(["prompt\n", '"a\n'], repeat('b","c\n'))
    (bad,) = read_lines(lines, form="csv", model="z-image")
    assert "nothing after this was read" in str(bad)
    monkeypatch.setattr(_lines, "LONGEST", 1000)
    (bad,) = rows("prompt\n" + "x" * 1001 + "\nb\n", model="z-image")
    assert "nothing after this was read" in str(bad)
