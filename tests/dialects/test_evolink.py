"""EvoLink's wire: what goes out and what is read (api/evolink.md, 1 to 8; errors apart)."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from liangxin_async._core.backoff import Verdict
from liangxin_async._core.lifecycle import conclude
from liangxin_async._errors import (
    EmptyResultError,
    LiangxinError,
    ProtocolError,
    TaskFailedError,
)
from liangxin_async._records import CreditCount, Credits, Result, TaskRecord, TaskState
from liangxin_async.dialects import EVOLINK, Accepted
from liangxin_async.models import Generic
from tests.dialects.evolink_samples import (
    CREATED,
    CREDITS,
    ID,
    OTHER,
    URL,
    create,
    credits_of,
    query,
    record,
    task,
    verdict,
)
from tests.dialects.samples import HTML, reply

# ------------------------------------------------------- section 1: where calls go


def test_default_base_url_is_documented() -> None:
    """EvoLink states its host, unlike LiangXin."""
    assert EVOLINK.default_base_url == "https://api.evolink.ai"
    assert EVOLINK.name == "evolink"


def test_write_credits() -> None:
    """The question about credits carries nothing."""
    wire = EVOLINK.write_credits()
    assert (wire.method, wire.target, wire.body) == ("GET", "/v1/credits", None)


@pytest.mark.parametrize(
    "task_id",
    [
        ID,
        "task-unified-1",
        "no-such-prefix",
        "a/b?c#d",
        "../../v1/credits",
        "a b+c%20",
        "a\r\nHost: evil",
        "任务;1",
        "x" * 10_000,
    ],
)
def test_write_query_encodes_the_id(task_id: str) -> None:
    """Any id is one segment of the path, and arrives as it is."""
    wire = EVOLINK.write_query(task_id)
    assert (wire.method, wire.body) == ("GET", None)
    assert wire.target.isascii()
    assert wire.target.isprintable()
    parts = urlsplit(wire.target)
    assert (parts.query, parts.fragment) == ("", "")
    above, segment = parts.path.rsplit("/", 1)
    assert above == "/v1/tasks"
    assert unquote(segment) == task_id


@pytest.mark.parametrize("task_id", [".", ".."])
def test_write_query_of_dots_stays_below_the_path(task_id: str) -> None:
    """An id of dots is not a step up in the path once anybody resolves it."""
    segment = EVOLINK.write_query(task_id).target.removeprefix("/v1/tasks/")
    assert segment not in (".", "..")
    assert unquote(segment) == task_id


# ---------------------------------------------------------------- section 2: create

FULL = {
    "prompt": "a cute cat",
    "size": "1024x768",
    "seed": 2147483647,
    "nsfw_check": False,
}


@pytest.mark.parametrize("fields", [FULL, {"prompt": "p"}])
def test_write_create_is_flat(fields: dict[str, Any]) -> None:
    """Model and fields side by side, no `input`, nothing added and nothing null."""
    wire = EVOLINK.write_create(Generic("z-image-turbo", fields), None)
    assert (wire.method, wire.target) == ("POST", "/v1/images/generations")
    assert wire.body is not None
    assert json.loads(wire.body) == {"model": "z-image-turbo", **fields}


@pytest.mark.parametrize(
    ("own", "session", "sent"),
    [
        (None, None, None),
        (None, "https://s.example/cb", "https://s.example/cb"),
        ("https://r.example/cb", None, "https://r.example/cb"),
        ("https://r.example/cb", "https://s.example/cb", "https://r.example/cb"),
    ],
)
def test_write_create_callback(
    own: str | None, session: str | None, sent: str | None
) -> None:
    """`callback_url` in snake case, once; the request's own wins."""
    request = Generic("m", {"prompt": "p"}, callback_url=own)
    wire = EVOLINK.write_create(request, session)
    assert wire.body is not None
    expected = {"model": "m", "prompt": "p"}
    if sent is not None:
        expected["callback_url"] = sent
    assert json.loads(wire.body) == expected


def test_write_create_unknown_model_passes_untouched() -> None:
    """A model outside the catalogue goes out with its fields as given, null included."""
    given = {"prompt": '海边\n"q"', "deep": {"list": [1, 2.5, None, {"x": True}]}}
    wire = EVOLINK.write_create(Generic("new/model v9", given), None)
    assert wire.body is not None
    assert json.loads(wire.body) == {"model": "new/model v9", **given}


