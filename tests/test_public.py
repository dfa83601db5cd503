"""The public door: its names, their documentation, and the border to aiohttp."""

from __future__ import annotations

import importlib
import inspect
import pickle
import ssl
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

import liangxin_async
from liangxin_async import (
    ConnectError,
    ConnectionLostError,
    LiangxinError,
    ProtocolError,
    RequestTimeoutError,
    TransportError,
)
from liangxin_async._transport import map_error

SECRET = "sk-canary-4f1d8e"
NAMESPACES = [
    name
    for name in ("", "models", "bulk", "otel", "webhook", "emulator", "testing")
    if (Path(liangxin_async.__file__).parent / name).is_dir()
    or (Path(liangxin_async.__file__).parent / f"{name}.py").is_file()
]


def load(namespace: str) -> types.ModuleType:
    return importlib.import_module(f"liangxin_async.{namespace}".rstrip("."))


def sorting(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest; each by the alphabet, as ruff sorts."""
    rank = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return rank, name


# --------------------------------------------------------------------------- names


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_all_is_sorted(namespace: str) -> None:
    """`__all__` is in order and names nothing twice."""
    names = load(namespace).__all__
    assert list(names) == sorted(set(names), key=sorting)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_all_is_what_is_importable(namespace: str) -> None:
    """Every name can be imported, and no public name is left out."""
    module = load(namespace)
    importable = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and name != "annotations"
    }
    assert importable == set(module.__all__) - {"__version__"}


def test_all_has_the_documented_names() -> None:
    """What the design promises by name is there."""
    promised = {
        *("Session", "TaskHandle", "TaskRecord", "TaskState", "Result", "Outcome"),
        *("Batch", "Polling", "Timeouts", "Observer", "LIANGXIN", "Generic", "ZImage"),
        *("LiangxinError", "InvalidRequestError", "TransportError", "ConnectError"),
        *("RequestTimeoutError", "ConnectionLostError", "ProtocolError", "ApiError"),
        *("AuthenticationError", "PermissionDeniedError", "InsufficientQuotaError"),
        *("BadRequestError", "NotFoundError", "PayloadTooLargeError"),
        *("UnprocessableError", "SaturatedError", "ServiceError", "TaskError"),
        *("SubmitUnknownError", "TaskFailedError", "TaskTimeoutError", "DownloadError"),
        *("TaskLostError", "EmptyResultError", "ConfigurationError"),
        *("SessionClosedError", "ZImageTurbo", "EVOLINK", "Credits", "CreditCount"),
    }
    assert promised <= set(liangxin_async.__all__)


def test_every_error_is_public() -> None:
    """Whatever may be raised can be caught by name."""
    for kind in subclasses(LiangxinError):
        if kind.__module__.startswith("liangxin_async"):
            assert getattr(liangxin_async, kind.__name__) is kind


@pytest.mark.parametrize("name", liangxin_async.__all__)
def test_public_types_are_shown_where_they_are_imported_from(name: str) -> None:
    """Tracebacks and pickles name the public door, not a private module."""
    value = getattr(liangxin_async, name)
    if isinstance(value, type):
        assert value.__module__ == "liangxin_async"
        assert pickle.loads(pickle.dumps(value)) is value


def in_a_fresh_process(program: str) -> str:
    """Return what `program` prints where nothing of ours was loaded before."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_door_loads_what_is_asked_for() -> None:
    """Neither the bare import nor the models wait for aiohttp; a session needs it."""
    program = (
        "import sys, liangxin_async\n"
        "from liangxin_async import models\n"
        "print('aiohttp' in sys.modules, end=' ')\n"
        "from liangxin_async import Session\n"
        "print('aiohttp' in sys.modules)"
    )
    assert in_a_fresh_process(program) == "False True"


def test_door_waits_for_nothing_that_is_seldom_needed() -> None:
    """A session is imported without what only storing values and misspelt fields need."""
    program = (
        "import sys\n"
        "from liangxin_async import Session, ZImage\n"
        "print(*{'cattrs', 'difflib'} & {*sys.modules})"
    )
    assert in_a_fresh_process(program) == ""


def test_door_without_a_name_says_so() -> None:
    """A misspelt name is an AttributeError or ImportError, as of any module."""
    with pytest.raises(AttributeError, match=r"'liangxin_async' has no .*'Sesion'"):
        _ = liangxin_async.Sesion  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="'Sesion'"):
        exec("from liangxin_async import Sesion")
    assert not hasattr(liangxin_async, "_nothing")


