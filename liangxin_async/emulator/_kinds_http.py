"""Faults above the connection: statuses, pages, redirects, encodings, odd JSON."""

from __future__ import annotations

import gzip
import zlib
from functools import lru_cache

from attrs import evolve

from liangxin_async.emulator._answer import HTML, Answer, html
from liangxin_async.emulator._kinds import (
    HTTP_ROUTES,
    REQUIRED,
    SAID_ROUTES,
    Book,
    Kind,
    Scene,
)

BOOK = Book()

_TITLES = {
    500: "500 Internal Server Error",
    501: "501 Not Implemented",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
    520: "520: Web server is returning an unknown error",
}
# A proxy that lost its upstream's answer: the upstream may well have done the work.
_LOST_ANSWERS = frozenset((502, 504, 520))


def _enter_page(status: int, title: str) -> None:
    meaning = f"a proxy's HTML page with status {status}"
    accept = status in _LOST_ANSWERS
    BOOK.add(
        Kind(
            f"html_{status}",
            meaning,
            HTTP_ROUTES,
            accept,
            alter=lambda _: html(status, title),
        )
    )


for _status, _title in _TITLES.items():
    _enter_page(_status, _title)


@BOOK.alters(*HTTP_ROUTES)
def login_page(_: Scene) -> Answer:
    """status 200 with an HTML login page"""
    page = b'<!doctype html><html><form action="/login"><input name="user"></form>'
    return Answer(content=page, content_type=HTML)


@BOOK.alters(*HTTP_ROUTES, status=200, body="", headers={}, content_type="text/plain")
def answer(scene: Scene) -> Answer:
    """any `status`, `body` text, `headers` and `content_type`"""
    return Answer(
        status=scene.params["status"],
        content=scene.params["body"].encode(),
        content_type=scene.params["content_type"],
        headers=dict(scene.params["headers"]),
    )


@BOOK.alters(*HTTP_ROUTES, location=REQUIRED, status=307)
def redirect(scene: Scene) -> Answer:
    """a redirect with `status` to `location` ({base} is the emulator's own address)"""
    location = scene.params["location"].replace("{base}", scene.base_url)
    headers = {"Location": location}
    return Answer(status=scene.params["status"], content_type=None, headers=headers)


@BOOK.alters(*SAID_ROUTES, accept=True, content_type="text/html")
def wrong_content_type(scene: Scene) -> Answer:
    """honest JSON under another `content_type`"""
    return evolve(scene.answer, content_type=scene.params["content_type"])


@BOOK.alters(*SAID_ROUTES, accept=True)
def bom(scene: Scene) -> Answer:
    """honest JSON behind a UTF-8 byte order mark"""
    return scene.answer.with_body(b"\xef\xbb\xbf" + scene.answer.body)


@BOOK.alters(*SAID_ROUTES, accept=True)
def utf16(scene: Scene) -> Answer:
    """honest JSON in UTF-16"""
    return scene.answer.with_body(scene.answer.body.decode().encode("utf-16"))


@BOOK.alters(*SAID_ROUTES, accept=True)
def latin1(scene: Scene) -> Answer:
    """JSON with an é in Latin-1, and a Content-Type that says so"""
    body = _inserted(scene.answer, b'"note":"caf\xe9"')
    return scene.answer.with_body(body, "application/json; charset=iso-8859-1")


@BOOK.alters(*SAID_ROUTES, accept=True)
def invalid_utf8(scene: Scene) -> Answer:
    """JSON with bytes that are not UTF-8"""
    return scene.answer.with_body(_inserted(scene.answer, b'"note":"\xff\xfe"'))


@BOOK.alters(*SAID_ROUTES, accept=True)
def nan(scene: Scene) -> Answer:
    """JSON with NaN in an extra field"""
    return scene.answer.with_body(_inserted(scene.answer, b'"note":NaN'))


@BOOK.alters(*SAID_ROUTES, accept=True)
def duplicate_keys(scene: Scene) -> Answer:
    """JSON that gives every outer field twice: null first, then the honest value"""
    first = ",".join(f'"{name}":null' for name in scene.answer.payload or {})
    return scene.answer.with_body(_inserted(scene.answer, first.encode()))


