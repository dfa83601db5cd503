"""How a service says no: forms, statuses, codes, names, texts (api/liangxin.md 6)."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async._core.backoff import Verdict
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
    UnprocessableError,
)
from liangxin_async.dialects import WireReply
from tests.dialects.samples import (
    HTML,
    SATURATED_EN,
    SATURATED_ZH,
    SEED_FORM_A,
    SEED_FORM_B,
    form_a,
    form_b,
    form_c,
    form_d,
    query,
    refusal,
    reply,
    verdict,
)

AGAIN, WAIT = Verdict.AGAIN, Verdict.WAIT
REFUSED, UNKNOWN = Verdict.REFUSED, Verdict.UNKNOWN


# ---------------------------------------------------------------- the seeds' bodies


def test_seed_form_a() -> None:
    """The seeds' business form: an invalid request, with the service's words."""
    error = refusal(reply(SEED_FORM_A, 400))
    assert type(error) is BadRequestError
    assert error.message == "input.prompt is required"
    assert (error.http_status, error.code, error.request_id) == (400, "400", None)
    assert error.charged == "no"


def test_seed_form_b() -> None:
    """The seeds' gateway form: a bad key; its `code` is empty, its type names it."""
    error = refusal(reply(SEED_FORM_B, 401))
    assert type(error) is AuthenticationError
    assert error.message == "invalid token"
    assert (error.http_status, error.code) == (401, "new_api_error")
    assert verdict(reply(SEED_FORM_B, 401)) is REFUSED


# ---------------------------------------------------- every status in every form

SEED_STATUSES: dict[int, tuple[type[LiangxinError], Verdict]] = {
    400: (BadRequestError, REFUSED),
    401: (AuthenticationError, REFUSED),
    403: (PermissionDeniedError, REFUSED),
    413: (PayloadTooLargeError, REFUSED),
    422: (UnprocessableError, REFUSED),
    429: (SaturatedError, WAIT),
    500: (ServiceError, UNKNOWN),
}
OTHER_STATUSES: dict[int, tuple[type[LiangxinError], Verdict]] = {
    402: (InsufficientQuotaError, REFUSED),
    404: (NotFoundError, REFUSED),
    405: (BadRequestError, REFUSED),
    408: (ServiceError, UNKNOWN),
    409: (BadRequestError, REFUSED),
    433: (InsufficientQuotaError, REFUSED),
    451: (UnprocessableError, REFUSED),
    455: (ServiceError, AGAIN),
    501: (ServiceError, UNKNOWN),
    502: (ServiceError, UNKNOWN),
    504: (ServiceError, UNKNOWN),
    505: (PermissionDeniedError, REFUSED),
    **dict.fromkeys(range(520, 525), (ServiceError, UNKNOWN)),
}
STATUSES = SEED_STATUSES | OTHER_STATUSES

