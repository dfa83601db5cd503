"""How EvoLink says no (api/evolink.md, section 4, and 8.7)."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async._core.backoff import Verdict, judge_create
from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InsufficientQuotaError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    ProtocolError,
    SaturatedError,
    ServiceError,
)
from liangxin_async._records import TaskState
from liangxin_async.dialects import EVOLINK, LIANGXIN
from tests.dialects.evolink_samples import (
    create,
    credits_of,
    error,
    query,
    refusal,
    verdict,
)
from tests.dialects.samples import HTML, reply

AGAIN, WAIT = Verdict.AGAIN, Verdict.WAIT
REFUSED, UNKNOWN = Verdict.REFUSED, Verdict.UNKNOWN


WAIT_TEXT = "retry after 60 seconds"
ERRORS: list[tuple[int, str, type[ApiError], Verdict]] = [
    (400, "invalid_request_error", BadRequestError, REFUSED),
    (401, "authentication_error", AuthenticationError, REFUSED),
    (402, "insufficient_quota_error", InsufficientQuotaError, REFUSED),
    (402, "insufficient_quota", InsufficientQuotaError, REFUSED),
    (403, "permission_error", PermissionDeniedError, REFUSED),
    (404, "not_found_error", NotFoundError, REFUSED),
    (413, "request_too_large_error", PayloadTooLargeError, REFUSED),
    (429, "rate_limit_error", SaturatedError, WAIT),
    (500, "internal_server_error", ServiceError, UNKNOWN),
    (502, "upstream_error", ServiceError, UNKNOWN),
    (503, "service_unavailable_error", ServiceError, AGAIN),
]


@pytest.mark.parametrize("code", ["integer", "text", "name", "missing"])
@pytest.mark.parametrize(
    ("status", "kind", "expected", "judged"),
    ERRORS,
    ids=[f"{e[0]}-{e[1]}" for e in ERRORS],
)
def test_error_of_every_row(
    status: int, kind: str, expected: type[ApiError], judged: Verdict, code: str
) -> None:
    """Each row of the table, its code as the status, as text, as a name, or missing."""
    given = {"integer": status, "text": str(status), "name": "x_y"}.get(code)
    body = error(given, "some words", kind)
    if code == "missing":
        del body["error"]["code"]
    answered = reply(body, status)
    refused = refusal(answered)
    assert type(refused) is expected
    assert (refused.http_status, refused.message) == (status, "some words")
    # A name beside "overload" may mean that the request was passed on: that is doubt.
    passed_on = judged is AGAIN and code == "name"
    assert verdict(answered) is (UNKNOWN if passed_on else judged)
    assert type(query(answered)) is expected
    assert type(credits_of(answered)) is expected


@pytest.mark.parametrize("status", [row[0] for row in ERRORS])
def test_error_tells_param_and_suggestion(status: int) -> None:
    """The parameter at fault and the service's suggestion are part of the words."""
    body = error(
        status, "bad size", "x", param="size", fallback_suggestion="try 1:1 instead"
    )
    refused = refusal(reply(body, status))
    for words in ("bad size", "size", "try 1:1 instead"):
        assert words in refused.message
        assert words in str(refused)


def test_error_402_names_the_billing_page() -> None:
    """The suggestion of an empty balance is where to pay."""
    page = "https://evolink.ai/dashboard/billing"
    body = error(
        402, "Not enough credits", "insufficient_quota_error", fallback_suggestion=page
    )
    refused = refusal(reply(body, 402))
    assert type(refused) is InsufficientQuotaError
    assert page in refused.message


def test_error_404_suggests_a_model() -> None:
    """An unknown model names the parameter and another model."""
    body = error(
        404,
        "model not found",
        "not_found_error",
        param="model",
        fallback_suggestion="z-image-turbo",
    )
    refused = refusal(reply(body, 404))
    assert type(refused) is NotFoundError
    assert "model" in refused.message
    assert "z-image-turbo" in refused.message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (error("invalid_task_id", "Invalid task id"), 400),
        (error("invalid_task_id", "bad id", "invalid_request_error"), 400),
        (error(404, "no such task", "not_found_error", param="task_id"), 404),
        (error(404, "expired", "not_found_error", param="task_id"), 404),
        (error("task_not_found", "gone"), 404),
    ],
)
def test_read_query_not_found(body: Any, status: int) -> None:
    """A task that is unknown, expired, or whose id is refused: one error."""
    assert type(query(reply(body, status))) is NotFoundError


@pytest.mark.parametrize(
    "body", [error(400, "bad", "invalid_request_error", param="size"), error(400)]
)
def test_read_query_other_400(body: Any) -> None:
    """A 400 about something else does not say that the task is unknown."""
    assert type(query(reply(body, 400))) is BadRequestError


def test_create_400_about_a_task_id_is_a_bad_request() -> None:
    """A create asks about no task, so none can be missing."""
    assert type(refusal(reply(error("invalid_task_id"), 400))) is BadRequestError


@pytest.mark.parametrize(
    ("suggestion", "seconds"),
    [
        ("retry after 60 seconds", 60.0),
        ("retry after 30 seconds", 30.0),
        ("Retry after 1 second", 1.0),
        ("Please retry after 60 seconds.", 60.0),
        ("retry after 0 seconds", 0.0),
        ("slow down", None),
        ("", None),
        (None, None),
        (60, None),
        (["retry after 60 seconds"], None),
        ("see https://evolink.ai/limits/2024", None),
        ("use z-image-turbo-2 instead", None),
        ("retry after -5 seconds", None),
        (f"retry after {'9' * 400} seconds", None),
    ],
)
def test_retry_after_in_the_suggestion(suggestion: Any, seconds: float | None) -> None:
    """The wait is a number in the text; any other text names none."""
    body = error(429, "too fast", "rate_limit_error", fallback_suggestion=suggestion)
    refused = refusal(reply(body, 429))
    assert isinstance(refused, SaturatedError)
    assert refused.retry_after == seconds


