"""Checks of one field of a create, for the model tables of every dialect.

A check returns what is wrong with a value, to be said after the field's name, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], str | None]


def text(*words: str, low: int = 0, high: int | None = None) -> Check:
    """Return a check for one of `words`, or for any text of `low` to `high` signs."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        if words and value not in words:
            return f"must be one of {', '.join(words)}"
        if high is not None and not low <= len(value) <= high:
            return f"must have {low} to {high} characters"
        return None

    return check


def whole(low: int | None = None, high: int | None = None) -> Check:
    """Return a check for an integer from `low` to `high`, None for no bound."""

    def check(value: Any) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be an integer"
        if low is not None and value < low:
            return f"must be at least {low}"
        if high is not None and value > high:
            return f"must be at most {high}"
        return None

    return check


def flag(value: Any) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "must be a boolean"


def an_object(value: Any) -> str | None:
    """Check for a JSON object."""
    return None if isinstance(value, dict) else "must be an object"


def texts(limit: int | None = None) -> Check:
    """Return a check for a list of strings, of at most `limit` items."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list) or not all(isinstance(i, str) for i in value):
            return "must be a list of strings"
        if limit is not None and len(value) > limit:
            return f"must have at most {limit} items"
        return None

    return check
