"""From the entries of an input to the requests that are to be made.

Entries are looked up in the journal, a few hundred at once. What an earlier run made is
told or left to the outstanding rows; the rest gets a row and a keeper, and is yielded.

Invariants:
- A key is being made once at a time, however often the input names it.
- No two rows have one stem: not in the journal, and not among those that are pulled and
  not written yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from liangxin_async._errors import JournalError, Problem
from liangxin_async.bulk._decide import Action, Choices
from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._keeping import RowKeeper
from liangxin_async.bulk._row import Row
from liangxin_async.bulk._stems import variants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from liangxin_async.bulk._journal import Journal
    from liangxin_async.models import Request


@define(eq=False, kw_only=True)
class Sorter:
    """See the module.

    Args:
        entries: the input.
        journal: what earlier runs did.
        choices: what the user chose.
        limit: most requests to yield, or None.
        at_once: entries looked up at once.
        broke: for the keepers.
        tell: is told the rows that an earlier run brought to their end.
        tell_bad: is told what is no request.
    """

    _entries: AsyncIterator[Entry | BadLine]
    _journal: Journal
    _choices: Choices
    _limit: int | None
    _at_once: int
    _broke: Callable[[JournalError, str | None], None]
    _tell: Callable[[Row], Awaitable[None]]
    _tell_bad: Callable[[BadLine], Awaitable[None]]
    outstanding: set[str] = field(factory=set)  # keys that are told from elsewhere
    _keepers: dict[int, RowKeeper] = field(factory=dict)  # by index, until home
    _making: set[str] = field(factory=set)  # keys of those
    _reserved: set[str] = field(factory=set)  # stems of those, and until looked up
    _settled: set[str] = field(factory=set)  # of them, those that a look-up finds

    def keeper_of(self, index: int) -> RowKeeper:
        """The keeper of the request that was yielded as number `index`, from 0."""
        return self._keepers[index]

    def came_home(self, index: int) -> RowKeeper:
        """Request `index` is over; return its keeper for the last time."""
        keeper = self._keepers.pop(index)
        self._making.discard(keeper.row.key)
        self._settled.add(keeper.row.stem)
        return keeper

    async def requests(self) -> AsyncIterator[Request]:
        """Yield the requests that are to be made."""
        index = 0
        async for items in _chunks(self._entries, self._at_once):
            entries = [item for item in items if isinstance(item, Entry)]
            self._reserved -= self._settled
            self._settled.clear()
            seen = set(self._making)  # of these the look-up knows too little
            known = await self._journal.find([entry.key for entry in entries])
            stems = [entry.stem for entry in entries if entry.key not in known]
            taken = await self._journal.taken(stems)
            for item in items:
                if isinstance(item, BadLine):
                    await self._tell_bad(item)
                elif item.key in seen:
                    continue  # given twice: one picture, one item
                elif await self._is_to_make(item, known.get(item.key)):
                    if self._limit is not None and index >= self._limit:
                        return
                    row = known.get(item.key) or self._new_row(item, taken)
                    self._keepers[index] = RowKeeper(self._journal, row, self._broke)
                    self._making.add(row.key)
                    seen.add(row.key)
                    index += 1
                    yield item.request

    async def _is_to_make(self, entry: Entry, row: Row | None) -> bool:
        """Whether a create is wanted; tells of the entry where it is not."""
        if row is not None and row.request != plain(entry.request):
            await self._tell_bad(other_request(entry))
            return False
        if entry.key in self.outstanding:  # it may be over by now
            return False
        action = self._choices.action(None if row is None else row.state)
        if action is Action.TELL and row is not None:
            await self._tell(row)
        return action is Action.CREATE

    def _new_row(self, entry: Entry, taken: Collection[str]) -> Row:
        free = (
            stem
            for stem in variants(entry.stem)
            if stem not in taken and stem not in self._reserved
        )
        stem = next(free)
        self._reserved.add(stem)
        return Row(
            key=entry.key,
            line=entry.line,
            model=entry.request.model,
            request=plain(entry.request),
            stem=stem,
        )


def plain(request: Request) -> dict[str, Any]:
    """Return a request as a row holds it, without its callback URL."""
    return {"model": request.model, "input": request.fields()}


def other_request(entry: Entry) -> BadLine:
    """Return what an entry is whose key the journal has for another request."""
    allowed = "the request that the journal has under this key, or another key"
    problem = Problem("key", repr(entry.key), allowed)
    return BadLine(line=entry.line or 0, problems=(problem,), model=entry.request.model)


async def _chunks(
    items: AsyncIterator[Entry | BadLine], most: int
) -> AsyncIterator[list[Entry | BadLine]]:
    """Yield what comes in lists. What came before an error is yielded before it."""
    chunk: list[Entry | BadLine] = []
    broken: Exception | None = None
    try:
        async for item in items:
            chunk.append(item)
            if len(chunk) >= most:
                yield chunk
                chunk = []
    except Exception as exc:  # noqa: BLE001 - raised below
        broken = exc
    if chunk:
        yield chunk
    if broken is not None:
        raise broken
