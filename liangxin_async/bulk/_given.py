"""Requests that a program hands over, as entries."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from typing import TYPE_CHECKING, Any, TypeAlias

from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._keys import Keys, key_problem
from liangxin_async.bulk._stems import stem_of
from liangxin_async.models import Request

if TYPE_CHECKING:
    from liangxin_async.bulk._entry import Checked

Given: TypeAlias = Request | tuple[str, Request] | Entry | BadLine


def lines_for(
    items: Iterable[Checked], check: Callable[[Request], object]
) -> Iterator[Checked]:
    """Yield what `read_lines` yields, where `check` refuses a request as a bad line."""
    for position, item in enumerate(items, 1):
        yield _of_line(item, position, check) if isinstance(item, Entry) else item


async def entries_of(
    requests: Iterable[Given] | AsyncIterable[Given],
    *,
    check: Callable[[object], object],
) -> AsyncIterator[Entry | BadLine]:
    """Yield one item for each of `requests`, in their order, each when it is asked for.

    A request without a key gets one made from its content, as a line of a file does. A
    key that came before, and what the service cannot take, are a `BadLine`, where
    `line` is the 1-based position.

    Args:
        requests: requests, pairs of key and request, or what `read_lines` yields,
            which keeps its line and key. An async generator is closed at the end.
        check: raises InvalidRequestError for what is no request, or none for the
            service of the run.
    """
    keys, position = Keys(), 0
    stream = _stream(requests)
    try:
        async for given in stream:
            position += 1
            if isinstance(given, BadLine):
                yield given
            elif isinstance(given, Entry):
                yield _of_line(given, position, check)
            else:
                yield _item(given, position, check, keys)
    finally:
        await stream.aclose()


async def _stream(requests: Any) -> AsyncGenerator[Any, None]:
    if not isinstance(requests, AsyncIterable):
        for given in requests:
            yield given
        return
    iterator = aiter(requests)
    try:
        async for given in iterator:
            yield given
    finally:
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()


def _of_line(entry: Entry, position: int, check: Callable[[Any], object]) -> Checked:
    problems = _request_problems(entry.request, check)
    if not problems:
        return entry
    line = position if entry.line is None else entry.line
    return BadLine(line=line, problems=problems, model=entry.request.model)


def _item(
    given: Any, position: int, check: Callable[[object], object], keys: Keys
) -> Checked:
    is_pair = isinstance(given, tuple) and len(given) == 2
    own: Any
    request: Any
    own, request = given if is_pair else (None, given)
    problems = _request_problems(request, check)
    key = ""
    if is_pair:
        found = key_problem(own) or keys.take(own, position)
        problems += () if found is None else (found,)
    elif not problems:
        made = keys.take_content(request)
        key, problems = ("", (made,)) if isinstance(made, Problem) else (made, ())
    if problems:
        model = request.model if isinstance(request, Request) else None
        return BadLine(line=position, problems=problems, model=model)
    stem = stem_of(request.prompt, line=position, key=own)
    return Entry(key=key or own, line=position, request=request, stem=stem)


def _request_problems(
    request: object, check: Callable[[Any], object]
) -> tuple[Problem, ...]:
    try:
        check(request)
    except InvalidRequestError as error:
        return error.problems
    return ()
