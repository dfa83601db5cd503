"""Wire shapes, sans-IO: a request becomes an HTTP request, a reply a value or error."""

from liangxin_async.dialects._liangxin import LIANGXIN
from liangxin_async.dialects._wire import (
    HEADERS_READ,
    Accepted,
    Dialect,
    WireReply,
    WireRequest,
)

__all__ = [
    "HEADERS_READ",
    "LIANGXIN",
    "Accepted",
    "Dialect",
    "WireReply",
    "WireRequest",
]
