"""Records and results: stored as JSON, and had back."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from liangxin_async import InvalidRequestError, Result, TaskRecord, TaskState

RECORD = TaskRecord(
    task_id="task_1",
    state=TaskState.SUCCESS,
    raw_state="succeeded",
    model="z-image",
    progress=100,
    param={
        "input": {"prompt": "a cafe \N{HOT BEVERAGE}", "size": [1, 2.5, None, True]}
    },
    result_urls=("https://host.example/a.png", "https://host.example/b.png"),
    cost_time=1.5,
    created_at=datetime(2026, 5, 1, 12, 0, 0, 123000, tzinfo=UTC),
    usage={"credits_used": 0.026},
    raw={"taskId": "task_1", "new": {"field": [10**30]}},
)
RESULT = Result(
    task_id="task_1",
    model=None,
    urls=RECORD.result_urls,
    record=RECORD,
    expires_at=datetime(2026, 5, 2, tzinfo=timezone(timedelta(hours=8))),
)


@pytest.mark.parametrize(
    "value", [RECORD, TaskRecord(task_id="t", state=TaskState.UNKNOWN, raw_state="")]
)
def test_record_survives_json(value: TaskRecord) -> None:
    """What `to_dict` gives is plain JSON, and gives an equal record back."""
    text = json.dumps(value.to_dict(), allow_nan=False)
    assert TaskRecord.from_dict(json.loads(text)) == value


def test_result_survives_json_and_pickle() -> None:
    """A result can be stored with all that belongs to it."""
    text = json.dumps(RESULT.to_dict(), allow_nan=False)
    again = Result.from_dict(json.loads(text))
    assert again == RESULT
    assert again.expires_at is not None
    assert again.expires_at.utcoffset() == timedelta(hours=8)
    assert pickle.loads(pickle.dumps(RESULT)) == RESULT


def test_record_of_a_later_version_is_read() -> None:
    """A key that this version does not know is left alone."""
    assert TaskRecord.from_dict({**RECORD.to_dict(), "mood": "good"}) == RECORD


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task_id": None}, "$.task_id"),
        ({"state": "dreaming"}, "$.state"),
        ({"progress": "50"}, "$.progress"),
        ({"result_urls": "https://host.example"}, "$.result_urls"),
        ({"result_urls": [1]}, "$.result_urls"),
        ({"created_at": "yesterday"}, "$.created_at"),
        ({"created_at": "2026-05-01T12:00:00"}, "$.created_at"),
        ({"usage": []}, "$.usage"),
    ],
)
def test_record_torn_in_storage(change: dict[str, Any], field: str) -> None:
    """What does not fit is named, instead of a record that is half true."""
    with pytest.raises(InvalidRequestError) as caught:
        TaskRecord.from_dict({**RECORD.to_dict(), **change})
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("plain", [None, [], "x", 5])
def test_record_that_is_no_mapping(plain: Any) -> None:
    """Something else than a mapping is one clear error too."""
    with pytest.raises(InvalidRequestError):
        TaskRecord.from_dict(plain)


def test_record_names_everything_that_is_missing() -> None:
    """All problems come at once."""
    with pytest.raises(InvalidRequestError) as caught:
        TaskRecord.from_dict({})
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["$.task_id", "$.state", "$.raw_state"]
