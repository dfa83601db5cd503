"""A store that is not there, lets nobody in, breaks down, is full, or lies."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from liangxin_async import ConfigurationError, StoreError, bulk
from liangxin_async.bulk import RowState
from liangxin_async.emulator import InFlight
from tests.bulk.crash_tools import rows_in
from tests.bulk.odd_store import OddStore, odd_store
from tests.bulk.runs import SMALL, Told, make, numbered, pairs
from tests.bulk.store_tools import KEY_ID, SECRET, moto_running, use_store
from tests.e2e.conftest import nothing_left
from tests.e2e.service import emulated

pytestmark = pytest.mark.anyio
__all__ = ["nothing_left"]  # a fixture, used by every test here

FEW = {"capacity": (InFlight(4),), "duration": 0.03, **SMALL}
PATIENCE = 0.3


@pytest.fixture
async def odd(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OddStore]:
    """A store of our own, with the environment pointing at it."""
    async with odd_store() as store:
        use_store(monkeypatch, store.url)
        yield store


def to(work: Path, url: str = "s3://shop/x") -> bulk.ObjectStore:
    """A destination that soon gives up."""
    return bulk.ObjectStore(url, work=work, patience=PATIENCE)


def pictures(folder: Path) -> int:
    """How many local pictures there are."""
    return len(list(folder.glob("*.png")))


async def refused_at_once(place: bulk.ObjectStore) -> StoreError:
    """Make a run that must end before anything is sent; return its error."""
    async with emulated(scenario=SMALL) as (session, emulator):
        told = await make(session, place, pairs("a"))
        assert (told.items, emulator.ledger.posts) == ([], 0)
    assert isinstance(told.error, StoreError)
    assert told.error.charged == "no"
    assert SECRET not in str(told.error)
    assert KEY_ID not in str(told.error)
    assert {path.name for path in place.folder.iterdir()} <= set()
    return told.error


# ------------------------------------------------------------------ before anything


async def test_bucket_that_is_not_there_or_not_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Told by name before a create is sent; after that the same call may succeed."""
    with moto_running(INITIAL_NO_AUTH_ACTION_COUNT="1") as moto:
        use_store(monkeypatch, moto.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN")
        moto.make_bucket_plainly("shop")  # the one call that needs no permission
        error = await refused_at_once(to(tmp_path / "denied"))
        assert error.reason in ("denied", "credentials")
        assert "s3://shop/x/manifest.jsonl" in str(error)
        assert error.http_status == 403


async def test_no_such_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A typing mistake costs nothing, not even a work folder that is taken."""
    with moto_running() as moto:
        use_store(monkeypatch, moto.url)
        error = await refused_at_once(to(tmp_path, "s3://shpo/x"))
        assert (error.reason, error.http_status) == ("bucket", 404)
        moto.make_bucket("shop")
        async with emulated(scenario=SMALL) as (session, _):
            told = await make(session, to(tmp_path), pairs("a"))
        assert (told.error, told.states) == (None, {"a": RowState.SAVED})


async def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Says which variables are read."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    error = await refused_at_once(to(tmp_path))
    assert error.reason == "credentials"
    assert "AWS_SECRET_ACCESS_KEY" in str(error)


def test_half_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, and sooner."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match="AWS_SECRET_ACCESS_KEY"):
        bulk.ObjectStore("s3://shop")


async def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The address is named, and what the system says."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    error = await refused_at_once(to(tmp_path))
    assert error.reason == "connection"
    assert "http://127.0.0.1:9" in str(error)
    assert "refused" in str(error)


def test_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the command that helps."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigurationError, match=r"liangxin-async\[s3\]"):
        bulk.ObjectStore("s3://shop")


@pytest.mark.parametrize("patience", [-1, "long", True])
def test_patience_is_seconds(monkeypatch: pytest.MonkeyPatch, patience: object) -> None:
    """Anything else is refused by name."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="patience"):
        bulk.ObjectStore("s3://shop", patience=patience)  # type: ignore[arg-type]


# -------------------------------------------------------------------- in the middle


def check_stopped(told: Told, work: Path, paid: int, prompts: list[str]) -> None:
    """It stopped for the store: what is paid for is here or there, the rest unsent."""
    assert isinstance(told.error, StoreError)
    assert told.error.charged == "yes"
    assert SECRET not in str(told.error)
    assert paid < len(prompts)
    made = told.in_state(RowState.SUCCEEDED)
    assert made
    assert len(made) + len(told.in_state(RowState.SAVED)) == paid
    assert pictures(work) == len(made)
    for key in made:
        error = told.item(key).error
        assert isinstance(error, StoreError)
        assert error.task_id == told.item(key).row.task_id


@pytest.mark.parametrize("status", [403, 507])
async def test_store_that_takes_no_more_stops_the_run_like_a_full_disk(
    odd: OddStore, tmp_path: Path, status: int
) -> None:
    """Creates end, what is paid for waits in the work folder, and goes from there."""
    prompts = numbered(60)
    odd.fails = lambda path: status if len(odd.pictures()) >= 5 else None
    slow = {**FEW, "duration": 0.15}  # the stop must come before the last create
    async with emulated(scenario=slow) as (session, emulator):
        first = await make(session, to(tmp_path), pairs(*prompts))
        check_stopped(first, tmp_path, emulator.ledger.accepted_total, prompts)
        assert isinstance(first.error, StoreError)
        assert (first.error.http_status, first.error.reason) in (
            (403, "denied"),
            (507, "refused"),
        )
        files = emulator.ledger.requests["file"]
        odd.fails = lambda path: None
        home = await make(session, to(tmp_path), (), collect=True)
        assert home.error is None
        assert home.in_state(RowState.SAVED) == first.in_state(RowState.SUCCEEDED)
        assert emulator.ledger.requests["file"] == files  # from the work folder
        rest = await make(session, to(tmp_path), pairs(*prompts))
        assert rest.in_state(RowState.SAVED) == set(prompts)
        assert emulator.ledger.accepted_total == len(prompts)
    rows = await rows_in(tmp_path)
    sizes = {file.name: file.size_bytes for row in rows.values() for file in row.files}
    stored = {path.rpartition("/")[2]: len(d) for path, d in odd.pictures().items()}
    assert stored == sizes
    assert pictures(tmp_path) == 0


async def test_store_that_breaks_down_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No connection in the middle of a run: a stop, and a clean way on."""
    prompts = numbered(60)
    async with emulated(scenario=FEW) as (session, emulator):
        async with odd_store() as odd:
            use_store(monkeypatch, odd.url)
            objects = odd.objects
            run = bulk.run(pairs(*prompts), to(tmp_path), session=session)
            told = Told()
            async with asyncio.timeout(60), run:
                try:
                    async for item in run:
                        assert isinstance(item, bulk.Item)
                        told.items.append(item)
                        if len(told.items) == 3:
                            await odd.stop()
                except StoreError as exc:
                    told.error = exc
        check_stopped(told, tmp_path, emulator.ledger.accepted_total, prompts)
        assert isinstance(told.error, StoreError)
        assert told.error.reason == "connection"
        async with odd_store() as odd:
            odd.objects.update(objects)
            use_store(monkeypatch, odd.url)
            rest = await make(session, to(tmp_path), pairs(*prompts))
            assert rest.error is None
            assert rest.in_state(RowState.SAVED) == set(prompts)
            assert len(odd.pictures()) == len(prompts)
        assert emulator.ledger.accepted_total == len(prompts)


async def test_trouble_that_passes_is_waited_out(odd: OddStore, tmp_path: Path) -> None:
    """A 503 now and then is obstore's to repeat, and nobody hears of it."""
    odd.fails = lambda path: 503 if odd.puts[path] == 1 else None
    place = bulk.ObjectStore("s3://shop", work=tmp_path, patience=20)
    async with emulated(scenario=SMALL) as (session, _):
        told = await make(session, place, pairs(*"abc"))
    assert (told.error, set(told.states.values())) == (None, {RowState.SAVED})
    assert {odd.puts[path] for path in odd.pictures()} == {2}


async def test_object_that_is_not_what_was_put_is_noticed(
    odd: OddStore, tmp_path: Path
) -> None:
    """Some bytes are lost in the store: the row is not saved, the picture not removed."""
    odd.cut = 3
    async with emulated(scenario=SMALL) as (session, _):
        first = await make(session, to(tmp_path), pairs("a"))
        assert isinstance(first.error, StoreError)
        assert first.error.reason == "changed"
        assert first.states == {"a": RowState.SUCCEEDED}
        odd.cut = 0
        second = await make(session, to(tmp_path), pairs("a"))
        assert (second.error, second.states) == (None, {"a": RowState.SAVED})


async def test_tags_that_are_no_hashes(odd: OddStore, tmp_path: Path) -> None:
    """With encryption by own keys a tag is something else: then the size decides."""
    odd.tag = lambda data: f"{len(data):032x}"
    async with emulated(scenario=SMALL) as (session, _):
        told = await make(session, to(tmp_path), pairs(*"abc"))
    assert (told.error, set(told.states.values())) == (None, {RowState.SAVED})


async def test_questions_about_saved_files_that_nobody_answers(
    odd: OddStore, tmp_path: Path
) -> None:
    """Not knowing is not "gone": nothing is brought again, and the run ends."""
    async with emulated(scenario=SMALL) as (session, emulator):
        await make(session, to(tmp_path), pairs(*"abc"))
        odd.deaf = True
        told = await make(session, to(tmp_path), pairs(*"abcd"))
        assert isinstance(told.error, StoreError)
        sent = emulator.ledger.received_by_prompt  # "d" may have left before the end
        assert {key: sent[key] for key in "abc"} == dict.fromkeys("abc", 1)
    rows = await rows_in(tmp_path)
    assert {rows[key].state for key in "abc"} == {RowState.SAVED}


async def test_left_in_the_middle_of_a_put(odd: OddStore, tmp_path: Path) -> None:
    """Cancelling leaves the picture here; the next run puts it and pays nothing."""
    odd.holds = asyncio.Event()
    async with emulated(scenario=SMALL) as (session, emulator):
        run = bulk.run(pairs("a", "b"), to(tmp_path), session=session)
        async with asyncio.timeout(30), run:
            waiter = asyncio.ensure_future(anext(run))
            for _ in range(2):
                await odd.came.acquire()
            await run.aclose()
            with pytest.raises(StopAsyncIteration):
                await waiter
        assert pictures(tmp_path) == 2
        odd.holds.set()
        told = await make(session, to(tmp_path), pairs("a", "b"))
        assert told.states == dict.fromkeys("ab", RowState.SAVED)
        assert emulator.ledger.posts == 2