def test_write_create_shows_no_prompt() -> None:
    """The request on the wire can be logged without its body."""
    request = Generic("m", {"prompt": "a secret prompt"})
    wire = EVOLINK.write_create(request, "https://cb.example/secret")
    assert "secret" not in repr(wire)


def test_read_create_first_record() -> None:
    """The create answer is the first record of the task."""
    outcome = create(reply(CREATED))
    assert isinstance(outcome, Accepted)
    assert outcome.task_id == ID
    found = outcome.record
    assert found is not None
    assert (found.task_id, found.model) == (ID, "z-image-turbo")
    assert (found.state, found.raw_state) == (TaskState.WAITING, "pending")
    assert found.progress == 0
    assert found.usage == json.loads(CREATED)["usage"]
    assert found.raw == json.loads(CREATED)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "canceled"])
def test_read_create_already_over(status: str) -> None:
    """Only a query settles a task: a create that shows the end gives the id alone."""
    body = task(status, results=[URL], error={"code": "quota_exceeded", "message": "m"})
    assert create(reply(body)) == Accepted(ID, None)


@pytest.mark.parametrize("status", ["processing", "queued", "paused", "PENDING"])
def test_read_create_under_way(status: str) -> None:
    """Any other state, also an unknown one, is the state of the first record."""
    outcome = create(reply(task(status)))
    assert isinstance(outcome, Accepted)
    assert outcome.record is not None
    assert outcome.record.raw_state == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        17,
        None,
        {"status": "pending"},
        {"id": None, "status": "pending"},
        {"id": "", "status": "pending"},
        {"id": "  ", "status": "pending"},
        {"id": True, "status": "pending"},
        {"id": [ID], "status": "pending"},
        # Tolerance 9: a reseller's wrapping is not EvoLink's.
        {"code": 200, "data": {"task_id": "x", "status": "finished"}},
    ],
)
def test_read_create_without_an_id(body: Any) -> None:
    """A good status without an id leaves doubt, and doubt is never sent again."""
    answered = reply(json.dumps(body))
    assert type(create(answered)) is ProtocolError
    assert verdict(answered) is Verdict.UNKNOWN


@pytest.mark.parametrize("end", range(1, len(CREATED) - 1, 7))
def test_read_create_cut_off(end: int) -> None:
    """An answer that is not whole leaves doubt, wherever it was cut."""
    assert verdict(reply(CREATED[:end])) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "more",
    [
        {"code": 429},
        {"code": 503, "message": "overloaded"},
        {"success": False},
        {"type": "rate_limit_error"},
        {"error": {"code": 429, "message": "m", "type": "rate_limit_error"}},
        {"error": {"code": 503, "type": "service_unavailable_error"}},
    ],
)
def test_read_create_of_a_task_is_never_sent_again(more: dict[str, Any]) -> None:
    """A task object under a good status names a task, whatever stands beside its id."""
    answered = reply(task("pending", **more))
    outcome = create(answered)
    if isinstance(outcome, Accepted):
        assert outcome.task_id == ID
    else:
        assert verdict(answered) is Verdict.UNKNOWN


def test_read_create_keeps_an_id_beside_unreadable_fields() -> None:
    """A paid task is not lost because another field has a form nobody described."""
    body = task("pending", created=[], model={}, progress="x", usage=7, task_info=None)
    outcome = create(reply(body))
    assert isinstance(outcome, Accepted)
    assert outcome.task_id == ID


# ----------------------------------------------------------- section 3: task object

BEGIN = datetime(2025, 9, 6, 13, 23, 51, tzinfo=UTC)


def test_read_query_every_field() -> None:
    """The whole task object of a finished picture."""
    body = json.loads(CREATED) | {
        "status": "completed",
        "progress": 100,
        "results": [URL, OTHER],
        "result_data": [{"url": URL}, {"url": OTHER}],
        "duration": 12,
        "task_info": {"can_cancel": False},
        "usage": {"credits_used": 0.026, "total_tokens": 7},
    }
    found = query(reply(body))
    assert isinstance(found, TaskRecord)
    assert found == TaskRecord(
        task_id=ID,
        model="z-image-turbo",
        state=TaskState.SUCCESS,
        raw_state="completed",
        progress=100,
        result_urls=(URL, OTHER),
        cost_time=12.0,
        created_at=BEGIN,
        usage={"credits_used": 0.026, "total_tokens": 7},
        raw=body,
    )
    assert type(found.cost_time) is float
    assert pickle.loads(pickle.dumps(found)) == found
    assert TaskRecord.from_dict(found.to_dict()) == found


