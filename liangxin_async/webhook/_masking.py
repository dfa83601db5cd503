"""Keeping the tokens of callback paths out of access logs."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

MASK: Final = "[callback]"
_TOKEN: Final = re.compile(r"(?<=/)[A-Za-z0-9_-]{44}(?![A-Za-z0-9_-])")
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) - {"msg", "args"}


class MaskTokens(logging.Filter):
    """A filter for access loggers that hides the last part of callback paths.

    `logging.getLogger("aiohttp.access").addFilter(MaskTokens())`, and the same for
    "uvicorn.access". Everything else passes as it is. A filter of a logger sees what is
    logged to that logger by name; put it on a handler to see all that the handler does.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record's text, arguments and extras. Never drops it."""
        for name, value in tuple(record.__dict__.items()):
            if name not in _STANDARD:
                record.__dict__[name] = _masked(value)
        return True


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _TOKEN.sub(MASK, value)
    if isinstance(value, tuple):
        return tuple(_masked(item) for item in value)
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    return value