@pytest.mark.parametrize("name", ["do_request_failed", "upstream_error", "x_y"])
@pytest.mark.parametrize("read_create", [EVOLINK.read_create, LIANGXIN.read_create])
def test_overload_with_another_name_is_doubt(name: str, read_create: Any) -> None:
    """`do_request_failed` was sent: its type alone makes no clear refusal."""
    body = error(name, "upstream overloaded", "service_unavailable_error")
    with pytest.raises(ServiceError) as caught:
        read_create(reply(body, 503))
    assert judge_create(caught.value, left=True) is UNKNOWN


@pytest.mark.parametrize("code", ["", 503])
def test_overload_of_evolink_says_nothing_about_liangxin(code: Any) -> None:
    """The type is EvoLink's word; from LiangXin's gateway it may be an upstream's."""
    body = error(code, "upstream overloaded", "service_unavailable_error")
    with pytest.raises(ServiceError) as caught:
        LIANGXIN.read_create(reply(body, 503))
    assert judge_create(caught.value, left=True) is UNKNOWN


@pytest.mark.parametrize("words", ["Quota exceeded", "your credits are untouched"])
def test_rate_limit_by_name_is_no_empty_balance(words: str) -> None:
    """Names come before texts: here 402 is the empty balance."""
    refused = refusal(reply(error(429, words, "rate_limit_error"), 429))
    assert type(refused) is SaturatedError
    denied = refusal(reply(error(403, "no quota group", "permission_error"), 403))
    assert type(denied) is PermissionDeniedError


@pytest.mark.parametrize("code", [429, 400, 402, 503])
def test_create_that_names_a_task_and_an_error_is_doubt(code: int) -> None:
    """A task is named, so it may exist: neither sent again nor called refused."""
    for status in (None, "error"):
        body = {"id": "task-unified-1-a", "status": status, "error": {"code": code}}
        with pytest.raises(LiangxinError) as caught:
            EVOLINK.read_create(reply(body))
        assert judge_create(caught.value, left=True) is UNKNOWN


@pytest.mark.parametrize("word", ["error", "fail", "success", "finished", "succeeded"])
def test_status_that_evolink_does_not_document_is_not_the_end(word: str) -> None:
    """Anything else is asked about again until the deadline."""
    found = EVOLINK.read_query(reply({"id": "T", "status": word}), "T")
    assert found.state is TaskState.UNKNOWN
    assert found.raw_state == word


def test_retry_after_of_overload() -> None:
    """Its own overload is a clear refusal, and says when to come again."""
    body = error(
        503,
        "overloaded",
        "service_unavailable_error",
        fallback_suggestion="retry after 30 seconds",
    )
    refused = refusal(reply(body, 503))
    assert type(refused) is ServiceError
    assert refused.refused is True
    assert refused.retry_after == 30.0


def test_retry_after_is_absent_without_a_hint() -> None:
    """No source names a default wait, so none is invented."""
    for status, kind in ((429, "rate_limit_error"), (503, "service_unavailable_error")):
        refused = refusal(reply(error(status, "x", kind), status))
        assert getattr(refused, "retry_after", "no such attribute") is None


@pytest.mark.parametrize("kind", ["insufficient_quota", "insufficient_quota_error"])
@pytest.mark.parametrize("status", [402, 403, 429])
def test_quota_by_name_under_any_status(status: int, kind: str) -> None:
    """An empty balance ends a run at once, also when it is dressed as saturation."""
    answered = reply(error(status, "slow down", kind), status)
    assert type(refusal(answered)) is InsufficientQuotaError
    assert verdict(answered) is REFUSED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(status: int) -> None:
    """A redirect is a wrong base URL; key and prompt do not follow it."""
    answered = reply(HTML, status, Location="https://other.example/x?y=s3cret")
    for failed in (create(answered), query(answered), credits_of(answered)):
        assert type(failed) is ConfigurationError
        assert "other.example" in str(failed)
        assert "s3cret" not in str(failed)


# ---------------------------------------- section 8, 7: what is not this API's


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524])
@pytest.mark.parametrize("body", [HTML, b"", "upstream connect error", b"\xff\xfe"])
def test_tolerance_7_not_json(status: int, body: Any) -> None:
    """7: a proxy's page under a 5xx is a fault, and leaves a create in doubt."""
    answered = reply(body, status)
    refused = refusal(answered)
    assert type(refused) is ServiceError
    assert refused.refused is False
    assert verdict(answered) is UNKNOWN
    assert type(query(answered)) is ServiceError


@pytest.mark.parametrize("body", [HTML, "ok", b"\xff", b"", b"{"])
def test_200_that_is_not_json(body: Any) -> None:
    """A login page with 200 is not this API's; for a create it leaves doubt."""
    for failed in (create(reply(body)), query(reply(body)), credits_of(reply(body))):
        assert type(failed) is ProtocolError
        assert "base_url" in str(failed)
    assert verdict(reply(body)) is UNKNOWN


@pytest.mark.parametrize("row", ERRORS, ids=[f"{e[0]}-{e[1]}" for e in ERRORS])
def test_error_inside_a_200(row: tuple[int, str, type[ApiError], Verdict]) -> None:
    """An error body under a good status is an error all the same."""
    status, kind, expected, _ = row
    answered = reply(error(status, "words", kind))
    assert type(refusal(answered)) is expected
    assert type(query(answered)) is expected
