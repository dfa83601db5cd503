"""The unguessable part of a callback's path."""

from __future__ import annotations

import base64
import hashlib
import hmac
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liangxin_async._core.tokens import (
    NOISE_BYTES,
    TOKEN_LENGTH,
    key_of,
    make_token,
    read_token,
)

SECRET = bytes(range(32))
NOISE = b"fifteen bytes.."
TOKEN = make_token(SECRET, NOISE)
ALPHABET = string.ascii_letters + string.digits + "-_"


def test_token_is_the_request_key_and_its_code_as_text() -> None:
    """The formula, written down a second time: 120 bits of chance, 144 of HMAC."""
    key = base64.urlsafe_b64encode(NOISE).decode()
    code = hmac.digest(SECRET, key.encode(), hashlib.sha256)[:18]
    assert key + base64.urlsafe_b64encode(code).decode() == TOKEN
    assert len(NOISE) == NOISE_BYTES
    assert len(TOKEN) == TOKEN_LENGTH


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=15, max_size=15))
def test_token_is_recognised_by_whoever_has_the_secret(
    secret: bytes, noise: bytes
) -> None:
    """No table is needed, so that another process knows it too; it is safe in a path."""
    token = make_token(secret, noise)
    assert read_token(secret, token) == key_of(token)
    assert set(token) <= set(ALPHABET)
    assert read_token(secret + b"x", token) is None


@given(st.integers(0, TOKEN_LENGTH - 1), st.sampled_from(ALPHABET))
def test_token_with_any_character_changed_is_nobodys(place: int, other: str) -> None:
    """There is no spare bit: each token has one spelling."""
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    assert (read_token(SECRET, changed) is None) == (changed != TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", TOKEN[:-1], TOKEN + "A", TOKEN + "\n", " " + TOKEN, TOKEN[:20]),
        *(TOKEN.lower(), "é" * 44, "\udcff" * 44, "A" * 44, "=" * 44, "A" * 100_000),
    ],
)
def test_token_of_another_shape_is_nobodys(text: str) -> None:
    """Whatever stands in the path: nothing is raised."""
    assert read_token(SECRET, text) is None


@given(st.text(max_size=60))
def test_token_of_any_text_is_nobodys(text: str) -> None:
    """Guessing is hopeless, and safe."""
    assert read_token(SECRET, text) is None
