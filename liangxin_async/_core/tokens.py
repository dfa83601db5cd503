"""The unguessable last part of a callback's path: a request key and its HMAC.

    token = request key (20 characters) + HMAC-SHA256 of it (24 characters)

Both are base64 for URLs: 120 random bits and 144 bits of the code, in multiples of
three bytes, so that a token has one spelling only. Whoever holds the secret recognises
a token without a table, and therefore also the tokens of other processes.

Pure: random bytes come in as an argument. Comparing takes the same time for every
wrong token.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

NOISE_BYTES: Final = 15  # of chance in a request key
_KEY: Final = 20  # characters, of NOISE_BYTES
_CODE_BYTES: Final = 18  # of the HMAC; half of it would do against guessing
TOKEN_LENGTH: Final = 44  # characters

_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{44}")
_NOBODY: Final = "A" * TOKEN_LENGTH  # compared in place of what is no token at all


def make_token(secret: bytes, noise: bytes) -> str:
    """Return a token.

    Args:
        secret: what every process of the account knows, and nobody else.
        noise: `NOISE_BYTES` random bytes, never used before.
    """
    key = _text(noise)
    return key + _code(secret, key)


def key_of(token: str) -> str:
    """Return the request key inside a token that was made here."""
    return token[:_KEY]


def read_token(secret: bytes, token: str) -> str | None:
    """Return the request key of a token that was made with `secret`, else None."""
    is_shaped = _SHAPE.fullmatch(token) is not None
    given = token if is_shaped else _NOBODY
    key = key_of(given)
    is_right = hmac.compare_digest(_code(secret, key), given[_KEY:])
    return key if is_right and is_shaped else None


def _code(secret: bytes, key: str) -> str:
    return _text(hmac.digest(secret, key.encode(), hashlib.sha256)[:_CODE_BYTES])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
