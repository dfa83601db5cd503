"""Callbacks: a receiver for `aiohttp.web` and any ASGI application.

    session = Session(callback_url="https://bot.example.com/liangxin")
    receiver = Receiver(session)
    app.add_routes(receiver.routes())               # aiohttp.web
    app.mount("/liangxin", receiver.asgi)           # FastAPI, Starlette

A callback is a hint: it makes the session ask about the task at once, and nothing that
it says is believed. A program with a receiver of its own checks the optional signature
that some services of the family send with `check_signature`, and then asks the service
about the task that was named.
"""

from liangxin_async.webhook._masking import MaskTokens
from liangxin_async.webhook._receiver import Receiver
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
    "MaskTokens",
    "Receiver",
    "Signature",
    "check_signature",
    "sign",
]
