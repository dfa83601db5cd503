"""What is read of a callback: the task it names, and whether that may be over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liangxin_async import EVOLINK, LIANGXIN
from liangxin_async.dialects import CallbackNote

LONG = "t" * 512


def note(dialect: Any, value: Any) -> CallbackNote | None:
    found: CallbackNote | None = dialect.read_callback(json.dumps(value).encode())
    return found


@pytest.mark.parametrize(
    ("data", "is_over"),
    [
        ({"state": "success"}, True),
        ({"state": "fail", "failCode": "500"}, True),
        ({"state": "Succeeded"}, True),
        ({"status": "failed"}, True),
        ({"state": "resting"}, True),
        ({"state": 5}, True),
        ({}, True),
        ({"state": "waiting"}, False),
        ({"state": "queuing"}, False),
        ({"state": "GENERATING"}, False),
        ({"status": "running"}, False),
    ],
)
def test_liangxin_callback_has_the_shape_of_recordinfo(
    data: dict[str, Any], is_over: bool
) -> None:
    """Envelope and data; only a state that clearly goes on says that it does."""
    body = {"code": 200, "msg": "success", "data": {"taskId": "task_1", **data}}
    assert note(LIANGXIN, body) == CallbackNote("task_1", is_over)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"task_id": "task_1"}},
        {"taskId": "task_1"},
        {"task_id": "task_1", "data": None},
        {"code": 501, "msg": "failed", "data": {"taskId": "task_1"}},
        {"taskId": "task_1", "data": {"taskId": "task_1", "task_id": ""}},
    ],
)
def test_liangxin_callback_names_its_task_in_several_places(body: Any) -> None:
    """In data or at the top, in either spelling."""
    assert note(LIANGXIN, body) == CallbackNote("task_1")


@pytest.mark.parametrize(
    ("status", "is_over"),
    [
        *(("completed", True), ("failed", True), ("cancelled", True)),
        *(("canceled", True), ("resting", True), (None, True), ({}, True)),
        *(("pending", False), ("processing", False), ("Processing ", False)),
    ],
)
def test_evolink_callback_is_a_task_object(status: Any, is_over: bool) -> None:
    """The id stands at the top, as in an answer to a query."""
    body = {"id": "task-unified-1", "object": "image.generation.task", "status": status}
    assert note(EVOLINK, body) == CallbackNote("task-unified-1", is_over)


@pytest.mark.parametrize("dialect", [LIANGXIN, EVOLINK])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"task_1"',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"data": []}',
        b'{"data": {"taskId": ""}, "id": ""}',
        b'{"data": {"taskId": " "}, "id": " "}',
        b'{"data": {"taskId": ["a"]}, "id": ["a"]}',
        b'{"data": {"taskId": true}, "id": true}',
        json.dumps({"data": {"taskId": LONG + "t"}, "id": LONG + "t"}).encode(),
    ],
)
def test_callback_without_a_task_is_unreadable(dialect: Any, body: bytes) -> None:
    """No JSON, no object, no id, or an endless one."""
    assert dialect.read_callback(body) is None


def test_callback_that_names_two_tasks_names_none() -> None:
    """Or a signature might cover one and the look go to the other."""
    assert note(LIANGXIN, {"taskId": "a", "data": {"taskId": "b"}}) is None
    assert note(LIANGXIN, {"data": {"taskId": "a", "task_id": "b"}}) is None


def test_callback_with_the_longest_id() -> None:
    """Up to 512 characters are taken; a number is an id too."""
    assert note(LIANGXIN, {"taskId": LONG}) == CallbackNote(LONG)
    assert note(EVOLINK, {"id": 12345}) == CallbackNote("12345")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "taskId", "task_id", "id", "state", "status"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON | st.binary(max_size=40))
def test_callback_of_any_form_has_a_reading(value: Any) -> None:
    """Never an exception, and never a note without an id."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    for dialect in (LIANGXIN, EVOLINK):
        found = dialect.read_callback(body)
        assert found is None or found.task_id.strip()
