"""Checks of what users pass to a session: one clear error, before anything happens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from liangxin_async._errors import ConfigurationError, InvalidRequestError, Problem
from liangxin_async.dialects import DIALECTS
from liangxin_async.models import Request
from liangxin_async.models._check import check

if TYPE_CHECKING:
    from liangxin_async.dialects import Dialect
    from liangxin_async.models import FieldInfo


def find_key(given: object, variable: str) -> str:
    """Return the key that was given, or that of the environment's `variable`."""
    key = given if given is not None else os.environ.get(variable, "")
    if not isinstance(key, str) or not key.strip():
        raise ConfigurationError(
            f"no API key: pass api_key=... or set {variable}. `liangxin demo` "
            "needs neither key nor URL."
        )
    return key


def check_dialect(dialect: Dialect) -> Dialect:
    """Return `dialect` if it is one and not, say, the name of one."""
    if not hasattr(dialect, "write_create"):
        raise ConfigurationError(
            f"dialect: got {dialect!r}; allowed: LIANGXIN, EVOLINK or another Dialect"
        )
    return dialect


def check_address(base_url: str, dialect: Dialect) -> None:
    """Refuse the documented address of another service: it would get the key."""
    host = urlsplit(base_url).hostname
    for other in DIALECTS:
        theirs = other.default_base_url
        if other.name != dialect.name and theirs and urlsplit(theirs).hostname == host:
            raise ConfigurationError(
                f"base_url: {base_url!r} is the address of {other.name}, and the "
                f"session speaks {dialect.name}; pass dialect={other!r}"
            )


def check_callback_url(url: Any, rule: FieldInfo, *, is_local: bool) -> str | None:
    """Return `url` if it is None or fits the service's `rule`, as `check` judges it."""
    for problem in check(rule, url, is_local=is_local):
        raise ConfigurationError(
            f"callback_url: got {problem.given}; allowed: {problem.allowed}, or None"
        )
    checked: str | None = url
    return checked


def check_request(request: object, provider: str) -> Request:
    """Return `request` if it is one that `provider` can take."""
    given = type(request).__name__
    if not isinstance(request, Request):
        allowed = "a request, such as ZImage('a prompt') or Generic(model, input={...})"
    elif request.provider not in (None, provider):
        given = f"{given}, a model of {request.provider}"
        allowed = f"a model of {provider}, or Generic"
    else:
        return request
    problem = Problem("request", given, allowed)
    raise InvalidRequestError.of("the request", (problem,))


def check_own_callback(request: Request, rule: FieldInfo, *, is_local: bool) -> None:
    """Raise InvalidRequestError where a request names this machine to a service that
    runs elsewhere: when it was made, nobody could know."""
    problems = tuple(check(rule, request.callback_url, is_local=is_local))
    if problems:
        raise InvalidRequestError.of(f"the request for {request.model}", problems)


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


def check_fair_key(fair_key: object) -> str | int | None:
    """Return `fair_key` if it may be one; it may name a person, so it is not shown."""
    if isinstance(fair_key, bool) or not isinstance(fair_key, str | int | None):
        raise ConfigurationError(
            f"fair_key: got {type(fair_key).__name__}; allowed: a str, an int or None"
        )
    return fair_key


def check_task_id(task_id: object) -> str:
    """Return `task_id` if it is a non-empty text."""
    if not isinstance(task_id, str) or not task_id.strip():
        problem = Problem("task_id", repr(task_id), "a non-empty text")
        raise InvalidRequestError.of("the task id", (problem,))
    return task_id
