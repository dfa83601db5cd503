"""Every error of the library, in one tree.

    LiangxinError
    ├── InvalidRequestError      ours, before anything is sent    (ValueError)
    ├── ConfigurationError       key, base URL, use across loops  (ValueError)
    ├── SessionClosedError       the session is closed            (RuntimeError)
    │
    │   Did no usable answer arrive?
    ├── TransportError
    │   ├── ConnectError         no connection: nothing was sent
    │   ├── RequestTimeoutError  no answer in time                (TimeoutError)
    │   └── ConnectionLostError  the connection broke under way
    ├── ProtocolError            an answer that is not this API's
    ├── SubmitUnknownError       a create that may have been accepted
    │
    │   Did the service refuse?
    ├── ApiError
    │   ├── BadRequestError          400
    │   ├── AuthenticationError      401
    │   ├── InsufficientQuotaError   402, 403, 433, or by name under any status
    │   ├── PermissionDeniedError    403, 505
    │   ├── NotFoundError            404 and the family's other spellings of it
    │   ├── PayloadTooLargeError     413
    │   ├── UnprocessableError       422, 451
    │   ├── SaturatedError           429: refused for now
    │   │   └── SubmitTimeoutError   no place before the deadline (TimeoutError)
    │   └── ServiceError             5xx
    │
    │   Did an accepted task end badly?
    ├── TaskError
    │   ├── TaskFailedError      state `fail`
    │   ├── TaskTimeoutError     still running when we stopped waiting (TimeoutError)
    │   ├── TaskLostError        the service does not know the id
    │   └── EmptyResultError     `success` without a usable URL
    ├── DownloadError            a result file could not be had whole
    ├── JournalError             a bulk run cannot write down what it does
    └── StoreError               an object store takes no files of a bulk run

Each says in `charged` whether money was spent on what the failed call asked for:
"no", "yes" or "unknown". All survive `pickle` and `copy`; none holds the API key.
"""

from liangxin_async._errors._api import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    InsufficientQuotaError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    SaturatedError,
    ServiceError,
    SubmitTimeoutError,
    UnprocessableError,
)
from liangxin_async._errors._base import (
    Charged,
    ConfigurationError,
    InvalidRequestError,
    LiangxinError,
    Problem,
    SessionClosedError,
    fresh,
    shorten,
)
from liangxin_async._errors._task import (
    DownloadError,
    EmptyResultError,
    JournalError,
    StoreError,
    TaskError,
    TaskFailedError,
    TaskLostError,
    TaskTimeoutError,
)
from liangxin_async._errors._transport import (
    ConnectError,
    ConnectionLostError,
    ProtocolError,
    RequestTimeoutError,
    SubmitUnknownError,
    TransportError,
)
from liangxin_async._naming import name_publicly

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "Charged",
    "ConfigurationError",
    "ConnectError",
    "ConnectionLostError",
    "DownloadError",
    "EmptyResultError",
    "InsufficientQuotaError",
    "InvalidRequestError",
    "JournalError",
    "LiangxinError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "Problem",
    "ProtocolError",
    "RequestTimeoutError",
    "SaturatedError",
    "ServiceError",
    "SessionClosedError",
    "StoreError",
    "SubmitTimeoutError",
    "SubmitUnknownError",
    "TaskError",
    "TaskFailedError",
    "TaskLostError",
    "TaskTimeoutError",
    "TransportError",
    "UnprocessableError",
    "fresh",
    "shorten",
]

name_publicly(*(what for what in tuple(globals().values()) if isinstance(what, type)))