FORMS = {
    "A": lambda status: form_a(status, "words of A"),
    "A, text code": lambda status: form_a(str(status), "words of A"),
    "A, no code": lambda status: {"msg": "words of A", "data": None},
    "A, null msg": lambda status: form_a(status, None),
    "B": lambda status: form_b("words of B"),
    "B, null code": lambda status: form_b("words of B", None),
    "B, number": lambda status: form_b("words of B", status),
    "B, name": lambda status: form_b("words of B", "some_fault"),
    "B, upstream": lambda status: form_b("words of B", "", "upstream_error"),
    "B, panic": lambda _: {"error": {"message": "words", "type": "new_api_panic"}},
    "B, extras": lambda _: {
        "error": {"message": "w", "type": "x", "param": "p", "metadata": {"a": 1}}
    },
    "B, text": lambda _: {"error": "words of B"},
    "C": lambda _: form_c("some_fault", "words of C"),
    "D": lambda _: form_d("words of D"),
    "D, name": lambda _: form_d("words of D", code="some_fault"),
    "E": lambda _: b"",
    "E, blank": lambda _: b" \r\n",
    "F": lambda _: HTML,
    "F, text": lambda _: "upstream connect error",
    "F, not UTF-8": lambda _: b"\xff\xfe\x00<\x00",
    "JSON, another": lambda _: [1, 2],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", STATUSES)
def test_status_decides_in_every_form(status: int, form: str) -> None:
    """The HTTP status decides, whatever form the body has, or none."""
    kind, expected = STATUSES[status]
    answered = reply(FORMS[form](status), status)
    error = refusal(answered)
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert error.http_status == status
    assert verdict(answered) is expected


@pytest.mark.parametrize("form", FORMS)
def test_message_of_every_form(form: str) -> None:
    """The service's words are found in each form; without any the title stands."""
    error = refusal(reply(FORMS[form](400), 400))
    assert isinstance(error, ApiError)
    if form.startswith(("E", "A, null", "JSON")):
        assert error.message == ""
    else:
        assert error.message
        assert error.message in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (HTML * 1000, "an HTML page, 'Bad gateway'"),
        ("\ufeff\n<!DOCTYPE html>\n<p>no title</p>", "an HTML page"),
        ("<HTML><TITLE id='x'>\n 502 \n Oh </TITLE>", "an HTML page, '502 Oh'"),
        ("<!-- cache --><html><title></title>", "an HTML page"),
        ("<html>" + "x" * 5000 + "<title>too late</title>", "an HTML page"),
        ("<html><title>not closed", "an HTML page, 'not closed'"),
        (
            "<?xml version='1.0'?><Code>Busy</Code>",
            "<?xml version='1.0'?><Code>Busy</Code>",
        ),
        ("upstream sent no <html>", "upstream sent no <html>"),
    ],
)
def test_message_of_a_page_is_its_title(body: str, message: str) -> None:
    """A proxy's page says in its title what there is to say; nobody reads markup."""
    error = refusal(reply(body, 502))
    assert isinstance(error, ApiError)
    assert error.message == message
    assert str(error).endswith(f"{message} (HTTP 502)")


@pytest.mark.parametrize(
    "body", ["<html><title>" + "a" * 9000, "<title" * 3000, "<" * 9000]
)
def test_message_of_a_page_is_cut(body: str) -> None:
    """A page, or what begins like one, does not fill the error."""
    error = refusal(reply(body, 502))
    assert isinstance(error, ApiError)
    assert len(error.message) <= 300


def test_words_about_quota_count_on_a_page_too() -> None:
    """What a page means is judged by all of it, and not by its title."""
    error = refusal(reply("<html><title>No</title>your quota is used up", 403))
    assert type(error) is InsufficientQuotaError
    assert error.message == "an HTML page, 'No'"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304, 300])
@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://other.example/x/y?callback=s3cret#f", "other.example"),
        ("/login?next=s3cret", "the same host"),
        ("https://[broken/s3cret", "unreadable"),
        (None, "the same host"),
    ],
)
def test_redirect(status: int, location: str | None, shown: str) -> None:
    """A redirect is a wrong base URL; the error names the target host and no more."""
    headers = {} if location is None else {"Location": location}
    answered = reply(HTML, status, **headers)
    error = refusal(answered)
    assert type(error) is ConfigurationError
    assert shown in str(error)
    assert "base_url" in str(error)
    assert "s3cret" not in str(error)
    assert verdict(answered) is REFUSED
    assert type(query(answered)) is ConfigurationError


@pytest.mark.parametrize("status", [100, 199, 506, 511, 530, 599])
def test_status_of_no_table(status: int) -> None:
    """A status that no document lists is undecidable for a create."""
    assert verdict(reply(HTML, status)) is UNKNOWN


# ------------------------------------------------------------------ business codes

CODES: dict[int, tuple[type[ApiError], Verdict]] = {
    400: (BadRequestError, REFUSED),
    401: (AuthenticationError, REFUSED),
    402: (InsufficientQuotaError, REFUSED),
    403: (PermissionDeniedError, REFUSED),
    404: (NotFoundError, REFUSED),
    405: (SaturatedError, WAIT),
    408: (ServiceError, UNKNOWN),
    413: (PayloadTooLargeError, REFUSED),
    422: (UnprocessableError, REFUSED),
    429: (SaturatedError, WAIT),
    430: (SaturatedError, WAIT),
    433: (InsufficientQuotaError, REFUSED),
    451: (UnprocessableError, REFUSED),
    455: (ServiceError, AGAIN),
    500: (ServiceError, UNKNOWN),
    501: (ServiceError, UNKNOWN),
    505: (PermissionDeniedError, REFUSED),
    550: (ServiceError, AGAIN),
    # Listed nowhere: an error all the same, and undecidable.
    0: (ServiceError, UNKNOWN),
    -1: (ServiceError, UNKNOWN),
    1: (ServiceError, UNKNOWN),
    99999: (ServiceError, UNKNOWN),
    10**30: (ServiceError, UNKNOWN),
}


