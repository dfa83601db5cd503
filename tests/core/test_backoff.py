"""Delays, and what may be sent again: the table of reliability.md, section 4."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async import _errors
from liangxin_async._core.backoff import (
    MAX_ATTEMPTS,
    POLL_FAILURE,
    RETRY,
    Backoff,
    Verdict,
    judge_create,
    may_pass,
    next_delay,
)
from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    InsufficientQuotaError,
    InvalidRequestError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    ProtocolError,
    RequestTimeoutError,
    SaturatedError,
    ServiceError,
    SessionClosedError,
    TransportError,
    UnprocessableError,
)

LARGEST_RAND = 1 - 2**-53
POLICIES = (RETRY, POLL_FAILURE, Backoff(1.0, 1.0), Backoff(0.001, 3600.0))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(1, 10**9),
    st.sampled_from(POLICIES),
    st.floats(0, 1, exclude_max=True),
)
def test_next_delay_bounds(attempt: int, policy: Backoff, rand: float) -> None:
    """Any attempt gives a delay from 0 to the cap; the billionth does not overflow."""
    assert 0 <= next_delay(attempt, policy, rand=rand) <= policy.cap


@pytest.mark.parametrize("policy", POLICIES)
def test_next_delay_grows_to_the_cap(policy: Backoff) -> None:
    """The largest delay starts at the base, never shrinks, and ends at the cap."""
    largest = [next_delay(n, policy, rand=LARGEST_RAND) for n in range(1, 60)]
    assert largest[0] == pytest.approx(policy.base)
    assert largest == sorted(largest)
    assert largest[-1] == pytest.approx(policy.cap)


@pytest.mark.parametrize("attempt", [1, 2, 3, 40])
def test_next_delay_full_jitter(attempt: int) -> None:
    """The delay is spread evenly from 0: half the random number, half the delay."""
    whole = next_delay(attempt, RETRY, rand=0.8)
    assert next_delay(attempt, RETRY, rand=0.4) == pytest.approx(whole / 2)
    assert next_delay(attempt, RETRY, rand=0.0) == 0.0


def test_retries_are_bounded() -> None:
    """Tries for causes other than saturation are few, and end within a minute or two.

    The longest possible sum of delays is what a caller without a deadline may wait.
    """
    assert 1 < MAX_ATTEMPTS <= 10
    waits = (next_delay(n, RETRY, rand=LARGEST_RAND) for n in range(1, MAX_ATTEMPTS))
    assert sum(waits) < 120


REFUSALS = (
    BadRequestError(http_status=400),
    AuthenticationError(http_status=401),
    InsufficientQuotaError(http_status=402),
    PermissionDeniedError(http_status=403),
    NotFoundError(http_status=404),
    PayloadTooLargeError(http_status=413),
    UnprocessableError(http_status=422),
    ApiError(http_status=418),
)
IN_DOUBT = (
    ServiceError(http_status=500),
    ServiceError(http_status=503),
    RequestTimeoutError("x"),
    ConnectionLostError("x"),
    TransportError("x"),
    ProtocolError("x", http_status=200),
    SessionClosedError("x"),
    LiangxinError("x"),
    # No connection, and yet bytes left: whoever says so, it is not certain.
    ConnectError("x"),
    ConnectError("x", permanent=True),
)


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_judge_create_refusal(error: LiangxinError) -> None:
    """A clear refusal is final: nothing was made, nothing is sent again."""
    assert judge_create(error, left=True) is Verdict.REFUSED


@pytest.mark.parametrize("error", IN_DOUBT, ids=repr)
def test_judge_create_doubt(error: LiangxinError) -> None:
    """Whatever stays undecidable after the first byte is unknown."""
    assert judge_create(error, left=True) is Verdict.UNKNOWN


def test_judge_create_saturated() -> None:
    """A 429 is waited out, with or without advice how long."""
    assert judge_create(SaturatedError(), left=True) is Verdict.WAIT
    assert judge_create(SaturatedError(retry_after=17.0), left=True) is Verdict.WAIT


def test_judge_create_gateway_refusal() -> None:
    """The service's own word that it did not take the create allows another try."""
    error = ServiceError(http_status=503, refused=True)
    assert judge_create(error, left=True) is Verdict.AGAIN


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("refused"),
        RequestTimeoutError("total timeout while still connecting"),
        ConnectionLostError("reset before the first byte"),
        ProtocolError("x"),
        LiangxinError("x"),
    ],
    ids=repr,
)
def test_judge_create_never_left(error: LiangxinError) -> None:
    """The signal decides, not the class: what never left may be sent again."""
    assert judge_create(error, left=False) is Verdict.AGAIN


def test_judge_create_permanent() -> None:
    """A certificate that does not fit is told at once: waiting cannot help."""
    error = ConnectError("TLS", permanent=True)
    assert judge_create(error, left=False) is Verdict.REFUSED


@pytest.mark.parametrize("left", [True, False])
def test_judge_create_misuse(left: bool) -> None:
    """A redirect, a wrong set-up or a wrong request is never repeated."""
    assert judge_create(ConfigurationError("x"), left=left) is Verdict.REFUSED
    wrong = InvalidRequestError("x", problems=())
    assert judge_create(wrong, left=left) is Verdict.REFUSED


def test_judge_create_sends_again_only_after_certainty() -> None:
    """Promise 1: of all errors after departure, only two kinds allow a second create.

    They are the 429 and the service's own word that it refused.
    """
    for value in vars(_errors).values():
        if not (isinstance(value, type) and issubclass(value, LiangxinError)):
            continue
        error = value.__new__(value, "x")
        if isinstance(error, ServiceError):
            error.refused = False
        verdict = judge_create(error, left=True)
        if not isinstance(error, SaturatedError):
            assert verdict in (Verdict.REFUSED, Verdict.UNKNOWN), value


# ---------------------------------------------------------------------------- queries


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (ConnectError("no connection"), True),
        (ConnectError("a certificate of others", permanent=True), False),
        (ConnectionLostError("reset"), True),
        (RequestTimeoutError("no answer"), True),
        (ProtocolError("no JSON"), True),
        (SaturatedError(http_status=429), True),
        (ServiceError(http_status=502), True),
        (NotFoundError(http_status=404), False),
        (AuthenticationError(http_status=401), False),
        (SessionClosedError("closed"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_may_pass(error: LiangxinError, passing: bool) -> None:
    """What the network or a busy service did passes; what a service decided stays."""
    assert may_pass(error) == passing
