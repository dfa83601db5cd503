"""What may stand in a gallery, and how it is spelled there."""

from __future__ import annotations

import json
import math

import pytest

from liangxin_async.bulk._row import RowState
from liangxin_async.bulk.gallery._item import MEANINGS, PROMPT_TEXT, item_of
from liangxin_async.bulk.gallery._shown import (
    HIDDEN,
    as_json,
    cut,
    fields_of,
    href_of,
    instant,
    without_secrets,
)
from tests.bulk.gallery_rows import ATTACKS, a_row


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a cat", "a cat"),
        ("https://h.example/a/b.png", "https://h.example/a/b.png"),
        ("https://h.example/a.png?sig=S3", "https://h.example/a.png?…"),
        ("https://h.example?sig=S3", "https://h.example?…"),
        ("https://h.example/a#S3", "https://h.example/a?…"),
        ("see https://h.example/a?S3, please", "see https://h.example/a?… please"),
        ('<a href="https://h.example/?S3">', '<a href="https://h.example/?…">'),
        ("HTTPS://User:S3@h.example/a", "HTTPS://h.example/a"),
        ("s3://bucket/key?S3", "s3://bucket/key?…"),
        ("https://a.example/?S3 http://b.example/?S3",
         "https://a.example/?… http://b.example/?…"),
        ("data:image/png;base64,S3S3S3", "data:…"),
        ("the data: all of it", "the data: all of it"),
        ("what? a 1:2 ratio // really", "what? a 1:2 ratio // really"),
    ],
)  # fmt: skip
def test_without_secrets(text: str, shown: str) -> None:
    """Of a URL, wherever it stands, only scheme, host and path are shown."""
    assert without_secrets(text) == shown


def test_without_secrets_of_a_hostile_text() -> None:
    """A long text of almost-URLs takes no more than linear time."""
    for piece in ("a://", "data:", "https://x@", "a" * 20 + ":/"):
        assert without_secrets(piece * 20_000)


def test_fields_of_what_is_secret() -> None:
    """Values under names of secrets are left out at any depth, and seen to be."""
    fields = dict(
        fields_of(
            {
                "callback_url": "https://me.example/hook/S3",
                "callBackUrl": "https://me.example/hook/S3",
                "params": {"api_key": "S3", "deep": [{"X-Signature": "S3"}]},
                "image_urls": ["https://h.example/a.png?S3", "https://h.example/b"],
                "max_tokens": 7,
            }
        )
    )
    assert "S3" not in json.dumps(fields)
    assert fields["callback_url"] == fields["callBackUrl"] == HIDDEN
    assert fields["image_urls"] == "https://h.example/a.png?…, https://h.example/b"
    assert fields["max_tokens"] == "7"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (12345678901234567890123, "12345678901234567890123"),
        (1.5, "1.5"),
        ("", ""),
        ([], ""),
        ([1, "a"], '[1, "a"]'),
        ({"a": None}, '{"a": null}'),
        ("x" * 500, "x" * 399 + "…"),
    ],
)
def test_fields_of_values(value: object, text: str) -> None:
    """A value is text, of which a script loses no digit, and never long."""
    assert dict(fields_of({"field": value})) == {"field": text}


def test_fields_of_none() -> None:
    """A field without a value is not shown, and no more than 40 are."""
    assert dict(fields_of({"a": None, "b": 1})) == {"b": "1"}
    assert len(dict(fields_of({str(n): n for n in range(100)}))) == 40


@pytest.mark.parametrize("prompt", ATTACKS)
def test_as_json_can_stand_in_a_script(prompt: str) -> None:
    """No text can end the element, and every text comes out of it as it went in."""
    text = as_json({"prompt": prompt})
    assert not set(text) & set("<>&\u2028\u2029\n\0")
    assert json.loads(text) == {"prompt": prompt}
    text.encode()


def test_as_json_of_no_number() -> None:
    """What JavaScript could not read is refused."""
    with pytest.raises(ValueError):
        as_json(math.nan)


@pytest.mark.parametrize(
    ("name", "href"),
    [
        ("a.png", "a.png"),
        ("sub/a b.png", "sub/a%20b.png"),
        ("a#1?%.png", "a%231%3F%25.png"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("https://x.example/a", None),
        ("橘猫.png", "%E6%A9%98%E7%8C%AB.png"),
        ("undecodable\udce9.png", "undecodable%E9.png"),
        ("lone\ud83d.png", None),
        ("/etc/passwd", None),
        ("../a.png", None),
        ("sub/../../a.png", None),
        ("./a.png", None),
        ("sub//a.png", None),
        ("sub\\a.png", None),
        ("a\0.png", None),
        ("", None),
    ],
)
def test_href_of(name: str, href: str | None) -> None:
    """A link leads to a file below the folder, or there is none."""
    assert href_of(name) == href


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (None, None),
        (1_700_000_000.12345, 1_700_000_000.123),
        (0.0, 0.0),
        (-1.0, None),
        (math.nan, None),
        (math.inf, None),
        (1e18, None),
    ],
)
def test_instant(at: float | None, shown: float | None) -> None:
    """What is no instant is left out: JSON has no word for it."""
    assert instant(at) == shown


def test_cut() -> None:
    """A cut is marked, and the mark counts."""
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


# --------------------------------------------------------------------------- items


def test_item_of_a_row() -> None:
    """An item has what is known, under the names that the script reads."""
    row = a_row(7, error="no https://h.example/?S3", error_type="TaskFailedError")
    assert item_of(row, []) == {
        "key": "key-7",
        "line": 7,
        "model": "z-image",
        "state": "saved",
        "prompt": "prompt 7",
        "seed": "1007",
        "task": "task-7",
        "error": "no https://h.example/?…",
        "type": "TaskFailedError",
        "sent": 1_700_000_007.0,
        "accepted": 1_700_000_007.5,
        "ended": 1_700_000_017.0,
    }


def test_item_of_a_row_without_prompt() -> None:
    """Neither a missing prompt nor one that is no text hides the request."""
    assert "prompt" not in item_of(a_row(1, prompt=None), [])
    item = item_of(a_row(1, prompt=["a", "b"]), [])
    assert "prompt" not in item
    assert ("prompt", "a, b") in item["fields"]


def test_item_of_a_long_prompt() -> None:
    """A prompt beyond every model's limit is cut, and its length told."""
    item = item_of(a_row(1, prompt="x" * (PROMPT_TEXT + 1)), [])
    assert (len(item["prompt"]), item["long"]) == (PROMPT_TEXT, PROMPT_TEXT + 1)
    assert "long" not in item_of(a_row(1, prompt="x" * PROMPT_TEXT), [])


def test_item_of_two_creates() -> None:
    """More than one create is worth telling: each may have been paid for."""
    assert item_of(a_row(1, creates=2), [])["creates"] == 2
    assert "creates" not in item_of(a_row(1, creates=1), [])


def test_meanings_cover_every_state() -> None:
    """Each state has its words, and each that is not the end says what to do."""
    assert set(MEANINGS) == set(RowState)
    for state, meaning in MEANINGS.items():
        assert meaning.label
        assert meaning.says
        assert bool(meaning.advice) == (state is not RowState.SAVED)
    assert "--resubmit-unknown" in MEANINGS[RowState.IN_DOUBT].advice
