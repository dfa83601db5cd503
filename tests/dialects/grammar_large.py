"""Answers made to be slow to read, each within the transport's cap of 16 MiB.

Every one is a function, so that they are not all in memory at once. `RECORDS` fill
one member of a LiangXin record and of an EvoLink task object; `REFUSALS` fill the
words of an error; `BODIES` are whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

CAP = 16 * 1024 * 1024
MIB = 1024 * 1024
MANY = 100_000

Body: TypeAlias = Callable[[], bytes]

LIANGXIN_RECORD = '{"code":200,"data":{"taskId":"T","state":"success",%s}}'
EVOLINK_TASK = '{"id":"T","status":"completed",%s}'
REFUSAL = '{"code":%d,"error":{"message":%s,"fallback_suggestion":%s}}'

_SPACES = " " * (2 * MIB)
_URLS = ",".join(f'"https://h/{n}.png"' for n in range(MANY))
_OBJECTS = ",".join(f'{{"url":"https://h/{n}.png"}}' for n in range(MANY))


def _numeric(value: str) -> str:
    """Return every member that is read as a number or an instant, with this value."""
    names = ("progress", "costTime", "createTime", "duration", "created", "failCode")
    return ",".join(f'"{name}":{value}' for name in names)


def _worded(value: str) -> str:
    """Return every member that is read as text or result, with this value."""
    names = ("model", "failMsg", "param", "resultJson", "results", "result_data")
    return ",".join(f'"{name}":{value}' for name in names)


RECORDS: dict[str, Callable[[], str]] = {
    "one string of 8 MiB": lambda: f'"model":"{"x" * 8 * MIB}"',
    "one result of 8 MiB": lambda: f'"resultJson":"{"x" * 8 * MIB}","results":"x"',
    "one URL of 8 MiB": lambda: f'"results":["https://{"x" * 8 * MIB}"]',
    "texts of 2 MiB": lambda: _worded(f'"{"x" * 2 * MIB}"'),
    "texts of white space": lambda: _worded(f'"{_SPACES}"'),
    "half pairs": lambda: _worded('"' + r"\ud800" * (MIB // 4) + '"'),
    "brackets": lambda: '"new":' + "[" * 10**6 + "]" * 10**6,
    "brackets in texts": lambda: _worded(f'"{"[" * 10**6}"'),
    "braces in texts": lambda: _worded(json.dumps('{"a":' * 10**5)),
    "quotes in texts": lambda: _worded(json.dumps('"' * 10**6)),
    "digits": lambda: _numeric("9" * 10**6),
    "digits as text": lambda: _numeric(f'"{"9" * 10**6}"'),
    "fraction": lambda: _numeric("0." + "9" * 10**6),
    "exponent": lambda: _numeric("1e" + "9" * 10**6),
    "exponent as text": lambda: _numeric('"1e' + "9" * 10**6 + '"'),
    "numbers of white space": lambda: _numeric(f'"{_SPACES}"'),
    "a digit, then white space": lambda: _numeric(f'"5{_SPACES}"'),
    "white space between signs": lambda: _numeric(f'"5{_SPACES}x"'),
    "white space before a sign": lambda: _numeric(f'"{_SPACES}x"'),
    "percent signs": lambda: _numeric(f'"{"5%" * MIB}"'),
    "keys": lambda: '"usage":{' + ",".join(f'"{n}":{n}' for n in range(MANY)) + "}",
    "members": lambda: ",".join(f'"{n}":{n}' for n in range(MANY)),
    "URLs": lambda: f'"resultJson":{{"resultUrls":[{_URLS}]}},"results":[{_URLS}]',
    "URLs in text": lambda: f'"resultJson":{json.dumps(f"[{_URLS}]")},"results":[]',
    "URL objects": lambda: f'"resultJson":[{_OBJECTS}],"result_data":[{_OBJECTS}]',
    "text in text": lambda: _worded(_wrapped('{"resultUrls":["x"]}', 15)),
    "results in results": lambda: (
        '"resultJson":' + '{"resultUrls":' * 100 + "1" + "}" * 100
    ),
    "a status": lambda: f'"state":"{_SPACES}success","status":"completed{_SPACES}"',
}


def _wrapped(text: str, times: int) -> str:
    for _ in range(times):
        text = json.dumps(text)
    return text


WORDS: dict[str, Callable[[], str]] = {
    "2 MiB": lambda: "x" * 2 * MIB,
    "opening brackets": lambda: "(" * 2 * MIB,
    "both brackets": lambda: "()" * MIB,
    "request ids": lambda: "(request id: a) " * (MIB // 8),
    "request ids, open": lambda: "(request id: a" * (MIB // 8),
    "request ids, empty": lambda: "(request id: " * (MIB // 8),
    "a request id, white space": lambda: "(request id: a)" + _SPACES + "x",
    "white space": lambda: _SPACES,
    "lines": lambda: "\n" * 2 * MIB,
    "quota": lambda: "quot " * (MIB // 4),
    "saturated": lambda: "load is saturate " * (MIB // 8),
    "Chinese": lambda: "额" * (MIB // 2),
    "waits": lambda: "retry after " * (MIB // 8),
    "a wait of 2 MiB digits": lambda: "retry after " + "9" * 2 * MIB,
    "a wait after white space": lambda: "retry after" + _SPACES + "x",
    "a wait before white space": lambda: "retry after 60" + _SPACES + "x",
    "digits": lambda: "9" * 2 * MIB,
    "digits and points": lambda: "9." * MIB,
    "digits and spaces": lambda: "9 " * MIB,
    "half pairs": lambda: "\ud800" * (MIB // 8),
}


def refusal(name: str, status: int) -> bytes:
    """Return an error answer whose every text is that of `WORDS`."""
    words = json.dumps(WORDS[name]())
    return (REFUSAL % (status, words, words)).encode()


BODIES: dict[str, Body] = {
    "16 MiB of white space": lambda: b" " * CAP,
    "16 MiB of opening brackets": lambda: b"[" * CAP,
    "a million brackets": lambda: b"[" * 10**6 + b"]" * 10**6,
    "a million braces": lambda: b'{"a":' * 10**6,
    "a million digits": lambda: b"9" * 10**6,
    "a string of 8 MiB": lambda: b'"' + b"x" * 8 * MIB + b'"',
    "a flat list": lambda: b"[" + b"1," * MIB + b"1]",
    "a list of lists": lambda: b"[" + b"[]," * (MIB // 2) + b"[]]",
    "a list of objects": lambda: b"[" + b'{"a":[{}]},' * MANY + b"{}]",
    "keys": lambda: json.dumps({str(n): n for n in range(MANY)}).encode(),
    "one key, again and again": lambda: b"{" + b'"data":1,' * 10**6 + b'"id":1}',
    "a page": lambda: b"<html>" + b"<p>quota credits (</p>" * (MIB // 2),
    "half an answer": lambda: b'{"code":200,"data":{"taskId":"' + b"x" * 8 * MIB,
    "not UTF-8": lambda: b"\xff" * CAP,
    "zeros": lambda: b"\x00" * CAP,
    "two MiB before the JSON": lambda: b"\n" * 2 * MIB + b'{"id":"T","status":"x"}',
    "an id of 8 MiB": lambda: (
        b'{"code":200,"id":"%s","data":{"taskId":"x"}}' % (b"x" * 8 * MIB)
    ),
    "a code of 8 MiB": lambda: b'{"code":"%s"}' % (b"quot" * 2 * MIB),
    "a type of 8 MiB": lambda: b'{"error":{"type":"%s"}}' % (b"y" * 8 * MIB),
    "codes of digits": lambda: (
        b'{"code":"%s","error":{"code":"%s"}}'
        % (
            b"9" * 10**6,
            b"9" * 10**6,
        )
    ),
    "credits": lambda: (
        b'{"data":{"token":{"remaining_credits":"%s"},"user":%s1%s},"success":true}'
        % (b"9" * 10**6, b"[" * 100, b"]" * 100)
    ),
}