@pytest.mark.parametrize("write", [int, str, float])
@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("code", CODES)
def test_code_inside_a_good_status(code: int, status: int, write: Any) -> None:
    """Inside a 2xx the body's code decides, as an integer or as text."""
    kind, expected = CODES[code]
    answered = reply(form_a(write(code)), status)
    error = refusal(answered)
    assert type(error) is kind
    assert error.http_status == status
    assert verdict(answered) is expected


@pytest.mark.parametrize("code", [402, 429, 430, 433, 455])
@pytest.mark.parametrize("status", [400, 403, 503])
def test_code_makes_a_vague_status_precise(code: int, status: int) -> None:
    """A gateway maps codes of its own to 400, 403, 503: the precise one counts."""
    answered = reply(form_a(code), status)
    kind, expected = CODES[code]
    assert type(refusal(answered)) is kind
    assert verdict(answered) is expected


@pytest.mark.parametrize("code", [400, 401, 404, 413, 422, 500, 505])
def test_code_does_not_overrule_another_status(code: int) -> None:
    """Otherwise the HTTP status is believed first."""
    assert type(refusal(reply(form_a(code), 400))) is BadRequestError
    assert verdict(reply(form_a(code), 502)) is UNKNOWN


@pytest.mark.parametrize("status", [200, 500])
def test_error_beside_a_good_code(status: int) -> None:
    """An `error` object or `success: false` is an error, whatever `code` says."""
    for body in (
        {"code": 200, "error": {"message": "no"}, "data": {"taskId": "x"}},
        {"code": 200, "success": False, "data": {"taskId": "x"}},
        {"code": 200, "error": "no", "data": {"taskId": "x"}},
        {"code": "success", "error": ["no"], "data": {"taskId": "x"}},
    ):
        error = refusal(reply(body, status))
        assert type(error) is ServiceError
        assert verdict(reply(body, status)) is UNKNOWN


# ----------------------------------------------------------------- gateway names

NAMES: list[tuple[int, str, type[ApiError], Verdict]] = [
    (400, "invalid_request", BadRequestError, REFUSED),
    (400, "bad_request_body", BadRequestError, REFUSED),
    (400, "read_request_body_failed", BadRequestError, REFUSED),
    (400, "task_not_exist", BadRequestError, REFUSED),
    (400, "channel_not_found", BadRequestError, REFUSED),
    (400, "task_channel_disable", BadRequestError, REFUSED),
    (400, "invalid_api_platform", BadRequestError, REFUSED),
    (401, "", AuthenticationError, REFUSED),
    (403, "insufficient_user_quota", InsufficientQuotaError, REFUSED),
    (403, "pre_consume_token_quota_failed", InsufficientQuotaError, REFUSED),
    (403, "quota_not_enough", InsufficientQuotaError, REFUSED),
    (403, "access_denied", PermissionDeniedError, REFUSED),
    (403, "", PermissionDeniedError, REFUSED),
    (413, "read_request_body_failed", PayloadTooLargeError, REFUSED),
    (500, "do_request_failed", ServiceError, UNKNOWN),
    (500, "get_channel_failed", ServiceError, UNKNOWN),
    (500, "fail_to_fetch_task", ServiceError, UNKNOWN),
    (500, "insert_task_failed", ServiceError, UNKNOWN),
    (500, "model_price_error", ServiceError, UNKNOWN),
    (501, "api_not_implemented", ServiceError, UNKNOWN),
    (503, "model_not_found", ServiceError, AGAIN),
    (503, "system_cpu_overloaded", ServiceError, AGAIN),
    (503, "system_memory_overloaded", ServiceError, AGAIN),
    (503, "system_disk_overloaded", ServiceError, AGAIN),
]


@pytest.mark.parametrize("form", [form_b, form_c])
@pytest.mark.parametrize(
    ("status", "name", "kind", "expected"), NAMES, ids=[f"{n[0]}-{n[1]}" for n in NAMES]
)
def test_gateway_name(
    status: int, name: str, kind: type[ApiError], expected: Verdict, form: Any
) -> None:
    """Each documented name under its status, in form B and in form C."""
    body = {"B": form_b("words", name), "C": form_c(name)}[
        "B" if form is form_b else "C"
    ]
    answered = reply(body, status)
    error = refusal(answered)
    assert type(error) is kind
    assert verdict(answered) is expected
    if name:
        assert error.code == name