def test_read_query_record_shows_no_url() -> None:
    """A record can be logged: its `repr` has no result URL."""
    assert "https://" not in repr(record("completed", results=[URL]))


STATUSES: list[tuple[Any, TaskState]] = [
    ("pending", TaskState.WAITING),
    ("processing", TaskState.GENERATING),
    ("completed", TaskState.SUCCESS),
    ("failed", TaskState.FAIL),
    ("cancelled", TaskState.FAIL),
    ("canceled", TaskState.FAIL),
    ("Completed", TaskState.SUCCESS),
    (" FAILED ", TaskState.FAIL),
    ("finished", TaskState.UNKNOWN),
    ("paused", TaskState.UNKNOWN),
    ("", TaskState.UNKNOWN),
]


@pytest.mark.parametrize(("word", "state"), STATUSES)
def test_status_is_folded(word: str, state: TaskState) -> None:
    """Each word of the table, in any case; any other one is not the end."""
    found = record(word)
    assert (found.state, found.raw_state) == (state, word)


@pytest.mark.parametrize("status", [None, 3, {"name": "completed"}, ["completed"]])
def test_status_of_another_kind_is_never_the_end(status: Any) -> None:
    """A status that is missing or no text settles nothing."""
    for body in (task(status), {"id": ID}):
        found = query(reply(body))
        if isinstance(found, TaskRecord):
            assert found.state is TaskState.UNKNOWN
        else:
            assert type(found) is ProtocolError


def test_read_query_id_and_status_are_enough() -> None:
    """Everything but `id` and `status` is optional."""
    assert record("processing") == TaskRecord(
        task_id=ID,
        state=TaskState.GENERATING,
        raw_state="processing",
        raw=task("processing"),
    )


@pytest.mark.parametrize("body", [task("completed", results=[URL]), task("pending")])
def test_read_query_another_task(body: dict[str, Any]) -> None:
    """An answer about another id than asked is discarded."""
    found = query(reply(body), "task-unified-2-other")
    assert type(found) is ProtocolError


@pytest.mark.parametrize(
    "body",
    [
        [],
        [task("completed", results=[URL])],
        "completed",
        17,
        None,
        True,
        # Tolerance 9: a reseller's wrapping is not EvoLink's.
        {"code": 200, "data": task("completed", results=[URL])},
    ],
)
def test_read_query_no_task_object(body: Any) -> None:
    """What is no task object is no answer about a task, and never its end."""
    found = query(reply(json.dumps(body)))
    assert isinstance(found, ProtocolError | TaskRecord)
    if isinstance(found, TaskRecord):
        assert found.state is TaskState.UNKNOWN


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0, 0), (37, 37), (100, 100), (101, None), (-1, None), (None, None)],
)
def test_progress(progress: Any, expected: int | None) -> None:
    """0 to 100, and a failed task may show 0."""
    assert record("processing", progress=progress).progress == expected
    assert record("failed", progress=0).progress == 0


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(12, 12.0), (0, 0.0), (1.5, 1.5), (None, None), ("x", None), (-1, None)],
)
def test_duration_is_seconds(duration: Any, seconds: float | None) -> None:
    """`duration` counts seconds, where LiangXin's cost time counts milliseconds."""
    assert record("completed", duration=duration).cost_time == seconds


@pytest.mark.parametrize("created", [1757165031, "1757165031"])
def test_expires_after_a_day(created: Any) -> None:
    """Result links are valid for 24 hours from the creation."""
    found = record("completed", results=[URL], created=created)
    assert found.created_at == BEGIN
    assert EVOLINK.expires_at(found) == BEGIN + timedelta(hours=24)


@pytest.mark.parametrize("created", [None, 0, -5, "yesterday", 10**30, []])
def test_expires_of_an_unknown_creation(created: Any) -> None:
    """Without a creation time the end of the links is not known."""
    found = record("completed", results=[URL], created=created)
    assert found.created_at is None
    assert EVOLINK.expires_at(found) is None


