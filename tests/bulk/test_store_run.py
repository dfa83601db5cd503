"""Runs into an object store: moto's, which has never heard of this library."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from liangxin_async import ConfigurationError, JournalError, bulk
from liangxin_async.bulk import Row, RowState
from liangxin_async.bulk._bucket import PART
from liangxin_async.emulator import Emulator
from tests.bulk.crash_tools import rows_in
from tests.bulk.runs import SMALL, make, numbered, pairs
from tests.bulk.store_tools import KEY_ID, SECRET, Moto, bucket, moto, server
from tests.e2e.conftest import nothing_left
from tests.e2e.service import emulated

pytestmark = pytest.mark.anyio
__all__ = ["bucket", "moto", "nothing_left", "server"]  # fixtures


def check_stored(moto: Moto, bucket: str, prefix: str, rows: dict[str, Row]) -> None:
    """Every saved row has its objects, byte for byte what the row says."""
    for row in rows.values():
        if row.state is RowState.SAVED:
            assert row.files
        for file in row.files:
            data = moto.read(bucket, f"{prefix}{file.name}")
            assert len(data) == file.size_bytes
            assert hashlib.sha256(data).hexdigest() == file.sha256


def pictures(folder: Path) -> set[str]:
    """What local pictures there are."""
    return {path.name for path in folder.glob("*.png")}


def written(folder: Path) -> list[bytes]:
    """What every local file holds."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def only(folder: Path) -> Path:
    """The one thing in a folder."""
    (found,) = folder.iterdir()
    return found


def fetched(emulator: Emulator) -> int:
    """How often a picture was downloaded."""
    return emulator.ledger.requests["file"]


