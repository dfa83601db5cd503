"""The converter coerces nothing; the readers take what the family was seen to send."""

from __future__ import annotations

import json
import math
import pickle
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import frozen
from cattrs import BaseValidationError, transform_error
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async._converter import (
    NotJsonError,
    parse_json,
    read_instant,
    read_nested,
    read_number,
    read_progress,
    read_text,
)
from liangxin_async._stored import make_converter, strict

converter = make_converter()
quick = settings(max_examples=150, deadline=None, derandomize=True)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)
anything = json_values | st.floats() | st.binary() | st.text()


@frozen
class Sample:
    word: str
    count: int
    share: float
    flag: bool


# ---------------------------------------------------------------------- converter


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("word", None),
        ("word", 1),
        ("word", b"x"),
        ("count", 1.9),
        ("count", 1.0),
        ("count", "1"),
        ("count", True),
        ("count", None),
        ("share", "1.5"),
        ("share", True),
        ("share", None),
        ("flag", 1),
        ("flag", "true"),
        ("flag", None),
    ],
)
def test_converter_coerces_nothing(field: str, value: object) -> None:
    """None is no 'None', 1.9 is no 1, and 1 is no True."""
    good = {"word": "x", "count": 1, "share": 1.5, "flag": True}
    with pytest.raises(BaseValidationError) as caught:
        converter.structure(good | {field: value}, Sample)
    (problem,) = transform_error(caught.value)
    assert field in problem


def test_converter_takes_ints_as_floats() -> None:
    """An int may pass as a float, and comes out as one."""
    made = converter.structure(
        {"word": "x", "count": 1, "share": 2, "flag": False}, Sample
    )
    assert made == Sample("x", 1, 2.0, False)
    assert type(made.share) is float


def test_converter_tolerates_unknown_keys() -> None:
    """Fields that a service adds one day change nothing."""
    given = {"word": "x", "count": 1, "share": 1.5, "flag": True, "new": [1]}
    assert converter.structure(given, Sample) == Sample("x", 1, 1.5, True)


def test_strict() -> None:
    """A value of exactly the kind comes back unchanged; a subclass does not pass."""
    assert strict("x", str) == "x"
    with pytest.raises(TypeError, match="expected int, got bool"):
        strict(True, int)


# --------------------------------------------------------------------------- JSON


@quick
@given(json_values)
def test_parse_json_good(value: Any) -> None:
    """What JSON can write is read back, from bytes and from text."""
    text = json.dumps(value)
    assert parse_json(text) == value
    assert parse_json(text.encode()) == value


@quick
@given(st.binary())
def test_parse_json_any_bytes(body: bytes) -> None:
    """Any bytes give a value or one error."""
    with suppress(NotJsonError):
        parse_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b'{"a":1',
        b"<html>",
        b"{} {}",
        b"{'a':1}",
        '{"a":1}'.encode("utf-16"),
        '{"a":"é"}'.encode("latin-1"),
        b'{"a":"\xff"}',
        b"[" * 2000 + b"]" * 2000,
        b"[" * 200_000,
        b"9" * 5000,
    ],
)
def test_parse_json_not_json(body: bytes) -> None:
    """Cut, foreign, not UTF-8, 2,000 levels or 5,000 digits: one error, short."""
    with pytest.raises(NotJsonError) as caught:
        parse_json(body)
    assert len(str(caught.value)) < 100


def test_parse_json_oddities() -> None:
    """A byte order mark, duplicate keys and 30 digits do no harm."""
    assert parse_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
    assert parse_json(b'{"a":1,"a":2}') == {"a": 2}
    assert parse_json(b"9" * 30) == int("9" * 30)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_parse_json_number_that_is_not_finite(text: str) -> None:
    """It becomes None, so that a record can always be stored as JSON."""
    assert parse_json(f'{{"a": [{text}, 1.5]}}') == {"a": [None, 1.5]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud83d"', "�"),
        (r'"\uDE00x"', "�x"),
        (r'["a", {"\ud800": "\udfff"}]', ["a", {"�": "�"}]),
        (r'"\\ud83d"', r"\ud83d"),
    ],
)
def test_parse_json_surrogates(text: str, expected: object) -> None:
    """Pairs are read, and half of one becomes U+FFFD: all can be written again."""
    value = parse_json(text)
    assert value == expected
    json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ("[[", "]]"), ('{"a":', "}")])
@pytest.mark.parametrize("levels", [10, 60, 100, 129, 300, 600, 900, 3000])
@pytest.mark.parametrize("inside", ["1", r'"\ud800"', '""'])
def test_parse_json_depth(open_: str, close: str, levels: int, inside: str) -> None:
    """Deep nesting is refused; what is let through can be pickled and written again."""
    text = open_ * levels + inside + close * levels
    try:
        value = parse_json(text)
    except NotJsonError:
        assert levels * len(close) > 100
        return
    assert levels <= 200
    assert pickle.loads(pickle.dumps(value)) == value
    assert json.loads(json.dumps(value)) == value