@pytest.mark.parametrize(
    ("status", "name", "kind", "expected"),
    [row for row in NAMES if row[1] and row[0] not in (413, 500, 501)],
)
def test_gateway_name_inside_a_200(
    status: int, name: str, kind: type[ApiError], expected: Verdict
) -> None:
    """A refusal by name inside a 200 is the same as under its own status."""
    answered = reply(form_c(name), 200)
    assert type(refusal(answered)) is kind
    assert verdict(answered) is expected


@pytest.mark.parametrize("name", ["do_request_failed", "insert_task_failed", "x_y"])
def test_gateway_name_of_a_fault_inside_a_200(name: str) -> None:
    """A fault by name, or a name nobody listed, stays undecidable."""
    assert verdict(reply(form_c(name), 200)) is UNKNOWN
    assert verdict(reply(form_b("words", name), 200)) is UNKNOWN


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (form_b("no channel for the model", "model_not_found"), AGAIN),
        (form_b("no channel for the model", ""), AGAIN),
        (form_b("no channel for the model", None), AGAIN),
        # The request had been passed on: another create could be a second payment.
        (form_b("broken pipe", "do_request_failed"), UNKNOWN),
        (form_b("no row", "insert_task_failed"), UNKNOWN),
        (form_b("unavailable", "", "upstream_error"), UNKNOWN),
        (form_b("unavailable", "", "server_error"), UNKNOWN),
        (form_a(503, "unavailable"), UNKNOWN),
        (form_d("unavailable"), UNKNOWN),
        ({}, UNKNOWN),
        (b"", UNKNOWN),
        (HTML, UNKNOWN),
    ],
)
def test_only_the_gateways_own_503_is_a_refusal(body: Any, expected: Verdict) -> None:
    """A 503 allows another create only where the gateway passed nothing on."""
    assert verdict(reply(body, 503)) is expected


@pytest.mark.parametrize(
    "words",
    [
        "Invalid token",
        "This token has expired",
        "This token quota is exhausted !token.RemainQuota = 0",
        "无效的令牌",
        "该令牌已过期",
        "该令牌额度已用尽",
        "未提供令牌",
    ],
)
def test_401_in_two_languages(words: str) -> None:
    """401 is a dead key in either language; a key that is used up is one too."""
    assert type(refusal(reply(form_b(words), 401))) is AuthenticationError


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("用户额度不足, 剩余额度: 0", InsufficientQuotaError),
        ("预扣费额度失败", InsufficientQuotaError),
        ("user quota is not enough", InsufficientQuotaError),
        ("insufficient balance", InsufficientQuotaError),
        ("Not enough credits", InsufficientQuotaError),
        ("用户已被封禁", PermissionDeniedError),
        ("Your address is not in the allow-list", PermissionDeniedError),
        ("无权访问 vip 分组", PermissionDeniedError),
        ("", PermissionDeniedError),
    ],
)
@pytest.mark.parametrize("form", [form_b, form_d])
def test_403_means_two_things(words: str, kind: type[ApiError], form: Any) -> None:
    """403 is insufficient quota or denied access: names, then words, tell which."""
    assert type(refusal(reply(form(words), 403))) is kind


def test_quota_words_under_other_statuses_are_only_words() -> None:
    """A prompt that speaks of credits does not empty the account."""
    words = "prompt: a poster with the word credits"
    assert type(refusal(reply(form_a(400, words), 400))) is BadRequestError
    assert type(refusal(reply(form_a(422, words), 422))) is UnprocessableError
    assert type(refusal(reply(form_b(words), 500))) is ServiceError


def test_quota_name_needs_the_word() -> None:
    """A load balancer is no balance."""
    error = refusal(reply(form_b("down", "load_balancer_error"), 502))
    assert type(error) is ServiceError


# ----------------------------------------------------- everything that says slow down