async def test_run_into_a_store_puts_every_file_and_the_manifest(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """Objects are what the rows say, with their content type; nothing stays behind."""
    store = bulk.ObjectStore(f"s3://{bucket}/spring/cats/", work=tmp_path / "work")
    async with emulated(scenario=SMALL) as (session, emulator):
        told = await make(session, store, pairs(*numbered(12)))
        assert emulator.ledger.accepted_total == 12
    assert told.error is None
    assert set(told.states.values()) == {RowState.SAVED}
    item = told.item("p3")
    name = item.row.files[0].name
    assert (item.paths, item.objects) == ((), (f"s3://{bucket}/spring/cats/{name}",))
    rows = await rows_in(tmp_path / "work")
    check_stored(moto, bucket, "spring/cats/", rows)
    names = moto.names(bucket)
    assert len(names) == 13
    assert moto.kind(bucket, f"spring/cats/{name}") == "image/png"
    manifest = moto.read(bucket, "spring/cats/manifest.jsonl").decode().splitlines()
    assert {json.loads(line)["key"] for line in manifest} == rows.keys()
    assert pictures(tmp_path / "work") == set()


async def test_run_into_a_store_again_recognises_everything(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """No create, no download, and no picture put a second time."""
    url, work = f"s3://{bucket}", tmp_path / "work"
    async with emulated(scenario=SMALL) as (session, emulator):
        first = await make(session, bulk.ObjectStore(url, work=work), pairs(*"abc"))
        files = fetched(emulator)
        again = await make(session, bulk.ObjectStore(url, work=work), pairs(*"abc"))
        assert (emulator.ledger.posts, fetched(emulator)) == (3, files)
    assert (first.error, again.error) == (None, None)
    assert again.states == dict.fromkeys("abc", RowState.SAVED)
    assert all(item.earlier and len(item.objects) == 1 for item in again.items)
    for item in again.items:
        assert moto.versions(bucket, item.row.files[0].name) == 1


@pytest.mark.parametrize("harm", ["gone", "other size"])
async def test_object_that_is_gone_is_brought_again_without_paying(
    moto: Moto, bucket: str, tmp_path: Path, harm: str
) -> None:
    """As with a file of a folder: it is downloaded anew and put."""
    store = bulk.ObjectStore(f"s3://{bucket}/x", work=tmp_path)
    async with emulated(scenario=SMALL) as (session, emulator):
        first = await make(session, store, pairs("a", "b"))
        name = f"x/{first.item('a').row.files[0].name}"
        if harm == "gone":
            moto.remove(bucket, name)
        else:
            moto.write(bucket, name, b"not a picture")
        again = await make(session, store, pairs("a", "b"))
        assert emulator.ledger.posts == 2
    assert again.error is None
    assert {key: again.item(key).earlier for key in "ab"} == {"a": False, "b": True}
    check_stored(moto, bucket, "x/", await rows_in(tmp_path))


async def test_limit_and_collect_go_on_in_a_store(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """Several files to a task, two of five first, then what is left."""
    store = bulk.ObjectStore(f"s3://{bucket}", work=tmp_path)
    async with emulated(scenario={**SMALL, "pictures": 3}) as (session, emulator):
        first = await make(session, store, pairs(*"abcde"), limit=2)
        nothing = await make(session, store, (), collect=True)
        rest = await make(session, store, pairs(*"abcde"))
        assert emulator.ledger.accepted_total == 5
    assert (len(first.items), nothing.items, len(rest.items)) == (2, [], 5)
    rows = await rows_in(tmp_path)
    assert {len(row.files) for row in rows.values()} == {3}
    check_stored(moto, bucket, "", rows)


class Interrupted:
    """A journal that takes all but the last word about a request."""

    def __init__(self, journal: bulk.SqliteJournal) -> None:
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def saved(self, *_: object) -> None:
        raise JournalError("the power is cut", reason="disk")


@pytest.mark.parametrize("place", ["folder", "store"])
async def test_several_files_are_recognised_together(
    moto: Moto, bucket: str, tmp_path: Path, place: str
) -> None:
    """Downloaded, put, and never written down: nothing is fetched or put again."""
    store = bulk.ObjectStore(f"s3://{bucket}", work=tmp_path)
    to = store if place == "store" else tmp_path
    journal = await bulk.open_journal(tmp_path / "journal.sqlite")
    async with emulated(scenario={**SMALL, "pictures": 3}) as (session, emulator):
        first = await make(session, to, pairs("a"), journal=Interrupted(journal))
        assert first.states == {"a": RowState.SUCCEEDED}
        again = await make(session, to, pairs("a"), journal=journal)
        assert (again.error, again.states) == (None, {"a": RowState.SAVED})
        assert (emulator.ledger.posts, fetched(emulator)) == (1, 3)
    await journal.aclose()
    for file in again.item("a").row.files if place == "store" else ():
        assert moto.versions(bucket, file.name) == 1


async def test_url_alone_names_a_visible_work_folder(
    moto: Moto, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run(requests, "s3://...")` works below the current folder, under one name."""
    monkeypatch.chdir(tmp_path)
    url = f"s3://{bucket}/spring/cats"
    async with emulated(scenario=SMALL) as (session, emulator):
        first = await make(session, url, pairs("a"))
        again = await make(session, url + "/", pairs("a"))
        assert emulator.ledger.posts == 1
    assert (first.error, again.error) == (None, None)
    work = only(tmp_path)
    assert work.name.startswith(f"liangxin-s3-{bucket}-spring-cats-")
    assert (work / "journal.sqlite").is_file()


async def test_journal_of_the_users_may_stand_in_the_work_folder(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """That it is there already does not make the folder another run's."""
    journal = await bulk.open_journal(tmp_path / "journal.sqlite")
    store = bulk.ObjectStore(f"s3://{bucket}", work=tmp_path)
    async with emulated(scenario=SMALL) as (session, _):
        told = await make(session, store, pairs("a"), journal=journal)
    await journal.aclose()
    assert (told.error, told.states) == (None, {"a": RowState.SAVED})


async def refused(place: object, requests: object) -> ConfigurationError:
    """Make a run that must be refused before anything is sent; return why."""
    async with emulated(scenario=SMALL) as (session, emulator):
        told = await make(session, place, requests)
        assert emulator.ledger.posts == 0
    assert isinstance(told.error, ConfigurationError)
    return told.error


async def test_work_folder_belongs_to_one_destination(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """Not to another store, not to a folder run, and no folder run's to a store."""
    async with emulated(scenario=SMALL) as (session, _):
        store = bulk.ObjectStore(f"s3://{bucket}/one", work=tmp_path / "one")
        await make(session, store, pairs("a"))
        await make(session, tmp_path / "plain", pairs("a"))
    other = bulk.ObjectStore(f"s3://{bucket}/two", work=tmp_path / "one")
    assert f"s3://{bucket}/one" in str(await refused(other, pairs("b")))
    assert f"s3://{bucket}/one" in str(await refused(tmp_path / "one", pairs("b")))
    third = bulk.ObjectStore(f"s3://{bucket}/three", work=tmp_path / "plain")
    assert "in that folder itself" in str(await refused(third, pairs("b")))


async def test_store_that_holds_a_run_is_not_paid_for_again(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """From another machine, or another current folder, its journal is not seen: the
    same command would make everything a second time."""
    url = f"s3://{bucket}/spring"
    async with emulated(scenario=SMALL) as (session, _):
        await make(session, bulk.ObjectStore(url, work=tmp_path / "here"), pairs("a"))
    error = await refused(bulk.ObjectStore(url, work=tmp_path / "there"), pairs("a"))
    assert "paid for again" in str(error)
    assert f"{url}/manifest.jsonl" in str(error)
    moto.remove(bucket, "spring/manifest.jsonl")  # as the message says
    async with emulated(scenario=SMALL) as (session, emulator):
        there = bulk.ObjectStore(url, work=tmp_path / "there")
        told = await make(session, there, pairs("a"))
        assert (told.error, emulator.ledger.posts) == (None, 1)


async def test_large_file_goes_in_parts_and_is_recognised_by_them(
    moto: Moto, bucket: str, tmp_path: Path
) -> None:
    """Five megabytes and a bit: two parts, one tag, and no second put after a crash."""
    path = tmp_path / "film.mp4"
    path.write_bytes(os.urandom(PART + 1000))
    row = Row(key="film", model="m", request={}, stem="film", task_id="task_1")
    store = bulk.ObjectStore(f"s3://{bucket}", work=tmp_path)
    (file,) = await store.keep(row, [path], earlier=False)
    assert moto.read(bucket, "film.mp4") == path.read_bytes()
    assert moto.kind(bucket, "film.mp4") == "video/mp4"
    assert await store.keep(row, [path], earlier=True) == (file,)
    assert moto.versions(bucket, "film.mp4") == 1
    path.write_bytes(path.read_bytes()[::-1])  # another one of the same size
    await store.keep(row, [path], earlier=True)
    assert moto.versions(bucket, "film.mp4") == 2
    assert await store.are_there([file])
    assert not path.exists()


async def test_credentials_of_the_store_are_written_nowhere(
    moto: Moto, bucket: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not into the work folder, the manifest, a log or the destination's text."""
    store = bulk.ObjectStore(f"s3://{bucket}", work=tmp_path)
    async with emulated(scenario=SMALL) as (session, _):
        told = await make(session, store, pairs("a"))
    texts = [caplog.text, repr(told), repr(store), str(store)]
    kept = written(tmp_path)
    kept += [moto.read(bucket, name) for name in moto.names(bucket)]
    for secret in (SECRET, KEY_ID):
        assert not [text for text in texts if secret in text]
        assert not [data for data in kept if secret.encode() in data]
