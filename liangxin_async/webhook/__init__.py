"""Callbacks: for now, the optional signature that some services of the family send.

A callback is a hint. Whatever it says, ask the service about the task it names.
"""

from liangxin_async.webhook._signature import (
    MAX_AGE,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Signature,
    check_signature,
    sign,
)

__all__ = [
    "MAX_AGE",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "Signature",
    "check_signature",
    "sign",
]
