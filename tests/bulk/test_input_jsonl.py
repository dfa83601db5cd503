"""JSONL: one object a line, and every way for it to be none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._input import read_lines
from liangxin_async.models import Generic, Request, ZImage, ZImageTurbo

CALLBACK = "https://host.example/secret/path"


def only(line: str | dict[str, Any], **run: Any) -> Entry | BadLine:
    """The one item that a line gives."""
    text = line if isinstance(line, str) else json.dumps(line)
    (item,) = read_lines([text], form="jsonl", **run)
    return item


def problems(item: Entry | BadLine) -> list[tuple[str, str]]:
    """Field and given value of each problem of a bad line."""
    assert isinstance(item, BadLine)
    return [(problem.field, problem.given) for problem in item.problems]


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (
            {"model": "z-image", "input": {"prompt": "x", "seed": 7}},
            ZImage("x", seed=7),
        ),
        ({"model": "z-image", "prompt": "x", "seed": 7}, ZImage("x", seed=7)),
        ({"model": "z-image", "prompt": "x", "seed": None}, ZImage("x")),
        (
            {"model": "z-image-turbo", "prompt": "x", "size": "1:1"},
            ZImageTurbo("x", size="1:1"),
        ),
        (
            {
                "model": "z-image-turbo",
                "input": {"prompt": "x"},
                "callback_url": CALLBACK,
            },
            ZImageTurbo("x", callback_url=CALLBACK),
        ),
        (
            {"model": "z-image", "prompt": "x", "callBackUrl": CALLBACK},
            ZImage("x", callback_url=CALLBACK),
        ),
        ({"model": "new", "input": {"a": None}}, Generic("new", {"a": None})),
        (
            {"model": "new", "a": [1, {"b": 2.5}]},
            Generic("new", {"a": [1, {"b": 2.5}]}),
        ),
        ({"model": "new", "input": {}, "key": None}, Generic("new", {})),
        ({"model": "new", "input": {"model": "m"}}, Generic("new", {"model": "m"})),
        (
            {"model": None, "prompt": "x", "callback_url": None},
            Generic("of-the-run", {"prompt": "x"}),
        ),
    ],
)
def test_jsonl_forms(line: dict[str, Any], request_: Request) -> None:
    """Both forms of a line, with the model of the run where it names none."""
    item = only(line, model="of-the-run")
    assert isinstance(item, Entry)
    assert item.request == request_
    assert item.request.callback_url == request_.callback_url


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("{", "no good JSON: Expecting property name"),
        ('{"a": 1} {"a": 2}', "no good JSON: Extra data at character 10"),
        ('{"a": NaN}', "no good JSON: NaN, which JSON does not have"),
        ('{"a": -Infinity}', "no good JSON: -Infinity"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "no good JSON: the member 'c' twice"),
        ('{"a": "tab\there"}', "no good JSON: Invalid control character"),
        ("[" * 100_000, "no good JSON: too many levels"),
        (f'{{"a": {"9" * 5000}}}', "no good JSON: Exceeds the limit"),
        ("[1]", "[1]"),
        ('"a cat"', "'a cat'"),
        ("null", "None"),
        ("\ud800", "a byte that is no UTF-8"),
        ('{"a": "\0"}', "a NUL character"),
    ],
)
def test_jsonl_that_is_none(line: str, given: str) -> None:
    """What is no JSON object is one bad line, which says why."""
    ((field, found),) = problems(only(line, model="m"))
    assert field == "the line"
    assert found.startswith(given)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            {"model": "z-image", "seed": "7", "sede": 1},
            [
                ("input.prompt", "nothing"),
                ("input.seed", "'7'"),
                ("input.sede", "'sede'"),
            ],
        ),
        ({"model": "z-image-turbo", "prompt": "x", "seed": 0}, [("seed", "0")]),
        ({"prompt": "x"}, [("model", "nothing")]),
        ({"model": 5, "prompt": "x"}, [("model", "5")]),
        ({"model": " ", "prompt": "x"}, [("model", "' '")]),
        ({"model": "z-image", "input": ["x"]}, [("input", "['x']")]),
        (
            {"model": "z-image", "input": {"prompt": "x"}, "sede": 1, "b": 2},
            [("'sede'", "a member next to input"), ("'b'", "a member next to input")],
        ),
        (
            {"model": "m", "callBackUrl": CALLBACK, "callback_url": CALLBACK},
            [("callBackUrl", "callback_url as well")],
        ),
        (
            {"model": "z-image", "prompt": "x", "callback_url": "http://h.example/s"},
            [("callBackUrl", "'http://h.example/…'")],
        ),
        ({"model": "new", "a": "\ud800"}, [("input.a", "'\\ud800'")]),
        ('{"model": "new", "a": 1e999}', [("input.a", "inf")]),
        ({"model": "z-image", "key": 7, "seed": 1.5, "prompt": "x"}, None),
    ],
)
def test_jsonl_with_wrong_values(
    line: str | dict[str, Any], expected: list[tuple[str, str]] | None
) -> None:
    """Everything that is wrong with a line is told, with field and value."""
    wanted = expected or [("key", "7"), ("input.seed", "1.5")]
    assert problems(only(line)) == wanted


def test_bad_line_as_text() -> None:
    """A bad line is one line of text: number, field, value and what is allowed."""
    line = {"model": "z-image-turbo", "prompt": "x", "seed": 0}
    (bad,) = read_lines(["", "\n", json.dumps(line)], form="jsonl")
    assert str(bad) == "line 3: seed: got 0; allowed: an integer of 1 to 2147483647"
    many = only({"model": "z-image", "prompt": "x", **{f"f{n}": n for n in range(9)}})
    assert str(many).count(" | ") == 5
    assert str(many).endswith(" | and 4 more")


def test_bad_line_shows_no_secrets() -> None:
    """A link in a bad line is not shown, and neither is what moves a terminal."""
    link = "https://user:word@host.example/secret/path?sig=secret"
    line = f'{{"callback_url": "{link}", "a": "{link.replace("/", chr(92) + "/")}"'
    bad = only(line + "\x1b[31m\ud800")
    assert isinstance(bad, BadLine)
    assert "secret" not in bad.text + str(bad)
    assert "user" not in bad.text
    assert bad.text.count("https://…") == 2
    assert (bad.text + str(bad)).isprintable()
    assert len(only("x" * 1000).text) == 100  # type: ignore[union-attr]


def test_bad_line_names_its_model() -> None:
    """Bad lines are told apart by model, and one without model has none."""
    assert only({"model": "z-image"}).model == "z-image"  # type: ignore[union-attr]
    long = only({"model": "m" * 999, "input": 1})
    assert long.model == "m" * 99 + "…"  # type: ignore[union-attr]
    assert only({"prompt": "x"}).model is None  # type: ignore[union-attr]
    assert only("[", model="z-image").model is None  # type: ignore[union-attr]
