"""Wire shapes, sans-IO: a request becomes an HTTP request, a reply a value or error."""

from liangxin_async.dialects._evolink import EVOLINK
from liangxin_async.dialects._liangxin import LIANGXIN
from liangxin_async.dialects._wire import (
    HEADERS_READ,
    Accepted,
    CallbackNote,
    Dialect,
    TellsCredits,
    WireReply,
    WireRequest,
)

DIALECTS: tuple[Dialect, ...] = (LIANGXIN, EVOLINK)

__all__ = [
    "DIALECTS",
    "EVOLINK",
    "HEADERS_READ",
    "LIANGXIN",
    "Accepted",
    "CallbackNote",
    "Dialect",
    "TellsCredits",
    "WireReply",
    "WireRequest",
]
