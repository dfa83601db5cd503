"""Journals to compare: the real one with its commits counted, and one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field

from liangxin_async.bulk import File, Row, RowState, Sample
from liangxin_async.bulk._store import Store


@define
class Commits:
    """How many transactions were made durable, by every journal of this process."""

    made: int = 0

    def count(self) -> None:
        """Count from now on, in this process."""
        commit = Store.commit

        def counted(store: Store) -> None:
            commit(store)
            self.made += 1

        Store.commit = counted  # type: ignore[assignment,method-assign]  # from outside


@define
class MemoryJournal:
    """Keeps rows for as long as it lives: what a run costs without a journal."""

    kept: dict[str, Row] = field(factory=dict)
    stems: set[str] = field(factory=set)

    async def find(self, keys: Sequence[str]) -> Mapping[str, Row]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    async def rows(
        self, states: Collection[RowState] | None = None
    ) -> AsyncIterator[Row]:
        for row in tuple(self.kept.values()):
            if states is None or row.state in states:
                yield row

    async def counts(self) -> Mapping[RowState, int]:
        return {}

    async def taken(self, stems: Sequence[str]) -> Collection[str]:
        return self.stems.intersection(stems)

    async def sending(self, row: Row, at: float, *, again: bool = False) -> None:
        self.kept[row.key] = evolve(row, state=RowState.IN_DOUBT, sent_at=at)
        self.stems.add(row.stem)

    async def accepted(self, key: str, task_id: str, at: float) -> None:
        self._change(key, state=RowState.ACCEPTED, task_id=task_id, accepted_at=at)

    def sent_back_nowait(self, key: str) -> None:
        self._change(key, state=RowState.NOT_SENT)

    def doubt_nowait(self, key: str, error: str, error_type: str) -> None:
        self._change(key, error=error, error_type=error_type)

    def succeeded_nowait(self, key: str, record: Mapping[str, Any], at: float) -> None:
        record = dict(record)
        self._change(key, state=RowState.SUCCEEDED, record=record, ended_at=at)

    async def failed(
        self,
        row: Row,
        error: str,
        error_type: str,
        record: Mapping[str, Any] | None,
        at: float,
    ) -> None:
        raise RuntimeError(f"{row.key} failed: {error}")

    async def saved(self, key: str, files: Sequence[File], at: float) -> None:
        self._change(key, state=RowState.SAVED, files=tuple(files), saved_at=at)

    def unsaved_nowait(self, key: str) -> None:
        self._change(key, state=RowState.SUCCEEDED, files=())

    async def settle(self) -> None:
        """There is nothing to wait for."""

    def sample_nowait(self, sample: Sample) -> None:
        """Nobody looks at the course of this run."""

    async def samples(self) -> Sequence[Sample]:
        return ()

    async def aclose(self) -> None:
        """There is nothing to let go of."""

    def _change(self, key: str, **facts: Any) -> None:
        self.kept[key] = evolve(self.kept[key], **facts)
