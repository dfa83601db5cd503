"""The optional signature of the family's callbacks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from liangxin_async import ConfigurationError
from liangxin_async.webhook import Signature, check_signature, sign

KEY = "made-up-webhook-key"
NOW = 1_777_600_100.0
STAMP = "1777600000"  # 100 seconds before
BODY = json.dumps({"code": 200, "data": {"taskId": "task_1", "state": "success"}})


def by_hand(task_id: str, stamp: str, key: str = KEY) -> str:
    """The documented formula, written down a second time."""
    digest = hmac.digest(key.encode(), f"{task_id}.{stamp}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def judged(
    headers: dict[str, str] | None = None, body: str | bytes = BODY, **settings: Any
) -> Signature:
    usual = {
        "X-Webhook-Timestamp": STAMP,
        "X-Webhook-Signature": by_hand("task_1", STAMP),
    }
    raw = body.encode() if isinstance(body, str) else body
    return check_signature(
        usual | (headers or {}), raw, **({"key": KEY, "now": NOW} | settings)
    )


def test_signature_of_the_documented_formula() -> None:
    """base64 of HMAC-SHA256 over the id, a dot and the timestamp."""
    assert sign("task_1", STAMP, key=KEY) == by_hand("task_1", STAMP)
    assert judged() is Signature.VALID


def test_signature_is_true_only_when_valid() -> None:
    """`if check_signature(...)` must not let a forgery in."""
    assert [verdict for verdict in Signature if verdict] == [Signature.VALID]


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"taskId": "task_1"}},
        {"data": {"task_id": "task_1"}},
        {"taskId": "task_1", "data": None},
        {"task_id": "task_1"},
        {"data": {"taskId": "task_1"}, "taskId": "task_1"},
        {"data": {"taskId": "", "task_id": "task_1"}},
    ],
)
def test_signature_finds_the_task_id_wherever_the_family_puts_it(body: Any) -> None:
    """In `data` or at the top, in either spelling; `data` first."""
    assert judged(body=json.dumps(body)) is Signature.VALID


def test_signature_header_names_in_any_case() -> None:
    """HTTP header names have no case."""
    headers = {
        "x-webhook-timestamp": STAMP,
        "X-WEBHOOK-SIGNATURE": by_hand("task_1", STAMP),
    }
    assert check_signature(headers, BODY.encode(), key=KEY, now=NOW) is Signature.VALID


@pytest.mark.parametrize("name", ["X-Webhook-Timestamp", "X-Webhook-Signature"])
def test_signature_missing_header(name: str) -> None:
    """Either header missing is no signature at all."""
    headers = {
        "X-Webhook-Timestamp": STAMP,
        "X-Webhook-Signature": by_hand("task_1", STAMP),
    }
    del headers[name]
    verdict = check_signature(headers, BODY.encode(), key=KEY, now=NOW)
    assert verdict is Signature.MISSING


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        "\udcff",
        "ü" * 44,
        by_hand("task_1", STAMP)[:-1],
        by_hand("task_2", STAMP),
        by_hand("task_1", "1777600001"),
        by_hand("task_1", STAMP, key="another key"),
    ],
)
def test_signature_wrong(given: str) -> None:
    """Another key, task or time, or no signature at all, is wrong."""
    assert judged({"X-Webhook-Signature": given}) is Signature.WRONG


@pytest.mark.parametrize("stamp", ["", "-5", "1e9", "12.5", "now", "9" * 13, "１２"])
def test_signature_timestamp_unreadable(stamp: str) -> None:
    """A timestamp is Unix seconds in digits."""
    headers = {
        "X-Webhook-Timestamp": stamp,
        "X-Webhook-Signature": by_hand("task_1", stamp),
    }
    assert judged(headers) is Signature.UNREADABLE


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "5",
        "{",
        b"\xff",
        "{}",
        '{"data": {"taskId": null}}',
        "[" * 9999,
        '{"data": {"taskId": "task_1"}, "taskId": "another"}',
        '{"data": {"taskId": "task_1", "task_id": "another"}}',
    ],
)
def test_signature_body_without_a_task_id(body: str | bytes) -> None:
    """A body that names no task cannot be vouched for."""
    assert judged(body=body) is Signature.UNREADABLE


@pytest.mark.parametrize(
    ("now", "max_age", "expected"),
    [
        (1_777_600_300.0, 300.0, Signature.VALID),
        (1_777_600_300.5, 300.0, Signature.STALE),
        (1_777_599_700.0, 300.0, Signature.VALID),
        (1_777_599_699.0, 300.0, Signature.STALE),
        (1_777_600_000.0, 0.0, Signature.VALID),
        (1_777_600_001.0, 0.0, Signature.STALE),
        (9_999_999_999.0, None, Signature.VALID),
        (float("nan"), 300.0, Signature.STALE),
        (1_777_600_000.0, float("nan"), Signature.STALE),
    ],
)
def test_signature_age(now: float, max_age: float | None, expected: Signature) -> None:
    """A replay is told by its age, and so is a clock that runs ahead."""
    assert judged(now=now, max_age=max_age) is expected


def test_signature_does_not_cover_the_result() -> None:
    """Two bodies about one task have one signature: it never vouches for a result."""
    forged = json.dumps({"data": {"taskId": "task_1", "resultJson": "invented"}})
    assert judged(body=forged) is judged()


@pytest.mark.parametrize("key", ["", " ", None, b"key"])
def test_signature_with_an_empty_key_is_refused(key: Any) -> None:
    """A forgotten setting must not let everybody in."""
    with pytest.raises(ConfigurationError, match="webhook key"):
        judged(key=key)
    with pytest.raises(ConfigurationError, match="webhook key"):
        check_signature({}, b"", key=key, now=NOW)