def test_parse_json_many_brackets_are_not_deep() -> None:
    """A long flat answer is no deep one."""
    value = [{"a": [1]}] * 1000
    assert parse_json(json.dumps(value)) == value


# ------------------------------------------------------------------------ readers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("500", "500"),
        (" x ", " x "),
        (500, "500"),
        (0, "0"),
        (500.0, "500"),
        (1777600000000.0, "1777600000000"),
        (1.5, "1.5"),
        (-3, "-3"),
        ("", None),
        (None, None),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        ([], None),
        ({}, None),
    ],
)
def test_read_text(value: object, expected: str | None) -> None:
    """A text or a number as text, with every digit; nothing else."""
    assert read_text(value) == expected


def test_read_text_endless_number() -> None:
    """An integer that Python refuses to print is no text."""
    assert read_text(10**5000) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        (1.5, 1.5),
        ("15000", 15000.0),
        (" 7 ", 7.0),
        ("1e3", 1000.0),
        (0, 0.0),
        ("", None),
        ("x", None),
        ("nan", None),
        ("-inf", None),
        (None, None),
        (True, None),
        (math.inf, None),
        (10**400, None),
        ([1], None),
    ],
)
def test_read_number(value: object, expected: float | None) -> None:
    """A finite number or text that spells one."""
    assert read_number(value) == expected


MOMENT = datetime(2026, 5, 1, 1, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1777600000000, MOMENT),
        ("1777600000000", MOMENT),
        (1777600000000.0, MOMENT),
        (1777600000, MOMENT),
        ("1777600000", MOMENT),
        (0, None),
        ("0", None),
        (None, None),
        ("", None),
        (-5, None),
        ("yesterday", None),
        (10**17, None),
        (10**300, None),
        (math.nan, None),
        (True, None),
        ({}, None),
    ],
)
def test_read_instant(value: object, expected: datetime | None) -> None:
    """Milliseconds, or seconds where plausible, as aware UTC; 0 and null are None."""
    assert read_instant(value) == expected


def test_read_instant_border() -> None:
    """10^11 is the border: below it seconds, from it on milliseconds."""
    below, above = read_instant(10**11 - 1), read_instant(10**11)
    assert below is not None
    assert above is not None
    assert (below.year, above.year) == (5138, 1973)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (50, 50),
        (100, 100),
        (99.9, 99),
        ("50%", 50),
        (" 50 % ", 50),
        ("50", 50),
        ("12.5%", 12),
        ("100%", 100),
        (-1, None),
        (101, None),
        ("101%", None),
        ("half", None),
        ("", None),
        ("%", None),
        (None, None),
        (True, None),
        (math.nan, None),
        ([], None),
    ],
)
def test_read_progress(value: object, expected: int | None) -> None:
    """0 to 100 from a number or a text such as 50%; nothing else."""
    assert read_progress(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a":1}', {"a": 1}),
        ('"{\\"a\\":1}"', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("[1]", [1]),
        ("", None),
        (" ", None),
        (None, None),
        ("{…}", "{…}"),
        ("plain words", "plain words"),
        (7, 7),
    ],
)
def test_read_nested(value: object, expected: object) -> None:
    """JSON text is opened, even twice; other text stays text; empty is None."""
    assert read_nested(value) == expected


def test_read_nested_is_bounded() -> None:
    """JSON text in JSON text in JSON text … is not opened for ever."""
    text = "x"
    for _ in range(12):
        text = json.dumps(text)
    assert isinstance(read_nested(text), str)


@quick
@given(anything)
def test_readers_never_raise(value: object) -> None:
    """Whatever comes, each reader gives a value of its kind or None."""
    assert isinstance(read_text(value), str | None)
    assert isinstance(read_number(value), float | None)
    assert isinstance(read_progress(value), int | None)
    moment = read_instant(value)
    assert moment is None or moment.tzinfo is UTC
    read_nested(value)


@pytest.mark.parametrize("unit", ["[],", "{},", "1,"])
def test_parse_json_of_millions_of_values_is_refused_unparsed(unit: str) -> None:
    """Megabytes of signs would hold up the loop for seconds; no record has them."""
    text = f"[{unit * 600_000}1]"
    with pytest.raises(NotJsonError, match="number of values"):
        parse_json(text)


def test_parse_json_of_a_long_text_is_no_matter() -> None:
    """An inline image is one value of megabytes, and is read."""
    value = {"image": "A" * 8_000_000}
    assert parse_json(json.dumps(value)) == value
