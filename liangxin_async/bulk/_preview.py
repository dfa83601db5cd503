"""What a run would do about an input, by the journal as it stands. Sends nothing.

It looks at the input as the run does: what the journal does not know would be made,
what it knows is told or fetched. What is outstanding is counted over the whole journal,
because a run brings all of it home, whatever its input.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async.bulk._decide import Action, Choices
from liangxin_async.bulk._entry import BadLine, Entry, Tally
from liangxin_async.bulk._row import OUTSTANDING
from liangxin_async.bulk._sorting import other_request, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from liangxin_async.bulk._entry import Checked
    from liangxin_async.bulk._row import Row, RowState
    from liangxin_async.bulk._sqlite import JournalReader

_AT_ONCE = 256  # entries looked up at once


@define
class Preview:
    """What there is to do.

    Attributes:
        tally: what is in the input.
        to_make: entries that would be made, and paid for.
        told: entries that an earlier run brought to their end, by state.
        outstanding: rows of the whole journal that are paid for and not saved.
        conflict: why a run would end before it asks or makes anything, or None.
    """

    tally: Tally = field(factory=Tally)
    to_make: int = 0
    told: Counter[RowState] = field(factory=Counter)
    outstanding: int = 0
    conflict: str | None = None

    def add(self, item: Checked, row: Row | None, choices: Choices) -> BadLine | None:
        """Count an item of the input; return what cannot be made, if it is that.

        Args:
            item: what the input gives.
            row: what the journal has under its key, or None.
            choices: what the user chose.
        """
        if isinstance(item, Entry) and row and row.request != plain(item.request):
            item = other_request(item)
        self.tally.add(item)
        if isinstance(item, BadLine):
            return item
        state = None if row is None else row.state
        action = choices.action(state)
        self.to_make += action is Action.CREATE
        if action is Action.TELL and state is not None:
            self.told[state] += 1
        return None


async def preview(
    items: Iterable[Checked],
    journal: JournalReader | None,
    choices: Choices,
    *,
    on_bad: Callable[[BadLine], object] | None = None,
) -> Preview:
    """Go through a whole input and return what a run would do about it.

    Args:
        items: what `read_lines` yields; taken one by one and not kept.
        journal: of the run's folder; None where there is none yet.
        choices: what the user chose.
        on_bad: called with each bad line as it comes, or None; and with entries whose
            key the journal has for another request.

    Raises:
        JournalError: the journal cannot be read.
    """
    found = Preview()
    if journal is not None:
        counts = await journal.counts()
        found.outstanding = sum(counts.get(state, 0) for state in OUTSTANDING)
    for some in _chunks(items):
        keys = [item.key for item in some if isinstance(item, Entry)]
        rows = {} if journal is None else await journal.find(keys)
        for item in some:
            row = rows.get(item.key) if isinstance(item, Entry) else None
            bad = found.add(item, row, choices)
            if bad is not None and on_bad is not None:
                on_bad(bad)
    return found


def _chunks(items: Iterable[Checked]) -> Iterator[list[Checked]]:
    iterator = iter(items)
    while some := list(islice(iterator, _AT_ONCE)):
        yield some
