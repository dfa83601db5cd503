"""The border to obstore: what each of its exceptions means, and what of it is told."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator

import obstore
import obstore.exceptions
import pytest

from liangxin_async import ConfigurationError, StoreError
from liangxin_async.bulk._bucket import Bucket
from liangxin_async.bulk._bucket_errors import meaning_of
from liangxin_async.bulk._store_name import parse_store_name
from tests.bulk.store_tools import KEY_ID, SECRET, use_store

NAME = parse_store_name("s3://shop/spring")
REASONS = {"bucket", "denied", "credentials", "connection", "changed", "refused"}
ANSWER = (
    "Generic S3 error: Error performing PUT https://h/shop/a in 5ms - Server returned "
    "non-2xx status code: {status}: <Error><Code>{code}</Code><Message>m</Message>"
    f"<AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><StringToSign>{SECRET}</StringToSign>"
    "</Error>\n\nDebug source:\nGeneric {{ retries: 0, max_retries: 10 }}"
)


def subclasses(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for found in kind.__subclasses__():
        yield found
        yield from subclasses(found)


def exceptions_of_obstore() -> list[type[BaseException]]:
    """Every exception that obstore defines, and those of Python that it documents."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        named = [
            kind
            for _, kind in inspect.getmembers(obstore.exceptions, inspect.isclass)
            if issubclass(kind, BaseException)
        ]
    known = {*named, *subclasses(obstore.exceptions.BaseError)}
    return [*sorted(known, key=lambda k: k.__name__), FileNotFoundError, ValueError]


class PanicException(BaseException):
    """Stands for what obstore raises where it breaks: a class that has no address."""


KINDS = [*exceptions_of_obstore(), NotImplementedError, OSError, PanicException]


def test_obstore_has_the_exceptions_that_are_known_here() -> None:
    """A walk that finds nothing would prove nothing."""
    names = {kind.__name__ for kind in KINDS}
    assert {"BaseError", "GenericError", "PermissionDeniedError"} <= names
    assert len(names) >= 10


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("call", ["head", "put"])
@pytest.mark.anyio
async def test_every_exception_of_obstore_is_mapped(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], call: str
) -> None:
    """Each becomes our error, with a reason we name and nothing of the foreign text."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    bucket = Bucket(NAME, 1.0)

    async def broken(*_: object, **__: object) -> None:
        raise kind(f"text with {SECRET} and {KEY_ID}")

    for name in ("head_async", "put_async"):
        monkeypatch.setattr(obstore, name, broken)
    asked = bucket.head("a") if call == "head" else bucket.put("a", b"", kind="t")
    with pytest.raises(StoreError) as caught:
        await asked
    error = caught.value
    assert error.reason in REASONS
    assert error.url == "s3://shop/spring/a"
    assert str(error).startswith("s3://shop/spring/a at http://127.0.0.1:9")
    assert (error.__cause__, error.__context__) == (None, None)
    shown = str(error) + repr(error) + repr(vars(error))
    assert SECRET not in shown
    assert KEY_ID not in shown


@pytest.mark.parametrize("with_keys", [True, False])
@pytest.mark.anyio
async def test_store_that_is_denied_to_nobody_says_that_there_are_no_keys(
    monkeypatch: pytest.MonkeyPatch, with_keys: bool
) -> None:
    """A refusal explains little to whoever forgot to set the keys."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    if not with_keys:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
    bucket = Bucket(NAME, 1.0)

    async def denied(*_: object, **__: object) -> None:
        raise generic("non-2xx status code: 403 Forbidden")

    monkeypatch.setattr(obstore, "head_async", denied)
    with pytest.raises(StoreError, match="access is denied") as caught:
        await bucket.head("a")
    said = "no keys were found in the environment" in str(caught.value)
    assert said is not with_keys


def generic(text: str) -> BaseException:
    return obstore.exceptions.GenericError(text)


@pytest.mark.parametrize(
    ("status", "code", "reason", "words"),
    [
        ("403 Forbidden", "AccessDenied", "denied", "(HTTP 403, AccessDenied)"),
        ("403 Forbidden", "SignatureDoesNotMatch", "credentials", "not accepted"),
        ("403 Forbidden", "InvalidAccessKeyId", "credentials", "InvalidAccessKeyId"),
        ("400 Bad Request", "ExpiredToken", "credentials", "ExpiredToken"),
        ("401 Unauthorized", "Whatever", "credentials", "HTTP 401"),
        ("404 Not Found", "NoSuchBucket", "bucket", "no such bucket"),
        ("301 Moved Permanently", "PermanentRedirect", "refused", "AWS_REGION"),
        ("503 Slow Down", "SlowDown", "refused", "the store failed (HTTP 503"),
        ("507 Insufficient Storage", "XMinioStorageFull", "refused", "StorageFull"),
        ("409 Conflict", "OperationAborted", "refused", "the store refused (HTTP 409"),
    ],
)
def test_answers_of_a_store(status: str, code: str, reason: str, words: str) -> None:
    """Status and code are told; key id and what was signed, which they repeat, not."""
    meaning = meaning_of(generic(ANSWER.format(status=status, code=code)))
    assert meaning.reason == reason
    assert words in meaning.words
    assert meaning.status == int(status[:3])
    assert KEY_ID not in meaning.words
    assert SECRET not in meaning.words


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("HTTP error: error sending request kind: Timeout", "connection", "in time"),
        ('kind: Connect, message: "Connection refused"', "connection", "n refused"),
        ("HTTP error: builder error", "connection", "no connection"),
        ("Generic S3 error: Missing SecretAccessKey", "credentials", "AWS_SECRET"),
        ("PUT http://169.254.169.254/latest/api/token", "credentials", "no whole set"),
        ("Received redirect without LOCATION, region", "refused", "AWS_REGION"),
        (f"something new about {SECRET}", "refused", "obstore raised GenericError"),
        (f'message: "{SECRET}"', "refused", "obstore raised GenericError"),
    ],
)
def test_errors_without_an_answer(text: str, reason: str, words: str) -> None:
    """The system's own words are kept where they are recognised."""
    meaning = meaning_of(generic(text))
    assert (meaning.reason, meaning.status) == (reason, None)
    assert words in meaning.words
    assert SECRET not in meaning.words


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("nonsense", "https://host"),
        ("ftp://host", "https://host"),
        ("https://", "https://host"),
        ("https://[", "https://host"),
        (f"https://{KEY_ID}:{SECRET}@host", "without a user name"),
        ("http://store.example:9000", "AWS_ALLOW_HTTP"),
    ],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_address_that_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, word: str
) -> None:
    """By the name of its variable; some would break obstore to pieces."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv(name, url)
    with pytest.raises(ConfigurationError) as caught:
        Bucket(NAME, 1.0)
    assert str(caught.value).startswith(f"{name}: ")
    assert word in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.anyio
async def test_plain_http_to_another_machine_where_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS_ALLOW_HTTP=true, as obstore itself reads it: it gets as far as the network.

    The address is no loopback one by its text, and leads nowhere else all the same.
    """
    use_store(monkeypatch, "http://0.0.0.0:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with pytest.raises(StoreError) as caught:
        await Bucket(NAME, 1.0).head("a", quick=True)
    assert caught.value.reason == "connection"
    assert "http://0.0.0.0:9" in str(caught.value)


def test_setting_that_obstore_refuses_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without its value."""
    use_store(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", SECRET)
    with pytest.raises(ConfigurationError) as caught:
        Bucket(NAME, 1.0)
    assert "AWS_" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