SLOW_DOWN: dict[str, WireReply] = {
    "429, sentence, form B": reply(form_b(SATURATED_EN), 429),
    "429, sentence, form C": reply(form_c("upstream_busy", SATURATED_EN), 429),
    "429, sentence in Chinese": reply(form_b(SATURATED_ZH), 429),
    "429, per account": reply(
        form_b("You have reached the request limit: maximum 20 requests in 1 minutes"),
        429,
    ),
    "429, per account, total": reply(
        form_b(
            "You have reached the total request limit: maximum 20 requests in "
            "1 minutes, including failed requests"
        ),
        429,
    ),
    "429, per account, Chinese": reply(
        form_b("您已达到请求数限制：1分钟内最多请求20次"), 429
    ),
    "429, total, Chinese": reply(
        form_b("您已达到总请求数限制：1分钟内最多请求20次，包括失败次数"), 429
    ),
    "429, empty": reply(b"", 429),
    "429, HTML": reply(HTML, 429),
    "429, form A": reply(form_a(429), 429),
    "429, form A, another code": reply(form_a(500), 429),
    "429, form D": reply(form_d("slow down"), 429),
    "429, an odd type": reply(form_b("x", "", "rate_limit_error"), 429),
    "200, code 429": reply(form_a(429), 200),
    "200, code 429 as text": reply(form_a("429"), 200),
    "200, code 405": reply(form_a(405), 200),
    "200, code 430": reply(form_a(430), 200),
    "430": reply(form_a(430), 430),
    "400, code 429": reply(form_a(429), 400),
    "429, with data": reply(
        form_a(429, "x", {"retryAfter": 17, "limit": 180, "windowSeconds": 60}), 429
    ),
    "502, sentence": reply(form_b(SATURATED_EN), 502),
    "503, sentence": reply(form_b(SATURATED_EN), 503),
    "503, sentence in Chinese": reply(form_c("busy", SATURATED_ZH), 503),
}


@pytest.mark.parametrize("sign", SLOW_DOWN)
def test_slow_down(sign: str) -> None:
    """Each known sign of saturation is one, for creates and for queries."""
    error = refusal(SLOW_DOWN[sign])
    assert type(error) is SaturatedError
    assert verdict(SLOW_DOWN[sign]) is WAIT
    assert type(query(SLOW_DOWN[sign])) is SaturatedError


@pytest.mark.parametrize(
    "answered",
    [
        reply(form_b(SATURATED_EN), 500),
        reply(form_b(SATURATED_EN), 504),
        reply(f"<html>{SATURATED_EN}</html>", 502),
        reply(f"<html>{SATURATED_EN}</html>", 503),
    ],
)
def test_slow_down_not_from_a_page(answered: WireReply) -> None:
    """The sentence counts in the gateway's own JSON, under the statuses it was met."""
    assert verdict(answered) is UNKNOWN


TRAPS: dict[str, WireReply] = {
    "code": reply(form_b(SATURATED_EN, "insufficient_user_quota"), 429),
    "code, other": reply(form_b(SATURATED_EN, "insufficient_quota"), 429),
    "type": reply(form_b(SATURATED_EN, "", "insufficient_quota"), 429),
    "type, upper case": reply(form_b(SATURATED_EN, "", "INSUFFICIENT_QUOTA"), 429),
    "form C": reply(form_c("insufficient_user_quota", SATURATED_EN), 429),
    "in a 200": reply(form_c("insufficient_user_quota", SATURATED_EN), 200),
    "form D": reply(form_d(SATURATED_EN, code="insufficient_user_quota"), 429),
    "words": reply(form_b("You exceeded your current quota"), 429),
    "words, balance": reply(form_a(429, "Insufficient balance"), 429),
    "words, credits": reply(form_a(429, "no credits left"), 429),
    "words, Chinese": reply(form_b("余额不足"), 429),
    "words, in a 200": reply(form_a(429, "user quota is not enough"), 200),
    "503": reply(form_b(SATURATED_EN, "insufficient_user_quota"), 503),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_quota_dressed_as_saturation(trap: str) -> None:
    """An empty balance behind a 429 ends a run: names are read before texts."""
    assert type(refusal(TRAPS[trap])) is InsufficientQuotaError
    assert verdict(TRAPS[trap]) is REFUSED
    assert type(query(TRAPS[trap])) is InsufficientQuotaError


# ---------------------------------------------------------------------- Retry-After


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0.0),
        ("17", 17.0),
        (" 2.5 ", 2.5),
        ("1000000000", 1e9),
        ("-5", None),
        ("NaN", None),
        ("inf", None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
@pytest.mark.parametrize("name", ["Retry_After", "retry_after"])
def test_retry_after_header(header: str, expected: float | None, name: str) -> None:
    """Seconds are taken, in any case of the header; nonsense is as if it said none."""
    error = refusal(reply(b"", 429, **{name: header}))
    assert isinstance(error, SaturatedError)
    assert error.retry_after == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"retryAfter": 17, "limit": 180, "windowSeconds": 60}, 17.0),
        ({"retryAfter": "17"}, 17.0),
        ({"retryAfter": None}, None),
        ({"retryAfter": -1}, None),
        ({"retryAfter": []}, None),
        ([17], None),
        (17, None),
        (None, None),
    ],
)
def test_retry_after_in_the_body(data: Any, expected: float | None) -> None:
    """One service of the family puts it into the data."""
    error = refusal(reply(form_a(429, "x", data), 200))
    assert isinstance(error, SaturatedError)
    assert error.retry_after == expected