def test_door_lists_and_gives_every_name() -> None:
    """`dir` and `import *` know all names before any of them was used."""
    program = (
        "import liangxin_async\n"
        "listed = set(dir(liangxin_async))\n"
        "from liangxin_async import *\n"
        "names = set(liangxin_async.__all__)\n"
        "print(len(names - listed), len(names - set(globals())))"
    )
    assert in_a_fresh_process(program) == "0 0"


def test_public_types_loaded_without_the_door_are_named_by_it() -> None:
    """Whatever is loaded first, pickles name the public door."""
    program = (
        "from liangxin_async._errors import SaturatedError\n"
        "from liangxin_async.models import ZImage\n"
        "import pickle\n"
        "print(SaturatedError.__module__, ZImage.__module__)\n"
        "assert pickle.loads(pickle.dumps(ZImage('a'))) == ZImage('a')"
    )
    assert in_a_fresh_process(program) == "liangxin_async liangxin_async"


# ------------------------------------------------------------------- documentation


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_public_objects_are_documented(namespace: str) -> None:
    """Every public class and function has a docstring of its own."""
    module = load(namespace)
    assert module.__doc__
    for name in set(module.__all__) - {"__version__"}:
        value = getattr(module, name)
        assert value.__doc__, name
        if isinstance(value, type):
            assert value.__doc__ != getattr(value.__base__, "__doc__", None), name


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_public_members_are_documented(namespace: str) -> None:
    """So has every public method and property of a public class of ours."""
    module = load(namespace)
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type):
            bare = [
                f"{name}.{member}"
                for member, what in vars(value).items()
                if not member.startswith("_") and is_code(what) and not doc_of(what)
            ]
            assert not bare


def is_code(what: object) -> bool:
    kinds = (property, classmethod, staticmethod)
    return inspect.isfunction(what) or isinstance(what, kinds)


def doc_of(what: Any) -> str | None:
    return what.__doc__ or getattr(getattr(what, "__func__", None), "__doc__", None)


def test_package_is_typed() -> None:
    """Type checkers of users read our annotations, and our own check of them exists."""
    assert (Path(liangxin_async.__file__).parent / "py.typed").is_file()
    assert (Path(__file__).parent / "typing" / "api.py").is_file()


# ------------------------------------------------------------------ foreign errors


def subclasses(kind: type) -> Iterator[type]:
    for found in kind.__subclasses__():
        yield found
        yield from subclasses(found)


KEY = ConnectionKey("host.example", 443, True, None, None, None, None)
HEADERS = CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {SECRET}"}))
INFO = aiohttp.RequestInfo(URL(f"https://h/?k={SECRET}"), "POST", HEADERS)
CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed")

# Arguments by class, the most derived first; the rest takes one text.
ARGUMENTS: list[tuple[type[BaseException], tuple[Any, ...]]] = [
    (aiohttp.ClientResponseError, (INFO, ())),
    (aiohttp.ClientConnectorCertificateError, (KEY, CERTIFICATE)),
    (aiohttp.ClientConnectorSSLError, (KEY, ssl.SSLError(1, "wrong version number"))),
    (
        aiohttp.client_exceptions.UnixClientConnectorError,
        ("/run/x.sock", KEY, OSError(2, "No such file")),
    ),
    (aiohttp.ClientConnectorError, (KEY, OSError(111, "Connection refused"))),
    (aiohttp.ServerFingerprintMismatch, (b"a", b"b", "host.example", 443)),
    (aiohttp.ClientOSError, (104, "Connection reset by peer")),
    (aiohttp.InvalidURL, (URL(f"https://h/?k={SECRET}"), "not a URL")),
]


