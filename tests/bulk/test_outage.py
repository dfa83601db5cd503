"""When a run takes the service for unreachable: the count, and what it ends."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

import pytest

from liangxin_async import (
    BadRequestError,
    ConnectError,
    LiangxinError,
    Session,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskLostError,
    TaskTimeoutError,
    _submit,
)
from liangxin_async._core.backoff import Backoff
from liangxin_async.bulk import RowState
from liangxin_async.bulk._outage import OUTAGE, Outage
from tests.bulk.crash_tools import rows_in
from tests.bulk.runs import SMALL, make, numbered, pairs
from tests.e2e.conftest import nothing_left
from tests.e2e.service import CANARY, QUICK, emulated

__all__ = ["nothing_left"]  # a fixture, used by every test here

REFUSED = ConnectError("refused")
NEAR = [REFUSED] * (OUTAGE - 1)


def seen(errors: list[LiangxinError | None], answers: list[int] | None = None) -> bool:
    """Whether an outage is seen at the last of these ends, and at none before it."""
    outage = Outage()
    counts = answers or [0] * len(errors)
    found = [outage.is_seen(*end) for end in zip(errors, counts, strict=True)]
    assert not any(found[:-1])
    return found[-1]


def test_outage_is_several_in_a_row() -> None:
    """One less is none."""
    assert not seen(NEAR)
    assert seen([*NEAR, REFUSED])


@pytest.mark.parametrize(
    "end",
    [None, BadRequestError("x"), SubmitUnknownError("x", model="m", reason="r")],
    ids=lambda end: type(end).__name__,
)
def test_outage_ends_with_an_answer(end: LiangxinError | None) -> None:
    """Whoever connects is connected, whatever came of it."""
    assert not seen([*NEAR, end, *NEAR])


@pytest.mark.parametrize(
    "end",
    [
        SubmitTimeoutError("x"),
        TaskLostError("x", task_id="t"),
        TaskTimeoutError("x", task_id="t"),
    ],
    ids=lambda end: type(end).__name__,
)
def test_outage_goes_on_where_nothing_was_heard(end: LiangxinError) -> None:
    """A time that ran out is no answer, and no missing connection either."""
    assert not seen([*NEAR, end])
    assert seen([*NEAR, end, REFUSED])


def test_outage_ends_when_another_request_is_answered() -> None:
    """An accepted create or the end of a task, between two of them."""
    count = 2 * OUTAGE - 1
    answers = list(itertools.chain([3] * (OUTAGE - 1), [4] * OUTAGE))
    assert seen([REFUSED] * count, answers)  # only when all are after the answer
    assert not seen([REFUSED] * (count - 1), answers[:-1])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Creates that never left are tried again at once."""
    monkeypatch.setattr(_submit, "RETRY", Backoff(0.001, 0.001))


def refused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@pytest.mark.anyio
@pytest.mark.usefixtures("impatient")
async def test_run_ends_in_an_outage_and_goes_on_after_it(tmp_path: Path) -> None:
    """A thousand lines: a few are not sent, the rest is not begun; all are made later,
    what was paid for before too."""
    prompts = numbered(1000)
    few = dict(pairs(*prompts[:3]))
    url = f"http://127.0.0.1:{refused_port()}"
    async with Session(CANARY, base_url=url, polling=QUICK, max_in_flight=4) as down:
        told = await make(down, tmp_path, pairs(*prompts))
    assert isinstance(told.error, ConnectError)
    assert f"{OUTAGE} requests in a row found no connection" in str(told.error)
    assert told.error.charged == "no"
    assert OUTAGE <= len(told.items) < 30
    assert told.in_state(RowState.NOT_SENT) == set(told.states)
    rows = await rows_in(tmp_path)
    assert {row.state for row in rows.values()} == {RowState.NOT_SENT}
    async with emulated(scenario=SMALL) as (session, emulator):
        again = await make(session, tmp_path, few.items())
        assert again.states == dict.fromkeys(few, RowState.SAVED)
        assert emulator.ledger.accepted_total == len(few)
