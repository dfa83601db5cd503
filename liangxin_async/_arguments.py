"""Checks of what users pass to a session: one clear error, before anything happens."""

from __future__ import annotations

import os

from liangxin_async._config import API_KEY_VARIABLE
from liangxin_async._errors import ConfigurationError, InvalidRequestError, Problem


def find_key(given: object) -> str:
    """Return the key that was given, or that of the environment."""
    key = given if given is not None else os.environ.get(API_KEY_VARIABLE, "")
    if not isinstance(key, str) or not key.strip():
        raise ConfigurationError(
            f"no API key: pass api_key=... or set {API_KEY_VARIABLE}. `liangxin demo` "
            "needs neither key nor URL."
        )
    return key


def check_callback_url(url: object) -> str | None:
    """Return `url` if it is None or public-looking https; its path is not shown."""
    if url is None:
        return None
    if not isinstance(url, str) or not url.startswith("https://"):
        shown = url.partition(":")[0] if isinstance(url, str) else type(url).__name__
        raise ConfigurationError(
            f"callback_url: got {shown!r}; allowed: a public https:// URL or None"
        )
    return url


def check_count(name: str, value: object) -> int | None:
    """Return `value` if it is None or a whole number from 1."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name}: got {value!r}; allowed: None or 1 and more")
    return value


def check_token(name: str, value: object) -> str:
    """Return `value` if it may stand in an HTTP header as one word."""
    if not isinstance(value, str) or not value or not value.isascii():
        raise ConfigurationError(f"{name}: got {value!r}; allowed: an ASCII word")
    if not all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in value):
        raise ConfigurationError(f"{name}: got {value!r}; allowed: letters, digits, -")
    return value


def check_priority(priority: object) -> int:
    """Return `priority` if it is an int."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise ConfigurationError(f"priority: got {priority!r}; allowed: an int")
    return priority


def check_task_id(task_id: object) -> str:
    """Return `task_id` if it is a non-empty text."""
    if not isinstance(task_id, str) or not task_id.strip():
        problem = Problem("task_id", repr(task_id), "a non-empty text")
        raise InvalidRequestError.of("the task id", (problem,))
    return task_id
