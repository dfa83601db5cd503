"""Asyncio client for task-based image generation: LiangXin, its API family, EvoLink.

    from liangxin_async import Session, ZImage

    async with Session(api_key="...", base_url="https://...") as session:
        result = await session.generate(ZImage("a cafe terrace in Paris"), timeout=120)
        paths = await session.download(result, "out/")

Submits pass an adaptive gate per model, one poller follows all tasks, and a create is
never sent twice unless the service clearly refused it.
"""

import logging

from liangxin_async._batch import Batch
from liangxin_async._config import Polling, Timeouts
from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DownloadError,
    EmptyResultError,
    InsufficientQuotaError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    Problem,
    ProtocolError,
    RequestTimeoutError,
    SaturatedError,
    ServiceError,
    SessionClosedError,
    StoreError,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskError,
    TaskFailedError,
    TaskLostError,
    TaskTimeoutError,
    TransportError,
    UnprocessableError,
)
from liangxin_async._events import (
    CallbackTaken,
    DownloadCancelled,
    DownloadComplete,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
    Event,
    Observer,
    PollComplete,
    PollFailed,
    SessionClosed,
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitQueued,
    SubmitRefused,
    SubmitStarted,
    TaskAttached,
    TaskSettled,
)
from liangxin_async._handle import TaskHandle
from liangxin_async._records import (
    CreditCount,
    Credits,
    Outcome,
    Result,
    Stats,
    TaskRecord,
    TaskState,
)
from liangxin_async._session import Session
from liangxin_async._version import __version__
from liangxin_async.dialects import EVOLINK, LIANGXIN
from liangxin_async.models import (
    Flux2Pro,
    Generic,
    Imagen4Ultra,
    NanoBananaPro,
    NanoBananaProFlash,
    Request,
    SeedreamV45,
    ZImage,
    ZImageTurbo,
)

__all__ = [
    "EVOLINK",
    "LIANGXIN",
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "Batch",
    "CallbackTaken",
    "ConfigurationError",
    "ConnectError",
    "ConnectionLostError",
    "CreditCount",
    "Credits",
    "DownloadCancelled",
    "DownloadComplete",
    "DownloadError",
    "DownloadFailed",
    "DownloadRetried",
    "DownloadStarted",
    "EmptyResultError",
    "Event",
    "Flux2Pro",
    "Generic",
    "Imagen4Ultra",
    "InsufficientQuotaError",
    "InvalidRequestError",
    "JournalError",
    "LiangxinError",
    "NanoBananaPro",
    "NanoBananaProFlash",
    "NotFoundError",
    "Observer",
    "Outcome",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "PollComplete",
    "PollFailed",
    "Polling",
    "Problem",
    "ProtocolError",
    "Request",
    "RequestTimeoutError",
    "Result",
    "SaturatedError",
    "SeedreamV45",
    "ServiceError",
    "Session",
    "SessionClosed",
    "SessionClosedError",
    "Stats",
    "StoreError",
    "SubmitAccepted",
    "SubmitCancelled",
    "SubmitFailed",
    "SubmitQueued",
    "SubmitRefused",
    "SubmitStarted",
    "SubmitTimeoutError",
    "SubmitUnknownError",
    "TaskAttached",
    "TaskError",
    "TaskFailedError",
    "TaskHandle",
    "TaskLostError",
    "TaskRecord",
    "TaskSettled",
    "TaskState",
    "TaskTimeoutError",
    "Timeouts",
    "TransportError",
    "UnprocessableError",
    "ZImage",
    "ZImageTurbo",
    "__version__",
]

# Without it, Python prints warnings of unconfigured loggers to stderr.
logging.getLogger(__name__).addHandler(logging.NullHandler())

# Names are shown where they are imported from, so that errors and pickles read well.
for _name in __all__:
    _object = globals()[_name]
    if isinstance(_object, type):
        _object.__module__ = __name__
del _name, _object
