"""JSON that `json.dumps` cannot write, and how an answer is damaged.

Knows no dialect. A tree of dicts, lists and scalars may hold `Raw` tokens (1e999, a
number of 5,000 digits, 100,000 brackets) and `Pairs` (an object with a key twice).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import field, frozen
from hypothesis import strategies as st

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
Path: TypeAlias = tuple[str | int, ...]


@frozen
class Raw:
    """One token as it stands on the wire."""

    text: str = field(repr=lambda text: f"{text[:40]!r}")


@frozen
class Pairs:
    """An object whose keys may repeat."""

    items: tuple[tuple[str, Any], ...]


def encode(value: Any, *, ascii_only: bool = True) -> str:
    """Return `value` as JSON text, its `Raw` tokens unchecked.

    With `ascii_only` every other character is escaped; without it stands as it is.
    """

    def write(part: Any) -> str:
        match part:
            case Raw(text):
                return text
            case Pairs(items):
                return members(items)
            case dict():
                return members(part.items())
            case list():
                return "[" + ",".join(map(write, part)) + "]"
            case _:
                return json.dumps(part, ensure_ascii=ascii_only)

    def members(items: Iterable[tuple[str, Any]]) -> str:
        return (
            "{" + ",".join(f"{write(key)}:{write(item)}" for key, item in items) + "}"
        )

    return write(value)


def as_text(value: Any, times: int = 1) -> Any:
    """Return `value` wrapped in JSON text so many times."""
    for _ in range(times):
        value = encode(value)
    return value


# ------------------------------------------------------------------------ places


def places(value: Any) -> list[Path]:
    """Return the path of every member and entry of `value`, the root first."""
    found: list[Path] = [()]
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in members:
        found.extend((key, *path) for path in places(item))
    return found


def at(value: Any, path: Path) -> Any:
    """Return what stands at `path`."""
    for key in path:
        value = value[key]
    return value


def changed(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """Return a copy of `value` in which `change` was applied at `path`."""
    if not path:
        return change(value)
    copied: Any = value.copy()
    copied[path[0]] = changed(value[path[0]], path[1:], change)
    return copied


def without(value: Any, path: Path) -> Any:
    """Return a copy of `value` that lacks the member or entry at `path`."""

    def drop(parent: Any) -> Any:
        copied = parent.copy()
        del copied[path[-1]]
        return copied

    return changed(value, path[:-1], drop)


# ------------------------------------------------------------- what is put instead

NUMBERS = [
    Raw("9" * 30),
    Raw("-" + "9" * 30),
    Raw("9" * 4000),
    Raw("9" * 5000),
    Raw("1e308"),
    Raw("-1e308"),
    Raw("1e999"),
    Raw("-1e999"),
    Raw("NaN"),
    Raw("Infinity"),
    Raw("-Infinity"),
    Raw("1e-400"),
    Raw("-0.0"),
    Raw("0.1e1"),
    "9" * 30,
    "9" * 5000,
    "1e999",
    "nan",
]
LEVELS = [10, 64, 120, 127, 128, 129, 200, 330, 500, 900, 1000, 10_000, 100_000]
STATES = [
    "waiting", "wait", "queuing", "queueing", "queued", "generating", "processing",
    "running", "in_progress", "success", "succeeded", "completed", "COMPLETED",
    "fail", "Failed", "error", "pending", "cancelled", "canceled",
    "paused", "finished", "done", "", " ", "成功", "null", "0", "success\x00",
]  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 200, 404, 429, 501, "", " ", "x", "T", "200",
    "success", [], {}, [None], [[]], {"x": None}, {"url": "https://h/x.png"},
    ["https://h/y.png"], "https://h/z.png", "ftp://h/w", "HTTP://H/v", "data:,",
    "javascript:alert(1)", ["https://h/y.png", 7, None, {"url": 5}],
]  # fmt: skip


def nested(levels: int, kind: str) -> Raw:
    """Return so many arrays, objects, or array openings that are never closed."""
    match kind:
        case "arrays":
            return Raw("[" * levels + "]" * levels)
        case "objects":
            return Raw('{"a":' * levels + "1" + "}" * levels)
        case _:
            return Raw("[" * levels)


odd = st.sampled_from(ODD) | st.text(max_size=8)
deep = st.builds(
    nested,
    st.sampled_from(LEVELS),
    st.sampled_from(["arrays", "objects", "arrays", "objects", "open"]),
)


NAMES = [
    "code", "msg", "message", "data", "error", "type", "param", "success", "detail",
    "taskId", "task_id", "id", "state", "status", "model", "progress", "usage",
    "resultJson", "resultUrls", "result_urls", "resultObject", "results",
    "result_data", "url", "failCode", "failMsg", "errorCode", "errorMessage",
    "costTime", "duration", "createTime", "update_time", "completeTime", "created",
    "token", "user", "remaining_credits", "used_credits", "unlimited_credits",
    "fallback_suggestion", "retryAfter", "request_id",
]  # fmt: skip
scalars = st.one_of(
    odd,
    st.sampled_from(STATES),
    st.sampled_from(NUMBERS),
    st.integers(-(10**3), 10**15),
    st.floats().map(lambda number: Raw(json.dumps(number))),
    st.sampled_from(["retry after 5 seconds", "50%", "0x1f", "-inf", "9" * 400]),
)
wild = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(NAMES) | st.text(max_size=8), inner, max_size=8
        )
        | st.builds(as_text, inner, st.integers(1, 3))
    ),
    max_leaves=25,
)
wild_objects = st.dictionaries(st.sampled_from(NAMES), wild, max_size=12)


# --------------------------------------------------------------- damage to the tree

Damage: TypeAlias = Callable[[Draw, Any, Mapping[str, Sequence[str]]], Any]


def _path(draw: Draw, value: Any, *, root: bool = True) -> Path | None:
    found = places(value)
    found = found if root else found[1:]
    return draw(st.sampled_from(found)) if found else None


def _replacing(instead: st.SearchStrategy[Any]) -> Damage:
    def damage(draw: Draw, value: Any, _: Mapping[str, Sequence[str]]) -> Any:
        path = _path(draw, value)
        assert path is not None
        return changed(value, path, lambda _: draw(instead))

    return damage


def _remove(draw: Draw, value: Any, _: Mapping[str, Sequence[str]]) -> Any:
    path = _path(draw, value, root=False)
    return value if path is None else without(value, path)


def _wrap(draw: Draw, value: Any, _: Mapping[str, Sequence[str]]) -> Any:
    path = _path(draw, value)
    assert path is not None
    times = draw(st.integers(1, 2))
    return changed(value, path, lambda part: as_text(part, times))


def _named(value: Any, names: Sequence[str]) -> list[Path]:
    return [path for path in places(value) if path and path[-1] in names]


def _rename(draw: Draw, value: Any, spellings: Mapping[str, Sequence[str]]) -> Any:
    known = _named(value, list(spellings))
    if not known:
        return value
    path = draw(st.sampled_from(known))
    other = draw(st.sampled_from(list(spellings[str(path[-1])])))
    part = at(value, path)
    return changed(without(value, path), path[:-1], lambda own: {**own, other: part})


def _restate(draw: Draw, value: Any, _: Mapping[str, Sequence[str]]) -> Any:
    known = _named(value, ("state", "status"))
    if not known:
        return value
    return changed(
        value, draw(st.sampled_from(known)), lambda _: draw(st.sampled_from(STATES))
    )


def _surrogate(draw: Draw, value: Any, _: Mapping[str, Sequence[str]]) -> Any:
    path = _path(draw, value)
    assert path is not None
    half = draw(st.sampled_from([r"\ud800", r"\uDFFF", r"\udc00\ud800", r"\u0000"]))

    def spoil(part: Any) -> Any:
        text = encode(part) if isinstance(part, str) else '""'
        return Raw(text[:-1] + half + '"')

    return changed(value, path, spoil)


def _objects(value: Any) -> list[Path]:
    return [path for path in places(value) if isinstance(at(value, path), dict)]


def _repeat_key(draw: Draw, value: Any, _: Mapping[str, Sequence[str]]) -> Any:
    known = [path for path in _objects(value) if at(value, path)]
    if not known:
        return value
    path = draw(st.sampled_from(known))

    def repeat(own: dict[str, Any]) -> Pairs:
        again = (draw(st.sampled_from(list(own))), draw(odd))
        items = [*own.items()]
        items.insert(draw(st.integers(0, len(items))), again)
        return Pairs(tuple(items))

    return changed(value, path, repeat)


def _add(draw: Draw, value: Any, spellings: Mapping[str, Sequence[str]]) -> Any:
    known = _objects(value)
    if not known:
        return value
    others = [name for names in spellings.values() for name in names]
    name = draw(st.sampled_from([*others, *spellings, "error", "success", "错误"]))
    return changed(
        value,
        draw(st.sampled_from(known)),
        lambda own: {**own, name: draw(odd | deep)},
    )


TREE: dict[str, Damage] = {
    "member removed": _remove,
    "null": _replacing(st.none()),
    "wrong type": _replacing(odd),
    "JSON text": _wrap,
    "other spelling": _rename,
    "huge number": _replacing(st.sampled_from(NUMBERS)),
    "deep": _replacing(deep),
    "other state": _restate,
    "lone surrogate": _surrogate,
    "key twice": _repeat_key,
    "unknown field": _add,
    "wrong top level": lambda draw, _value, _words: draw(odd | deep),
}


# -------------------------------------------------------------- damage to the bytes


def _cut(draw: Draw, body: bytes) -> bytes:
    end: int = draw(st.integers(0, max(0, len(body) - 1)))
    return body[:end]


def _insert(draw: Draw, body: bytes) -> bytes:
    place: int = draw(st.integers(0, len(body)))
    strange = [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\x00", b"\xef\xbb\xbf", b"\\"]
    inserted: bytes = draw(st.sampled_from(strange))
    return body[:place] + inserted + body[place:]


def _flip(draw: Draw, body: bytes) -> bytes:
    if not body:
        return body
    place: int = draw(st.integers(0, len(body) - 1))
    flipped = bytes([body[place] ^ (1 << draw(st.integers(0, 7)))])
    return body[:place] + flipped + body[place + 1 :]


def _latin(_: Draw, body: bytes) -> bytes:
    return (body.decode("utf-8", "replace") + " é").encode("latin-1", "replace")


BYTES: dict[str, Callable[[Draw, bytes], bytes]] = {
    "cut": _cut,
    "strange bytes": _insert,
    "one bit": _flip,
    "Latin-1": _latin,
    "byte order mark": lambda _, body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda _, body: body.decode("utf-8", "replace").encode("utf-16"),
    "twice": lambda _, body: body + body,
    "white space": lambda _, body: b" \r\n\t" + body + b"\n ",
}
HARMLESS = frozenset(("byte order mark", "white space"))
STILL_JSON = frozenset(("strange bytes", "one bit"))  # where they hit a text


@st.composite
def damaged(
    draw: Draw,
    value: Any,
    spellings: Mapping[str, Sequence[str]],
    least: int = 0,
    most: int = 4,
) -> bytes:
    """Return the bytes of `value` after `least` to `most` damages of any kind."""
    kinds = draw(
        st.lists(st.sampled_from([*TREE, *BYTES]), min_size=least, max_size=most)
    )
    for kind in kinds:
        if kind in TREE:
            value = TREE[kind](draw, value, spellings)
    text = encode(value, ascii_only=draw(st.booleans()))
    body = text.encode("utf-8", "surrogatepass")
    for kind in kinds:
        if kind in BYTES:
            body = BYTES[kind](draw, body)
    return body


@st.composite
def hurt_bytes(draw: Draw, value: Any) -> tuple[str, bytes]:
    """Return a kind of damage, and the bytes of `value` after it, the tree intact."""
    kind = draw(st.sampled_from(list(BYTES)))
    return kind, BYTES[kind](draw, encode(value).encode())