def make(kind: type[BaseException]) -> BaseException:
    for base, arguments in ARGUMENTS:
        if issubclass(kind, base):
            return kind(*arguments)
    return kind(f"text with {SECRET}")


AIOHTTP_ERRORS = sorted(
    {aiohttp.ClientError, *subclasses(aiohttp.ClientError)}, key=lambda k: k.__name__
)


@pytest.mark.parametrize("kind", AIOHTTP_ERRORS, ids=lambda kind: kind.__name__)
def test_every_aiohttp_error_is_mapped(kind: type[BaseException]) -> None:
    """Each of aiohttp's errors becomes one of ours that holds no header and no query."""
    exc = make(kind)
    error = map_error(exc, lambda text: text)
    assert isinstance(error, TransportError | ProtocolError)
    assert type(error) is not TransportError
    assert kind.__name__ in str(error)
    assert SECRET not in str(error) + repr(error) + repr(vars(error))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


MAPPED: list[tuple[type[BaseException], type[LiangxinError], bool | None]] = [
    (aiohttp.ClientConnectorError, ConnectError, False),
    (aiohttp.ClientConnectorDNSError, ConnectError, False),
    (aiohttp.ClientProxyConnectionError, ConnectError, False),
    (aiohttp.ConnectionTimeoutError, ConnectError, False),
    (aiohttp.ClientConnectorSSLError, ConnectError, True),
    (aiohttp.ClientConnectorCertificateError, ConnectError, True),
    (aiohttp.ServerFingerprintMismatch, ConnectError, True),
    (aiohttp.InvalidURL, ConnectError, True),
    (aiohttp.SocketTimeoutError, RequestTimeoutError, None),
    (aiohttp.ServerTimeoutError, RequestTimeoutError, None),
    (TimeoutError, RequestTimeoutError, None),
    (aiohttp.ClientOSError, ConnectionLostError, None),
    (aiohttp.ClientConnectionResetError, ConnectionLostError, None),
    (aiohttp.ServerDisconnectedError, ConnectionLostError, None),
    (aiohttp.ClientPayloadError, ConnectionLostError, None),
    (ConnectionResetError, ConnectionLostError, None),
    (OSError, ConnectionLostError, None),
    (aiohttp.ClientResponseError, ProtocolError, None),
]


@pytest.mark.parametrize(("kind", "ours", "permanent"), MAPPED)
def test_mapped_to(
    kind: type[BaseException], ours: type[LiangxinError], permanent: bool | None
) -> None:
    """The table of measured faults: what each exception means for us."""
    error = map_error(make(kind), lambda text: text)
    assert type(error) is ours
    assert getattr(error, "permanent", None) is permanent


@pytest.mark.parametrize("kind", [aiohttp.ClientConnectorError, OSError])
def test_mapped_text_helps(kind: type[BaseException]) -> None:
    """Host, port and the system's own words are kept: enough to find the cause."""
    exc = (
        kind(KEY, OSError(111, "Connection refused"))
        if kind is not OSError
        else (OSError(101, "Network is unreachable"))
    )
    text = str(map_error(exc, lambda text: text))
    assert ("Connection refused" in text) or ("Network is unreachable" in text)
    assert kind is OSError or "host.example:443" in text


def test_mapped_text_is_masked() -> None:
    """Even a key in the words of the system is not repeated."""
    exc = aiohttp.ClientConnectorError(KEY, OSError(1, f"bad {SECRET}"))
    error = map_error(exc, lambda text: text.replace(SECRET, "[api key]"))
    assert SECRET not in str(error)
