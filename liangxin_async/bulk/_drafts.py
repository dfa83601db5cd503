"""One line of JSONL or of plain text, and what it asks for before anything is checked.

JSONL has one object a line: `{"model": ..., "input": {...}, "key": ...}`, or EvoLink's
flat form `{"model": ..., "prompt": ..., "size": ...}`, where everything that is not
`model`, `key` or a callback is the input. null stands for a member that is not there,
except within the input.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn

from attrs import frozen

from liangxin_async._errors import Problem
from liangxin_async.bulk._entry import BadLine, display
from liangxin_async.bulk._lines import THE_LINE, TOO_LONG, Line, text_problems
from liangxin_async.bulk._values import CALLBACKS, KEY, MODEL
from liangxin_async.models._shown import shown

_INPUT: Final = "input"
_AN_OBJECT: Final = "one JSON object"


@frozen(kw_only=True)
class Draft:
    """What one line asks for; no value in it has been checked.

    Attributes:
        line: its 1-based number.
        text: how it begins, for display.
        fields: the input; any type of value, even where a mapping is wanted.
        as_text: whether the values are text that still has to be read by type.
        model, key, callback_url: as they were given, or None.
    """

    line: int
    text: str
    fields: Any
    as_text: bool = False
    model: Any = None
    key: Any = None
    callback_url: Any = None


def text_drafts(lines: Iterable[Line]) -> Iterator[Draft | BadLine]:
    """Yield one prompt a line, without the white space around it."""
    for line in lines:
        if line.text is None:
            yield BadLine(line=line.number, problems=(TOO_LONG,))
            continue
        prompt, shown_text = line.text.strip(), display(line.text)
        problems = tuple(_prompt_problems(prompt))
        if problems:
            yield BadLine(line=line.number, problems=problems, text=shown_text)
        elif prompt:
            fields = {"prompt": prompt}
            yield Draft(line=line.number, text=shown_text, fields=fields)


def json_drafts(lines: Iterable[Line]) -> Iterator[Draft | BadLine]:
    """Yield what each JSON object of a JSONL input asks for."""
    for line in lines:
        if line.text is None:
            yield BadLine(line=line.number, problems=(TOO_LONG,))
        elif line.text.strip():
            found = _json_draft(line.number, line.text)
            if isinstance(found, Draft):
                yield found
            else:
                shown_text = display(line.text)
                yield BadLine(line=line.number, problems=found, text=shown_text)


def _prompt_problems(prompt: str) -> Iterator[Problem]:
    yield from text_problems(prompt)
    if "\r" in prompt:
        given = "a carriage return within the line"
        yield Problem(THE_LINE, given, "lines that end with LF or CRLF")


def _json_draft(number: int, text: str) -> Draft | tuple[Problem, ...]:
    problems = tuple(text_problems(text))
    if problems:
        return problems
    try:
        value = json.loads(
            text.strip(), object_pairs_hook=_each_once, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as exc:
        return (Problem(THE_LINE, f"no good JSON: {_why(exc)}", _AN_OBJECT),)
    if not isinstance(value, dict):
        return (Problem(THE_LINE, shown(value), _AN_OBJECT),)
    return _from_object(number, display(text), value)


def _from_object(
    number: int, text: str, members: dict[str, Any]
) -> Draft | tuple[Problem, ...]:
    model, key = members.pop(MODEL, None), members.pop(KEY, None)
    callbacks = [members.pop(name, None) for name in CALLBACKS]
    fields = members.pop(_INPUT, None)
    if fields is None:
        fields, members = members, {}
    problems = [
        Problem(name, "a member next to input", "model, input, key, or a callback")
        for name in map(shown, members)
    ]
    if None not in callbacks:
        problems.append(Problem(CALLBACKS[0], f"{CALLBACKS[1]} as well", "one of them"))
    if problems:
        return tuple(problems)
    return Draft(
        line=number,
        text=text,
        fields=fields,
        model=model,
        key=key,
        callback_url=next((url for url in callbacks if url is not None), None),
    )


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "too many levels" if isinstance(error, RecursionError) else str(error)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the member {shown(name)} twice in one object")
    return members


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word}, which JSON does not have")
