"""The API key, in a wrapper that cannot be printed, copied out or stored by accident.

Every ordinary way of looking at it shows the mask. Only `reveal` gives the text, and
only the transport's innermost function calls it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import NoReturn
from urllib.parse import quote

from liangxin_async._errors import ConfigurationError

MASK = "[api key]"
_MASKABLE = 8  # characters; a shorter key cannot be told from an ordinary word


class ApiKey:
    """An API key that masks itself.

    Args:
        text: the key; white space around it is dropped, the rest is sent as given.

    Raises:
        ConfigurationError: empty, or with characters that no header can carry. The
            message does not repeat the key.
    """

    __slots__ = ("__spellings", "__text")

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise ConfigurationError(f"api_key: a str, not {type(text).__name__}")
        trimmed = text.strip()
        if not trimmed:
            raise ConfigurationError("api_key: empty")
        bad = {f"U+{ord(char):04X}" for char in trimmed if not "!" <= char <= "~"}
        if bad:
            del text, trimmed  # so that no traceback through here shows them
            # Curly quotes and spaces from a paste are the usual cause.
            raise ConfigurationError(
                "api_key: only visible ASCII characters are allowed; "
                f"found {', '.join(sorted(bad))}"
            )
        self.__text = trimmed
        self.__spellings = _spellings(trimmed)

    def reveal(self) -> str:
        """Return the key itself."""
        return self.__text

    def derive(self, purpose: str) -> bytes:
        """Return 32 secret bytes for one purpose: the same for the same key, and of no
        help in finding it (HMAC-SHA256 of the purpose, keyed with the key)."""
        return hmac.digest(self.__text.encode(), purpose.encode(), hashlib.sha256)

    def mask(self, text: str) -> str:
        """Return `text` with every occurrence of the key replaced."""
        for spelling in self.__spellings:
            text = text.replace(spelling, MASK)
        return text

    def mask_bytes(self, body: bytes) -> bytes:
        """Return `body` with every occurrence of the key replaced."""
        for spelling in self.__spellings:
            body = body.replace(spelling.encode("ascii"), MASK.encode())
        return body

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key is not pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("an API key is not pickled or copied")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def _spellings(key: str) -> tuple[str, ...]:
    """How a server that echoes the key may write it: plain, in JSON, in a URL."""
    if len(key) < _MASKABLE:
        return ()
    in_json = json.dumps(key)[1:-1]
    others = (key, in_json, in_json.replace("/", "\\/"), quote(key, safe=""))
    return tuple(dict.fromkeys(others))
