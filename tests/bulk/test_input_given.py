"""Requests that a program hands over, with keys or without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from attrs import evolve

from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._given import entries_of
from liangxin_async.bulk._input import read_lines
from liangxin_async.models import Generic, ZImage, ZImageTurbo
from liangxin_async.testing import FakeSession

pytestmark = pytest.mark.anyio


CHECK = FakeSession()._settings.check_request
HERE = "http://127.0.0.1:8000/done"


async def taken(requests: Any) -> list[Entry | BadLine]:
    """Everything that `entries_of` yields, for a LiangXin service elsewhere."""
    return [item async for item in entries_of(requests, check=CHECK)]


async def test_entries_of_requests() -> None:
    """Requests get keys and names as the lines of a file do."""
    requests = [ZImage("A cat"), ("b", ZImage("A dog")), ZImage("A cat")]
    first, second, third = await taken(requests)
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert isinstance(third, Entry)
    (same,) = read_lines(["A cat"], form="text", model="z-image")
    assert first == same
    assert (second.key, second.line, second.stem) == ("b", 2, "b-a-dog")
    assert (third.key, third.stem) == (f"{first.key}-2", "00003-a-cat")


async def test_entries_of_an_async_source() -> None:
    """An async generator is pulled as entries are taken, and closed at the end."""
    seen: list[Any] = []

    async def source() -> AsyncIterator[ZImage]:
        try:
            for number in range(100):
                seen.append(number)
                yield ZImage(f"cat {number}")
        finally:
            seen.append("closed")

    stream = entries_of(source(), check=CHECK)
    first = await anext(stream)
    assert isinstance(first, Entry)
    assert first.stem == "00001-cat-0"
    assert seen == [0]
    await stream.aclose()  # type: ignore[attr-defined]
    assert seen == [0, "closed"]


async def test_entries_of_an_async_iterator_without_close() -> None:
    """An async iterator that cannot be closed does as well."""

    class Source:
        left = 2

        def __aiter__(self) -> Source:
            return self

        async def __anext__(self) -> ZImage:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return ZImage("x")

    assert [item.line for item in await taken(Source())] == [1, 2]


async def test_entries_of_a_file() -> None:
    """What `read_lines` yields comes through as it is, bad lines too."""
    lines = ['{"prompt": "x"}', "[", '{"prompt": "y", "key": "k"}']
    run: dict[str, Any] = {"form": "jsonl", "model": "z-image"}
    assert await taken(read_lines(lines, **run)) == list(read_lines(lines, **run))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("a cat", "request: got str; allowed: a request, such as"),
        (("k", "a cat"), "request: got str"),
        ((1, 2, 3), "request: got tuple"),
        (("k\n", ZImage("x")), "key: got 'k\\n'; allowed: text of 1 to 200"),
        ((None, ZImage("x")), "key: got None"),
        (("a", ZImage("x")), "key: got 'a', which line 1 has"),
        (ZImageTurbo("x"), "request: got ZImageTurbo, a model of evolink; allowed"),
        (ZImage("x", callback_url=HERE), "callBackUrl: got 'http://127.0.0.1/…'"),
    ],
)
async def test_entries_of_something_wrong(given: Any, told: str) -> None:
    """What cannot be made is a bad line with its position; the rest goes on."""
    requests = [("a", ZImage("x")), given, ZImage("y")]
    _, bad, good = await taken(requests)
    assert isinstance(bad, BadLine)
    assert str(bad).startswith(f"line 2: {told}")
    assert isinstance(good, Entry)
    assert good.line == 3


async def test_entries_of_a_file_are_checked_for_the_service() -> None:
    """A line knows no session: what that one cannot take is bad with the line's own
    number, and costs nothing."""
    lines = ["", f'{{"prompt": "x", "callback_url": "{HERE}"}}', '{"prompt": "y"}']
    read = list(read_lines(lines, form="jsonl", model="z-image"))
    assert all(isinstance(item, Entry) for item in read)
    bad, good, other = await taken([*read, evolve(read[0], line=None)])
    assert isinstance(bad, BadLine)
    assert (bad.line, bad.model) == (2, "z-image")
    assert str(bad).startswith("line 2: callBackUrl: got")
    assert good is read[1]
    assert other.line == 3  # the position, where an entry names no line


async def test_entries_of_any_model() -> None:
    """`Generic` fits each service."""
    (item,) = await taken([Generic("z-image-turbo", {})])
    assert isinstance(item, Entry)


async def test_entries_of_a_key_made_twice() -> None:
    """A key made from the content is not one that a pair gives."""
    (made,) = await taken([ZImage("x")])
    assert isinstance(made, Entry)
    _, bad = await taken([(made.key, ZImage("y")), ZImage("x")])
    assert isinstance(bad, BadLine)
    assert (bad.line, bad.model) == (2, "z-image")


async def test_entries_of_a_source_that_breaks() -> None:
    """An error of the source reaches the caller after what came before it."""

    def source() -> Iterator[ZImage]:
        yield ZImage("x")
        raise LookupError("no more")

    stream = entries_of(source(), check=CHECK)
    assert isinstance(await anext(stream), Entry)
    with pytest.raises(LookupError):
        await anext(stream)