@pytest.mark.parametrize(
    "created", [99_999_999_999, 253_402_300_799, 253_402_300_799_000, "253402300799000"]
)
def test_expires_at_the_end_of_the_calendar(created: Any) -> None:
    """A creation near the last day that can be written raises nothing."""
    found = record("completed", results=[URL], created=created)
    expires = EVOLINK.expires_at(found)
    if expires is not None:
        assert found.created_at is not None
        assert expires - found.created_at == timedelta(hours=24)


# -------------------------------------------------------- section 5: failed tasks

FAILURES = [
    "content_policy_violation",
    "invalid_parameters",
    "image_processing_error",
    "image_dimension_mismatch",
    "request_cancelled",
    "generation_failed_no_content",
    "service_error",
    "generation_timeout",
    "resource_exhausted",
    "quota_exceeded",
    "service_unavailable",
    "resource_not_found",
    "unknown_error",
    "a_name_of_tomorrow",
]


@pytest.mark.parametrize("name", FAILURES)
def test_failed_task_is_a_record(name: str) -> None:
    """The query succeeds; the task failed, with its name kept, whatever it sounds like."""
    found = record("failed", error={"code": name, "message": "line one\nline two"})
    assert found.state is TaskState.FAIL
    assert (found.fail_code, found.fail_message) == (name, "line one\nline two")
    outcome = conclude(found, None, None)
    assert type(outcome) is TaskFailedError
    assert "line one line two" in str(outcome)


@pytest.mark.parametrize("status", ["cancelled", "canceled"])
def test_cancelled_task_is_a_failure(status: str) -> None:
    """A cancelled task is over, with or without an `error`."""
    assert isinstance(conclude(record(status), None, None), TaskFailedError)
    found = record(status, error={"code": "request_cancelled", "message": "m"})
    assert (found.fail_code, found.fail_message) == ("request_cancelled", "m")


# ------------------------------------------------------------- section 7: credits


def test_read_credits() -> None:
    """The documented answer: the key's own budget and the account's."""
    assert credits_of(reply(CREDITS)) == Credits(
        token=CreditCount(remaining=99416.4429, used=583.5571, unlimited=False),
        user=CreditCount(remaining=1095.3996, used=135.9048, unlimited=None),
        raw=json.loads(CREDITS)["data"],
    )


COUNT = {"remaining_credits": 5, "used_credits": 0}


