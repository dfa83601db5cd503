"""Whose tasks a journal holds: a service by its dialect and its address.

A task id means nothing to another service, nor to the same one at another address. So
that a run says where it goes before it asks or creates anything; what is open ties a
journal to its service, and one where nothing is open follows the run.

    the journal says     rows are open     what the run does
    ------------------   ---------------   ------------------------------------------
    this service         yes or no         goes on
    another service      yes               ends: ConfigurationError
    another service      no                writes itself down
    nothing              yes               goes on: an old journal, nobody can tell
    nothing              no                writes itself down
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from liangxin_async._errors import ConfigurationError
from liangxin_async.bulk._journal import KnowsService
from liangxin_async.bulk._row import OPEN

if TYPE_CHECKING:
    from pathlib import Path

    from liangxin_async._session import Session
    from liangxin_async.bulk._journal import Journal
    from liangxin_async.bulk._sqlite import JournalReader
    from liangxin_async.dialects import Dialect


def service_of(session: Session) -> str:
    """Return the service of a session in words."""
    return service_at(session._dialect, session._settings.base_url)


def service_at(dialect: Dialect, base_url: str) -> str:
    """Return a service in words, as "evolink at https://..."."""
    return f"{dialect.name} at {base_url}"


async def demand_service(journal: Journal, service: str, folder: Path) -> None:
    """See the module.

    Args:
        journal: open for the run.
        service: where the run goes.
        folder: for the error.

    Raises:
        ConfigurationError: what is open was made elsewhere.
        JournalError: the journal cannot be read or written.
    """
    if not isinstance(journal, KnowsService):
        return
    before = await journal.service()
    if before == service:
        return
    count = await _open_in(journal)
    if not count:
        await journal.belongs_to(service)
    elif before is not None:
        raise ConfigurationError(_conflict(folder, count, before, service))


async def conflict_with(
    journal: JournalReader, service: str, folder: Path
) -> str | None:
    """Return why `demand_service` would end a run, or None. Writes nothing.

    Raises:
        JournalError: the journal cannot be read.
    """
    before = await journal.service()
    if before is None or before == service:
        return None
    count = await _open_in(journal)
    return _conflict(folder, count, before, service) if count else None


async def _open_in(journal: Journal | JournalReader) -> int:
    counts = await journal.counts()
    return sum(counts.get(state, 0) for state in OPEN)


def _conflict(folder: Path, count: int, before: str, service: str) -> str:
    noun = "task" if count == 1 else "tasks"
    return (
        f"{str(folder)!r} holds {count:,} open {noun} of {before}, and this run would "
        f"go to {service}, which does not know them: run with the service and base URL "
        "of before, or use another folder"
    )
