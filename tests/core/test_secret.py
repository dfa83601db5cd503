"""The API key: eight ways of leaking it, all closed (reliability.md 3.4)."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback

import attrs
import pytest

from liangxin_async._errors import ConfigurationError
from liangxin_async._secret import MASK, ApiKey

CANARY = "sk-canary-4f1d8e/+=x"


@pytest.fixture
def key() -> ApiKey:
    return ApiKey(CANARY)


@attrs.frozen
class Holder:
    key: ApiKey


# ------------------------------------------------------------------ the eight ways


def test_key_repr(key: ApiKey) -> None:
    """1: `repr`, alone, inside containers and inside attrs classes."""
    for holder in (key, [key], {"key": key}, (key,), Holder(key)):
        assert CANARY not in repr(holder)
        assert CANARY not in pprint.pformat(holder)
    assert repr(key) == MASK


def test_key_str(key: ApiKey) -> None:
    """2: `str`, and old-style formatting."""
    assert str(key) == MASK
    assert "%s %r" % (key, key) == f"{MASK} {MASK}"  # noqa: UP031 -- logging's way


@pytest.mark.parametrize("spec", ["", "s", ">40", "<3", "^12"])
def test_key_format(key: ApiKey, spec: str) -> None:
    """3: `format`, `str.format` and f-strings, with any width."""
    shown = (format(key, spec), f"{key:{spec}}", f"{key!s:{spec}}", f"{key!r:{spec}}")
    for text in (*shown, ("{:" + spec + "}").format(key)):
        assert text.strip() == MASK


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_key_pickle(key: ApiKey, protocol: int) -> None:
    """4: `pickle`, alone and inside another object."""
    for holder in (key, [key], Holder(key)):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(holder, protocol)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_key_copy(key: ApiKey, how: object) -> None:
    """5: `copy` and `deepcopy`, and what they are made of."""
    with pytest.raises(TypeError):
        how(key)  # type: ignore[operator]
    for make in (key.__reduce__, lambda: key.__reduce_ex__(4), key.__getstate__):
        with pytest.raises(TypeError):
            make()


def test_key_json(key: ApiKey) -> None:
    """6: `json`, with and without the usual fallbacks."""
    with pytest.raises(TypeError):
        json.dumps({"key": key})
    for fallback in (str, repr):
        assert CANARY not in json.dumps({"key": key}, default=fallback)
    with pytest.raises(TypeError):
        json.dumps({"key": key}, default=vars)


def test_key_attributes(key: ApiKey) -> None:
    """7: `vars`, `__dict__`, `attrs.asdict` and attributes with ordinary names."""
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError):
        vars(key)
    with pytest.raises(attrs.exceptions.NotAnAttrsClassError):
        attrs.asdict(key)
    assert CANARY not in str(attrs.asdict(Holder(key)))
    for name in dir(key):
        if not name.startswith("_ApiKey__"):
            value = getattr(key, name)
            assert CANARY not in str(value), name
    with pytest.raises(AttributeError):
        key.text = "x"  # type: ignore[attr-defined]


def test_key_logs_and_errors(key: ApiKey, caplog: pytest.LogCaptureFixture) -> None:
    """8: log records, exception texts and tracebacks that it is an argument of."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("app").debug("key %s %r", key, key)
    try:
        raise ValueError(key)
    except ValueError as exc:
        shown = "".join(traceback.format_exception(exc)) + repr(exc.args)
    assert CANARY not in caplog.text
    assert CANARY not in shown


def test_key_comparison_tells_nothing(key: ApiKey) -> None:
    """A key equals itself only: nobody can guess it by comparing or by its hash."""
    assert key == key
    assert key != ApiKey(CANARY)
    assert key != CANARY
    assert {key: 1}[key] == 1
    assert hash(key) != hash(CANARY)


# ------------------------------------------------------------------------ the key


def test_key_reveal() -> None:
    """The key is sent as it was given, without the white space around it."""
    assert ApiKey(f" \t{CANARY}\r\n").reveal() == CANARY
    assert ApiKey("bearer-less").reveal() == "bearer-less"


@pytest.mark.parametrize(
    "bad",
    ["", "  ", "a b", "line\nbreak", "nul\x00", "“curly”", "schlüssel", "钥匙", "\x7f"],
)
def test_key_refused(bad: str) -> None:
    """What no header can carry is refused, by code point and not by repeating it."""
    with pytest.raises(ConfigurationError) as caught:
        ApiKey(bad)
    if bad.strip():
        assert bad not in str(caught.value)
        assert "U+" in str(caught.value)


@pytest.mark.parametrize("bad", [None, 5, b"sk-bytes"])
def test_key_no_text(bad: object) -> None:
    """Only text is a key, and the error does not show what was given."""
    with pytest.raises(ConfigurationError) as caught:
        ApiKey(bad)  # type: ignore[arg-type]
    assert repr(bad) not in str(caught.value) or bad is None


# ------------------------------------------------------------------------ masking


def test_key_mask(key: ApiKey) -> None:
    """Every occurrence in a foreign text is replaced, whatever stands around it."""
    text = f"no such key: {CANARY}! ({CANARY}{CANARY})"
    assert key.mask(text) == f"no such key: {MASK}! ({MASK}{MASK})"
    assert key.mask_bytes(text.encode()) == key.mask(text).encode()
    assert key.mask("nothing") == "nothing"
    assert key.mask_bytes(b"\xff\x00") == b"\xff\x00"


@pytest.mark.parametrize(
    "secret", ['sk-"quoted"\\key', "sk/with/slashes", "a+b=c&d<e>f"]
)
def test_key_mask_other_spellings(secret: str) -> None:
    """A key that a server echoes in JSON or in a URL is found there too."""
    key = ApiKey(secret)
    in_json = json.dumps({"message": f"bad key {secret}"})
    for body in (in_json, in_json.replace("/", "\\/")):
        masked = json.loads(key.mask_bytes(body.encode()))
        assert masked == {"message": f"bad key {MASK}"}
    escaped = "".join(
        c if c.isalnum() or c in "-._~" else f"%{ord(c):02X}" for c in secret
    )
    assert key.mask(f"https://h/?key={escaped}&x") == f"https://h/?key={MASK}&x"


def test_key_of_any_visible_characters() -> None:
    """Every visible ASCII character may be part of a key, from `!` to `~`."""
    visible = "".join(map(chr, range(0x21, 0x7F)))
    assert ApiKey(visible).reveal() == visible
    assert visible not in ApiKey(visible).mask(f"bad key {visible}")


def test_key_of_eight_characters_is_masked() -> None:
    """Eight characters are enough to be told from a word."""
    assert ApiKey("abcd1234").mask("no abcd1234") == f"no {MASK}"


def test_key_short_is_not_masked() -> None:
    """A key as short as a word cannot be told from one: texts stay readable."""
    key = ApiKey("test")
    assert key.mask("a test of tests") == "a test of tests"
    assert key.mask_bytes(b"a test") == b"a test"
