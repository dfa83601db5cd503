"""A store that a stranger wrote, looked at by plain HTTP and not through obstore."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from attrs import define

ROOT = Path(__file__).resolve().parents[2]
KEY_ID, SECRET = "AKIACANARY0STORE0ID", "store-canary-8b1f-never-to-be-seen"
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
_ANY = "{*}"  # older versions of moto leave the name space out in places


@define(eq=False)
class Moto:
    """moto's S3, and what is in it."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket that keeps every version of an object."""
        self.make_bucket_plainly(bucket)
        versioning = b"<VersioningConfiguration><Status>Enabled</Status>"
        versioning += b"</VersioningConfiguration>"
        self._send(f"/{bucket}?versioning", "PUT", versioning)

    def make_bucket_plainly(self, bucket: str) -> None:
        """Make a bucket, with one call."""
        self._send(f"/{bucket}", "PUT")

    def names(self, bucket: str) -> dict[str, int]:
        """Every object of a bucket, with its size."""
        root = ElementTree.fromstring(self._send(f"/{bucket}?list-type=2"))
        return {
            found.findtext(f"{_ANY}Key", ""): int(found.findtext(f"{_ANY}Size", ""))
            for found in root.findall(f".//{_ANY}Contents")
        }

    def versions(self, bucket: str, name: str) -> int:
        """How often an object was put."""
        root = ElementTree.fromstring(self._send(f"/{bucket}?versions"))
        found = [
            node.findtext(f"{_ANY}Key") for node in root.findall(f".//{_ANY}Version")
        ]
        return found.count(name)

    def read(self, bucket: str, name: str) -> bytes:
        """The bytes of an object."""
        return self._send(f"/{bucket}/{quote(name)}")

    def kind(self, bucket: str, name: str) -> str:
        """The content type of an object."""
        with self._open(f"/{bucket}/{quote(name)}", "HEAD") as answer:
            return str(answer.headers["Content-Type"])

    def remove(self, bucket: str, name: str) -> None:
        """Take an object away."""
        self._send(f"/{bucket}/{quote(name)}", "DELETE")

    def write(self, bucket: str, name: str, data: bytes) -> None:
        """Put an object."""
        self._send(f"/{bucket}/{quote(name)}", "PUT", data)

    def _send(self, path: str, method: str = "GET", data: bytes | None = None) -> bytes:
        with self._open(path, method, data) as answer:
            return bytes(answer.read())

    def _open(self, path: str, method: str, data: bytes | None = None):  # type: ignore[no-untyped-def]  # urllib's own class has no useful type
        # moto lets whoever signs anything in.
        headers = {"Authorization": _SIGNED, "Content-Type": "application/xml"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        return urllib.request.urlopen(request, timeout=20)

    def stop(self) -> None:
        """End it. What was in it is lost."""
        assert self.process.stdin is not None, "a pipe was asked for"
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        assert self.process.stdout is not None, "a pipe was asked for"
        self.process.stdout.close()


def start_moto(**settings: str) -> Moto:
    """Start a store in a process of its own; `settings` are its environment's."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.bulk.moto_server"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None, "a pipe was asked for"
    said = process.stdout.readline()  # "" where it has ended before it began
    moto = Moto(process, int(said or 0))
    if not moto.port:
        moto.stop()
        pytest.fail("moto did not start: python -m tests.bulk.moto_server says why")
    return moto


@contextmanager
def moto_running(**settings: str) -> Iterator[Moto]:
    """Give such a store."""
    moto = start_moto(**settings)
    try:
        yield moto
    finally:
        moto.stop()


def use_store(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Point the environment at a store, and at no other."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


_buckets = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Moto]:
    """One store for a module of tests."""
    with moto_running() as moto:
        yield moto


@pytest.fixture
def moto(server: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """The store, with the environment pointing at it."""
    use_store(monkeypatch, server.url)
    return server


@pytest.fixture
def bucket(moto: Moto) -> str:
    """A new bucket."""
    name = f"shop-{next(_buckets)}"
    moto.make_bucket(name)
    return name