@pytest.mark.parametrize(
    ("data", "token", "user"),
    [
        ({"user": COUNT}, None, CreditCount(remaining=5.0, used=0.0)),
        ({"token": COUNT}, CreditCount(remaining=5.0, used=0.0), None),
        ({"token": None, "user": None, "new": 1}, None, None),
        ({}, None, None),
        (
            {"token": {"unlimited_credits": True}},
            CreditCount(unlimited=True),
            None,
        ),
        (
            {"token": {"unlimited_credits": "yes", "remaining_credits": None}},
            CreditCount(),
            None,
        ),
    ],
)
def test_read_credits_in_part(data: Any, token: Any, user: Any) -> None:
    """What the service leaves out is None, and never 0 or False."""
    found = credits_of(reply({"data": data, "message": "", "success": True}))
    assert isinstance(found, Credits)
    assert (found.token, found.user) == (token, user)
    assert found.raw == data


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "message": "no"},
        {"success": False, "message": "no", "data": {"user": COUNT}},
        {"data": None, "success": True},
        {"data": 17, "success": True},
        {"data": [COUNT], "success": True},
        {},
        [],
        17,
        HTML,
        b"",
    ],
)
def test_read_credits_unreadable(body: Any) -> None:
    """Anything else is one of our errors, and never a balance of nothing."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    assert isinstance(credits_of(reply(body)), LiangxinError)


# ------------------------------------------------------ section 8: tolerance list


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"code": 500, "message": "m"}, "500", "m"),
        ({"code": "500", "message": "m"}, "500", "m"),
        ({"code": "service_error", "message": "m", "type": "t"}, "service_error", "m"),
        ({"message": "m"}, None, "m"),
        ({"code": "service_error"}, "service_error", None),
        ({"code": None, "message": None}, None, None),
        ({"code": [], "message": {}}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_tolerance_1_error_of_a_task(
    given: Any, code: str | None, message: str | None
) -> None:
    """1: code as integer, text or missing, type missing; the task failed all the same."""
    found = record("failed", error=given)
    assert found.state is TaskState.FAIL
    assert (found.fail_code, found.fail_message) == (code, message)


def test_tolerance_1_failed_without_an_error() -> None:
    """1: a failed task without any `error` is a failed task."""
    found = record("failed")
    assert found.state is TaskState.FAIL
    assert found.fail_code is found.fail_message is None


RESULTS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"results": None}, ()),
    ({"results": []}, ()),
    ({"results": ""}, ()),
    ({"results": 17}, ()),
    ({"results": {}}, ()),
    ({"results": [URL]}, (URL,)),
    ({"results": [URL, OTHER, URL]}, (URL, OTHER)),
    ({"results": URL}, (URL,)),
    ({"results": [{"url": URL}, {"url": OTHER}]}, (URL, OTHER)),
    ({"results": {"url": URL}}, (URL,)),
    ({"results": [None, 1, "", "x", {}, {"url": None}, URL, ["y"]]}, (URL,)),
    ({"results": None, "result_data": [{"url": URL}]}, (URL,)),
    ({"results": [], "result_data": [{"url": URL}, {"url": OTHER}]}, (URL, OTHER)),
    ({"results": ["x"], "result_data": [{"url": URL}]}, (URL,)),
    ({"result_data": {"url": URL}}, (URL,)),
    ({"result_data": [{"image_url": URL, "title": "t"}]}, (URL,)),
    ({"result_data": [{"video_url": URL, "duration": 5}]}, (URL,)),
    ({"result_data": [{"audio_url": URL, "tags": "a,b"}]}, (URL,)),
    ({"result_data": None}, ()),
    ({"result_data": "nothing"}, ()),
    # Both are given: `results` are the results.
    ({"results": [URL], "result_data": [{"url": OTHER}]}, (URL,)),
    # What no download could follow is no result.
    ({"results": ["file:///etc/passwd", "data:image/png;base64,xx", "//h/a"]}, ()),
    ({"results": ["ftp://h/a", "httpx://h/a", "http:/h/a", "ws://h/a"]}, ()),
    ({"results": ["HTTPS://h/a.png"]}, ("HTTPS://h/a.png",)),
]


@pytest.mark.parametrize(("members", "urls"), RESULTS)
def test_tolerance_2_results(members: dict[str, Any], urls: tuple[str, ...]) -> None:
    """2: each form of `results` and `result_data`; the service's order, no repeats."""
    found = record("completed", **members)
    assert found.state is TaskState.SUCCESS
    assert found.result_urls == urls
    outcome = conclude(found, "m", None)
    if urls:
        assert isinstance(outcome, Result)
        assert outcome.urls == urls
    else:
        assert type(outcome) is EmptyResultError


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"billing_rule": "per_call", "credits_reserved": 0.026}, None),
        ({"credits_used": 1, "input_tokens": 3}, None),
        ({}, None),
        (None, {}),
        (7, {}),
        ("free", {}),
    ],
)
def test_tolerance_3_usage(usage: Any, expected: Any) -> None:
    """3: `usage` with any keys is kept as it came; without any it is empty."""
    found = record("processing", usage=usage, task_info=usage)
    assert found.usage == (usage if expected is None else expected)
    assert found.raw["task_info"] == usage


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (1757165031, BEGIN),
        ("1757165031", BEGIN),
        (1757165031.0, BEGIN),
        (0, None),
        (None, None),
        ("", None),
        ("2025-09-06", None),
    ],
)
def test_tolerance_4_created(created: Any, expected: datetime | None) -> None:
    """4: seconds as an integer or as text."""
    assert record(created=created).created_at == expected


@pytest.mark.parametrize(("count", "expected"), [(1, 1.0), (1.5, 1.5), (0, 0.0)])
def test_tolerance_5_credits(count: Any, expected: float) -> None:
    """5: credits whole or with fractions, and floats here."""
    body = {"data": {"user": {"remaining_credits": count, "used_credits": count}}}
    found = credits_of(reply(body | {"success": True}))
    assert isinstance(found, Credits)
    assert found.user is not None
    assert (found.user.remaining, found.user.used) == (expected, expected)
    assert type(found.user.remaining) is type(found.user.used) is float


def test_tolerance_6_unknown_fields() -> None:
    """6: fields and kinds that nobody described change nothing, and stay in `raw`."""
    extra = {"object": "hologram.task", "type": "hologram", "错误": None, "x": [1]}
    found = record("processing", **extra)
    assert found.state is TaskState.GENERATING
    assert found.raw == task("processing", **extra)
