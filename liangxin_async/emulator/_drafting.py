"""Reading the body of a create, in any dialect: everything before a decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import evolve

from liangxin_async.emulator._answer import compact
from liangxin_async.emulator._dialect import Denial, Dialect, Draft

if TYPE_CHECKING:
    from aiohttp import web

    from liangxin_async.emulator._scenario import Scenario

_NOT_AN_OBJECT = Denial(reason="invalid", message="invalid request body")


class TooLargeError(Exception):
    """The body of a request goes beyond the limit."""


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLargeError: it has, or claims to have, more than `limit` bytes.
    """
    parts: list[bytes] = []
    size = 0
    if (request.content_length or 0) > limit:
        raise TooLargeError
    while part := await request.content.readany():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise TooLargeError
    return b"".join(parts)


def draft(
    dialect: Dialect, content_type: str, body: bytes, scenario: Scenario
) -> Draft:
    """Read the body of a create, and say what is wrong with it."""
    try:
        data = json.loads(body, parse_constant=_refuse_constant)
        if not isinstance(data, dict):
            return Draft(denial=_NOT_AN_OBJECT)
        outline = dialect.outline(data)
        key = json.dumps(outline.asked, separators=(",", ":"), sort_keys=True)
        param = compact(data)
    except (ValueError, RecursionError):
        return Draft(denial=_NOT_AN_OBJECT)
    rule = scenario.callbacks.urls
    problem = dialect.problem(data, scenario.extra_models, rule)
    if content_type != "application/json":
        words = "Content-Type must be application/json"
        problem = Denial(reason="invalid", message=words)
    made = Draft(
        is_object=True,
        model=_text(data.get("model")),
        prompt=_text(outline.fields.get("prompt")),
        key=key,
        param=param,
        callback_url=_text(outline.callback) or None,
        denial=problem,
    )
    return made if problem else _with_look(dialect, made, outline.fields, scenario)


def _with_look(
    dialect: Dialect, made: Draft, fields: Mapping[str, Any], scenario: Scenario
) -> Draft:
    width, height, extension = dialect.look(made.model, fields)
    if made.model in dialect.videos or made.model in scenario.videos:
        extension = "mp4"
    seed = fields.get("seed")
    return evolve(made, size=(width, height), extension=extension, seed=seed)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
