"""The names of requests: given, or made from what is asked for.

A name made from the content stays what it is when lines are added, removed or put in
another order, so that nothing is made and paid for a second time. Equal requests are
told apart by counting: which of them is the second does not matter.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import TYPE_CHECKING, Final

from attrs import define, field

from liangxin_async._errors import Problem
from liangxin_async.bulk._values import KEY
from liangxin_async.models._shown import shown

if TYPE_CHECKING:
    from liangxin_async.models import Request

MOST_OF_A_KEY: Final = 200  # characters
_DIGITS: Final = 16  # hexadecimal, of a name made from the content
_BY_CONTENT: Final = 0  # in the place of a line number, which is 1 or more
_NO_TEXT: Final = ("Cc", "Cs", "Zl", "Zp")  # control, lone surrogate, separators
_ALLOWED: Final = (
    f"text of 1 to {MOST_OF_A_KEY} characters without control characters and without "
    "white space at its ends"
)
_OWN: Final = "a key of its own for each request"


def key_problem(key: object) -> Problem | None:
    """Return what is wrong with a key that was given, or None."""
    if not isinstance(key, str):
        return Problem(KEY, shown(key), _ALLOWED)
    if not 0 < len(key) <= MOST_OF_A_KEY:
        return Problem(KEY, f"{shown(key)} ({len(key)} characters)", _ALLOWED)
    if key != key.strip() or any(unicodedata.category(c) in _NO_TEXT for c in key):
        return Problem(KEY, shown(key), _ALLOWED)
    return None


def content_key(request: Request) -> str:
    """Return the name that a request has by its model and input: 16 hex digits.

    The callback URL is no part of it.
    """
    content = {"model": request.model, "input": request.fields()}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@define(eq=False)
class Keys:
    """The keys of one input, each of them given out once.

    Only a digest of each key is kept: about 130 bytes in memory for each entry, so
    130 MB for a million of them.
    """

    _lines: dict[int, int] = field(factory=dict)  # digest -> line, or _BY_CONTENT
    _equals: dict[int, int] = field(factory=dict)  # digest -> how many, from 2 on

    def take(self, key: str, line: int) -> Problem | None:
        """Give `key` to `line`, which is 1 or more; a problem says who has it."""
        first = self._lines.setdefault(_digest(key), line)
        if first == line:
            return None
        whose = f"which line {first} has"
        if first == _BY_CONTENT:
            whose = "which the content of an earlier line has given it"
        return Problem(KEY, f"{shown(key)}, {whose}", _OWN)

    def take_content(self, request: Request) -> str | Problem:
        """Return a key made from the content of `request`, numbered from the second on.

        The problem is a key like this one that some line gives as its own.
        """
        key = content_key(request)
        digest = _digest(key)
        if self._lines.get(digest) == _BY_CONTENT:
            count = self._equals.get(digest, 1) + 1
            self._equals[digest] = count
            key = f"{key}-{count}"
        problem = self.take(key, _BY_CONTENT)
        return key if problem is None else problem


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest())
