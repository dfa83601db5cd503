"""What the files of a request are called: never anything that a service says.

    00017-a-cafe-terrace-in-paris         line 17
    00017-2-a-cafe-terrace-in-paris       its second copy
    shop_4-a-cafe-terrace-in-paris        the line with the key shop_4

Lower case and NFC, so that two stems that differ are two files also where the file
system takes A for a, or one spelling of é for the other. `Session.download` takes every
stem as it is. The number of a copy is not at the end: there stands the number of a file
where a task makes several.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from itertools import count
from typing import Final

from liangxin_async._media import STEM_LIMIT

_KEY_BYTES: Final = 40
_SLUG_BYTES: Final = 42  # with key, copy and hyphens below STEM_LIMIT
_SLUG_CHARACTERS: Final = 40
_DIGEST: Final = 8  # hexadecimal digits
_LOOKED_AT: Final = 200  # characters of a prompt, which may be a book
_NO_WORDS: Final = "untitled"


def stem_of(prompt: str | None, *, line: int, key: str | None, copy: int = 1) -> str:
    """Return the name, without extension, for the files of one request.

    At most 100 bytes, neither hidden nor an option nor a device of Windows.

    Args:
        prompt: its prompt, or None.
        line: 1-based number of its line; not used where there is a key.
        key: the key that the line gives, or None.
        copy: 1-based number of the copy.
    """
    name = f"{line:05}" if key is None else _key_part(key)
    if copy > 1:
        name += f"-{copy}"
    return f"{name}-{slug(prompt or '') or _NO_WORDS}"


def variants(stem: str) -> Iterator[str]:
    """Yield `stem`, then `stem-2`, `stem-3` and so on, without end.

    For a stem that is taken: two keys may lead to one, and the lines of a later run
    may have other numbers. No variant has more than 100 bytes.
    """
    yield stem
    for number in count(2):
        end = f"-{number}"
        yield _cut(stem, STEM_LIMIT - len(end)).rstrip("-") + end


def slug(text: str) -> str:
    """Return the words at the start of `text`, joined by hyphens; may be empty.

    Letters and digits of every script, lower case, at most 40 characters.
    """
    words = _words(text[:_LOOKED_AT], keep="")
    cut = _cut(words[:_SLUG_CHARACTERS], _SLUG_BYTES)
    if len(cut) < len(words) and words[len(cut)] != "-":
        # A half word is left out where enough whole ones remain.
        whole = cut.rpartition("-")[0]
        cut = whole if len(whole) > len(cut) // 2 else cut
    return cut.rstrip("-")


def _key_part(key: str) -> str:
    words = _words(key, keep="_")
    if words and len(words.encode()) <= _KEY_BYTES:
        return words
    digest = hashlib.sha256(key.encode()).hexdigest()[:_DIGEST]
    start = _cut(words, _KEY_BYTES - _DIGEST - 1).rstrip("-")
    return f"{start}-{digest}" if start else digest


def _words(text: str, *, keep: str) -> str:
    """Return `text` in lower case, with one hyphen for what is no letter or digit."""
    lower = unicodedata.normalize("NFC", text).lower()
    kept = ""
    for character in unicodedata.normalize("NFC", lower):
        if _may_stay(character, after=kept[-1:]) or character in keep:
            kept += character
        elif not kept.endswith("-"):
            kept += "-"
    return kept.strip("-")


def _may_stay(character: str, *, after: str) -> bool:
    category = unicodedata.category(character)
    if category[0] == "M":  # it belongs to a letter; alone it is ❤ without its ❤
        return after not in ("", "-")
    return category[0] == "L" or category == "Nd"


def _cut(text: str, most: int) -> str:
    """Return the start of `text` that fits into `most` bytes of UTF-8."""
    return text.encode()[:most].decode(errors="ignore")
