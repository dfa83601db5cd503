"""`s3://bucket/prefix`: what such a destination is called, and where its run works.

Pure.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from attrs import frozen

from liangxin_async._errors import ConfigurationError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
# Amazon's rules and a bit more: other services know upper case and underscores.
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_PREFIX_BYTES: Final = 700  # of 1,024 that a whole name may have
_SHOWN: Final = 60  # characters of the work folder's name that are readable
_DIGEST: Final = 8  # hexadecimal digits

# Content types by extension; what browsers open by them.
_KINDS: Final = {
    "avif": "image/avif",
    "gif": "image/gif",
    "heic": "image/heic",
    "html": "text/html; charset=utf-8",
    "jpg": "image/jpeg",
    "jsonl": "application/x-ndjson",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "png": "image/png",
    "webm": "video/webm",
    "webp": "image/webp",
}


@frozen
class StoreName:
    """A bucket, and what all names of a run begin with.

    Attributes:
        bucket: its name.
        prefix: without slashes around it; may be empty.
    """

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def url_of(self, name: str) -> str:
        """Return how an object of this name below the prefix is told."""
        return f"{self}/{name}"

    @property
    def work(self) -> str:
        """Name for the run's work folder: readable, and of this destination alone."""
        words = re.sub(r"[^A-Za-z0-9_]+", "-", f"{self.bucket}-{self.prefix}")
        digest = hashlib.sha256(str(self).encode()).hexdigest()[:_DIGEST]
        return f"liangxin-s3-{words[:_SHOWN].strip('-')}-{digest}"


def is_remote(text: str) -> bool:
    """Whether `text` is meant as a URL and not as a folder."""
    return _SCHEME.match(text) is not None


def parse_store_name(text: str) -> StoreName:
    """Return what `s3://bucket/prefix` names.

    Raises:
        ConfigurationError: another scheme, or no bucket or prefix as they may be. Of
            what follows the scheme nothing is shown: it may be a secret.
    """
    match = _SCHEME.fullmatch(text)
    scheme = match[1].lower() if match else ""
    if match is None or scheme != "s3":
        given = f"{scheme}://" if scheme else repr(text[:80])
        raise ConfigurationError(
            f"destination: got {given}; allowed: a folder, or s3://bucket/prefix (also "
            "for other services that speak S3, by AWS_ENDPOINT_URL)"
        )
    bucket, _, prefix = match[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ConfigurationError(
            "destination: after s3:// there must be the name of a bucket, 3 to 63 "
            "letters, digits, dots, hyphens or underscores; credentials go into the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        )
    prefix = prefix.strip("/")
    parts = prefix.split("/") if prefix else []
    if not all(map(_is_good, parts)) or len(prefix.encode()) > _PREFIX_BYTES:
        raise ConfigurationError(
            f"destination: the prefix in bucket {bucket!r} must have no empty part, "
            "'.', '..', line break, '?' or '#', and at most "
            f"{_PREFIX_BYTES} bytes"
        )
    return StoreName(bucket, prefix)


def _is_good(part: str) -> bool:
    plain = part.isprintable() and not set(part) & set("?#\\")
    return plain and part not in ("", ".", "..")


def content_type(name: str) -> str:
    """Return the content type of a file by its name."""
    extension = name.rpartition(".")[2].lower()
    return _KINDS.get(extension, "application/octet-stream")
