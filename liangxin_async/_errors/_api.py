"""The service answered and refused."""

from __future__ import annotations

from typing import ClassVar

from liangxin_async._errors._base import LiangxinError, shorten


class ApiError(LiangxinError):
    """The service answered and refused.

    Attributes:
        http_status: HTTP status of the answer; None where no answer was involved.
        code: the service's own code, as text (`"433"`, `"quota_not_enough"`), or None.
        message: the service's own words, shortened; may be empty.
        request_id: the service's id for the call, or None.
    """

    http_status: int | None
    code: str | None
    message: str
    request_id: str | None

    title: ClassVar[str] = "the service refused the request"

    def __init__(
        self,
        text: str | None = None,
        *,
        http_status: int | None = None,
        code: str | None = None,
        message: str = "",
        request_id: str | None = None,
    ) -> None:
        self.http_status = http_status
        self.code = code
        self.message = shorten(message)
        self.request_id = request_id
        super().__init__(text if text is not None else self._describe())

    def _describe(self) -> str:
        facts = [
            None if self.http_status is None else f"HTTP {self.http_status}",
            None if self.code is None else f"code {self.code}",
            None if self.request_id is None else f"request id {self.request_id}",
        ]
        shown = ", ".join(fact for fact in facts if fact)
        words = f": {self.message}" if self.message else ""
        return f"{self.title}{words}" + (f" ({shown})" if shown else "")


class BadRequestError(ApiError):
    """400 and the like: the request is wrong, or its price is not configured there."""

    title: ClassVar[str] = "the service calls the request invalid"


class AuthenticationError(ApiError):
    """401: the key is missing, wrong, expired or used up. Ends a run at once."""

    title: ClassVar[str] = "the service does not accept the API key"


class InsufficientQuotaError(ApiError):
    """No balance, quota or credit left. Ends a run at once; never retried.

    402, 403 or 433, or any status whose code or type names a quota.
    """

    title: ClassVar[str] = "the account has no balance or quota left"


class PermissionDeniedError(ApiError):
    """403: this key may not do this (address, group, model, banned user)."""

    title: ClassVar[str] = "the service denies access"


class NotFoundError(ApiError):
    """404, or one of the ways in which the API family says "no such task"."""

    title: ClassVar[str] = "the service does not know this"


class PayloadTooLargeError(ApiError):
    """413: the body is too large; inline images are the likely cause."""

    title: ClassVar[str] = "the request body is too large"


class UnprocessableError(ApiError):
    """422: the upstream model refused the request."""

    title: ClassVar[str] = "the upstream model refused the request"


class SaturatedError(ApiError):
    """429: refused for now, so no task exists and nothing was charged.

    Attributes:
        retry_after: seconds the service asked to wait, or None where it did not say.
    """

    retry_after: float | None

    title: ClassVar[str] = "the service is saturated"

    def __init__(
        self,
        text: str | None = None,
        *,
        http_status: int | None = None,
        code: str | None = None,
        message: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            text,
            http_status=http_status,
            code=code,
            message=message,
            request_id=request_id,
        )
        self.retry_after = retry_after


class SubmitTimeoutError(SaturatedError, TimeoutError):
    """No place for the create was found before the caller's deadline.

    Nothing was accepted and nothing charged. `__cause__` is the last refusal, if one
    was met; without one the request waited behind others of this session.
    """

    title: ClassVar[str] = "no place was free before the deadline"


class ServiceError(ApiError):
    """5xx or a code that means a fault on the other side.

    Attributes:
        refused: whether the service itself said that it did not take the request
            (its own 503, maintenance 455). Only such a create is sent again.
        retry_after: seconds the service asked to wait, or None where it did not say.
    """

    refused: bool
    retry_after: float | None

    title: ClassVar[str] = "the service failed"

    def __init__(
        self,
        text: str | None = None,
        *,
        http_status: int | None = None,
        code: str | None = None,
        message: str = "",
        request_id: str | None = None,
        refused: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            text,
            http_status=http_status,
            code=code,
            message=message,
            request_id=request_id,
        )
        self.refused = refused
        self.retry_after = retry_after