@BOOK.alters(*SAID_ROUTES, accept=True, levels=2000)
def deep_nesting(scene: Scene) -> Answer:
    """JSON with an extra list nested `levels` deep"""
    levels = scene.params["levels"]
    note = b'"note":' + b"[" * levels + b"]" * levels
    return scene.answer.with_body(_inserted(scene.answer, note))


@BOOK.alters(*SAID_ROUTES, accept=True, digits=30)
def huge_integer(scene: Scene) -> Answer:
    """JSON with an extra integer of `digits` digits"""
    note = b'"note":' + b"9" * scene.params["digits"]
    return scene.answer.with_body(_inserted(scene.answer, note))


@BOOK.alters(*SAID_ROUTES, accept=True)
def lone_surrogate(scene: Scene) -> Answer:
    """JSON with half of a surrogate pair in an extra field"""
    return scene.answer.with_body(_inserted(scene.answer, b'"note":"\\ud800"'))


@BOOK.alters(*HTTP_ROUTES, "callback", accept=True, size_bytes=64 << 20)
def gzip_bomb(scene: Scene) -> Answer:
    """honest body padded with spaces to `size_bytes`, compressed a thousandfold"""
    body = scene.answer.body
    bomb = _bomb(body, max(scene.params["size_bytes"] - len(body), 0))
    return gzipped(scene.answer, bomb)


@BOOK.alters(*HTTP_ROUTES, "callback", accept=True)
def bad_gzip(scene: Scene) -> Answer:
    """Content-Encoding says gzip, the bytes are not"""
    return gzipped(scene.answer, b"\x1f\x8b" + scene.answer.body)


@BOOK.alters(*HTTP_ROUTES, "callback", accept=True)
def gzip_members(scene: Scene) -> Answer:
    """honest body in two gzip members"""
    body = scene.answer.body
    half = len(body) // 2
    parts = gzip.compress(body[:half]) + gzip.compress(body[half:])
    return gzipped(scene.answer, parts)


@BOOK.alters("file")
def empty_file(scene: Scene) -> Answer:
    """a file of zero bytes"""
    return scene.answer.with_body(b"", scene.answer.content_type)


@BOOK.alters("file", content_type="application/pdf")
def wrong_file_type(scene: Scene) -> Answer:
    """the picture under another `content_type`"""
    return evolve(scene.answer, content_type=scene.params["content_type"])


@BOOK.alters("file", text="%PDF-1.7 this is not a picture")
def not_a_picture(scene: Scene) -> Answer:
    """`text` under the picture's content type"""
    return scene.answer.with_body(
        scene.params["text"].encode(), scene.answer.content_type
    )


@BOOK.alters("file", status=404)
def expired(scene: Scene) -> Answer:
    """`status`, from now on, for this URL; the next query gives one that works"""
    if scene.task is not None:
        scene.task.expire(scene.params["status"])
    return html(scene.params["status"], "Expired")


def _inserted(original: Answer, members: bytes) -> bytes:
    """Put members in front of the others of a JSON object; else leave the body."""
    body = original.body
    return b"{" + members + b"," + body[1:] if body.startswith(b'{"') else body


def gzipped(original: Answer, body: bytes) -> Answer:
    """Return an answer whose body is these bytes, said to be gzip."""
    headers = {**original.headers, "Content-Encoding": "gzip"}
    return evolve(original.with_body(body, original.content_type), headers=headers)


_BLOCK = b" " * (1 << 20)


@lru_cache(maxsize=1)
def _spaces() -> bytes:
    """Return 1 MiB of spaces as a deflate block that can be repeated as it is."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(_BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)


def _bomb(body: bytes, spaces: int) -> bytes:
    """Return `body` and at least `spaces` spaces as one valid gzip member."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [packer.compress(body), packer.flush(zlib.Z_FULL_FLUSH)]
    blocks = -(-spaces // len(_BLOCK))
    check = zlib.crc32(body)
    for _ in range(blocks):
        check = zlib.crc32(_BLOCK, check)
    size = (len(body) + blocks * len(_BLOCK)) & 0xFFFFFFFF
    tail = check.to_bytes(4, "little") + size.to_bytes(4, "little")
    head = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    return b"".join([head, *parts, _spaces() * blocks, packer.flush(), tail])
