"""What `s3://bucket/prefix` may be, what its work folder is called, content types."""

from __future__ import annotations

import pytest

from liangxin_async import ConfigurationError
from liangxin_async.bulk._store_name import (
    StoreName,
    content_type,
    is_remote,
    parse_store_name,
)


@pytest.mark.parametrize(
    ("text", "bucket", "prefix", "shown"),
    [
        ("s3://shop", "shop", "", "s3://shop"),
        ("s3://shop/", "shop", "", "s3://shop"),
        ("S3://shop/a", "shop", "a", "s3://shop/a"),
        ("s3://my.shop-1/a/b c/", "my.shop-1", "a/b c", "s3://my.shop-1/a/b c"),
        ("s3://Shop_1/猫", "Shop_1", "猫", "s3://Shop_1/猫"),
    ],
)
def test_store_name_parts(text: str, bucket: str, prefix: str, shown: str) -> None:
    """Slashes at the end mean nothing."""
    name = parse_store_name(text)
    assert name == StoreName(bucket, prefix)
    assert str(name) == shown
    assert name.url_of("cat.png") == f"{shown}/cat.png"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("gs://shop/a", "gs://"),
        ("az://shop/a", "az://"),
        ("https://shop.s3.amazonaws.com/a", "https://"),
        ("out", "s3://bucket/prefix"),
        ("s3://", "name of a bucket"),
        ("s3://ab", "name of a bucket"),
        ("s3:///a", "name of a bucket"),
        ("s3://-ab/a", "name of a bucket"),
        ("s3://AKIAKEY:hidden@shop/a", "credentials go into the environment"),
        ("s3://shop?hidden=1", "name of a bucket"),
        ("s3://shop/a//b", "empty part"),
        ("s3://shop/../b", "'..'"),
        ("s3://shop/a?hidden=1", "'?'"),
        ("s3://shop/a\nhidden", "line break"),
        ("s3://shop/" + "a" * 701, "700 bytes"),
    ],
)
def test_store_name_refused(text: str, word: str) -> None:
    """One sentence, with what is allowed and nothing that may be a secret."""
    with pytest.raises(ConfigurationError) as caught:
        parse_store_name(text)
    assert word in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_work_folder_is_named_after_its_store_alone() -> None:
    """Two stores never share one, and each has the same name every time."""
    texts = (
        "shop/a/b",
        "shop/a-b",
        "shop-a/b",
        "shop/a.b",
        "shop",
        "shop/猫",
        "shop/犬",
    )
    names = [parse_store_name(f"s3://{text}").work for text in texts]
    assert len(set(names)) == len(texts)
    assert parse_store_name("s3://shop/a/b/").work == names[0]
    assert names[0].startswith("liangxin-s3-shop-a-b-")
    for name in (*names, parse_store_name("s3://shop/" + "é/" * 200).work):
        assert name.isascii()
        assert len(name) < 90
        assert "/" not in name


def test_remote_is_what_has_a_scheme() -> None:
    """Folders of every system are folders."""
    assert is_remote("s3://shop")
    assert is_remote("gs://shop")
    assert not any(map(is_remote, ("out/", "C:\\out", "./s3:", "/a://b", "")))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PNG", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("index.html", "text/html; charset=utf-8"),
        ("a.mp4", "video/mp4"),
        ("a", "application/octet-stream"),
    ],
)
def test_content_type(name: str, kind: str) -> None:
    """So that a browser shows what it is given."""
    assert content_type(name) == kind