def test_retry_after_header_first() -> None:
    """The header wins; an unreadable one leaves the body's."""
    body = form_a(429, "x", {"retryAfter": 17})
    both = refusal(reply(body, 429, Retry_After="3"))
    broken = refusal(reply(body, 429, Retry_After="tomorrow"))
    assert isinstance(both, SaturatedError)
    assert isinstance(broken, SaturatedError)
    assert (both.retry_after, broken.retry_after) == (3.0, 17.0)


# --------------------------------------------------------------------- request ids


@pytest.mark.parametrize(
    ("headers", "message", "expected"),
    [
        ({"X_Oneapi_Request_Id": "one", "X_Request_Id": "two"}, "", "one"),
        ({"x_oneapi_request_id": "one"}, "no (request id: three)", "one"),
        ({"X_Request_Id": "two"}, "no (request id: three)", "two"),
        ({}, "no (request id: three)", "three"),
        ({}, "no (request id: three) ", "three"),
        ({"X_Oneapi_Request_Id": ""}, "no", None),
        ({}, "(request id: three) no", None),
        ({}, "no (request id: )", None),
        ({}, f"no (request id: {'x' * 5000})", None),
        ({}, "no", None),
    ],
)
def test_request_id(headers: Any, message: str, expected: str | None) -> None:
    """The header of the gateway, then the usual one, then the end of the message."""
    error = refusal(reply(form_b(message), 500, **headers))
    assert isinstance(error, ApiError)
    assert error.request_id == expected
    if expected:
        assert expected in str(error)


def test_request_id_is_short_and_on_one_line() -> None:
    """A header of 20 kB does not become an error of 20 kB."""
    error = refusal(reply(b"", 500, X_Request_Id="x" * 20_000))
    assert isinstance(error, ApiError)
    assert error.request_id is not None
    assert len(error.request_id) <= 200


# ------------------------------------------------------------------- which is shown


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form_a(433), "433"),
        (form_a("433"), "433"),
        (form_b("x", "quota_not_enough"), "quota_not_enough"),
        (form_b("x", "Quota_Not_Enough"), "quota_not_enough"),
        (form_b("x", 433), "433"),
        (form_b("x", ""), "new_api_error"),
        (form_c("x" * 10**6), "x" * 79 + "…"),
        (form_c("quota_not_enough"), "quota_not_enough"),
        (form_d("x", code="some"), "some"),
        (form_d("x"), None),
        (b"", None),
    ],
)
def test_shown_code(body: Any, code: str | None) -> None:
    """The service's code is kept as text: name or number; else the error's type."""
    error = refusal(reply(body, 403))
    assert isinstance(error, ApiError)
    assert error.code == code


# ----------------------------------------------------------- unknown paths and hosts


@pytest.mark.parametrize(
    "body",
    [form_b("Invalid URL (POST /x)", "", "invalid_request_error"), HTML, b""],
)
def test_unknown_path_points_to_the_base_url(body: Any) -> None:
    """A 404 that speaks of no task says what to look at."""
    error = refusal(reply(body, 404))
    assert type(error) is NotFoundError
    assert "base_url" in str(error)


@pytest.mark.parametrize("body", [HTML, "ok", b"\xff", b"", b"{"])
def test_200_that_is_not_json(body: Any) -> None:
    """A login page with 200 is not this API's; for a create it leaves doubt."""
    error = refusal(reply(body, 200))
    assert type(error) is ProtocolError
    assert "base_url" in str(error)
    assert error.http_status == 200
    assert verdict(reply(body, 200)) is UNKNOWN
