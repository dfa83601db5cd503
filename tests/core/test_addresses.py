"""Which URLs and addresses a download may touch (fault 45, invariants 14 and 15)."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liangxin_async._addresses import (
    Link,
    LinkRefusedError,
    mask_url,
    parse_link,
    refusal,
)
from liangxin_async._connector import (
    AddressRefusedError,
    environment_proxy,
    public_socket_factory,
)

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:830::200e",
    "::ffff:8.8.8.8",
]

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # a cloud's metadata service
    "100.127.255.255",
    "168.63.129.16",  # a cloud's host service
    "169.254.169.254",  # most clouds' metadata service
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:2::1",  # benchmarking
    "2001:10::1",  # ORCHID
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # a cloud's metadata service
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]

LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1"]


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize("address", PUBLIC)
def test_refusal_public_address(address: str, allow_loopback: bool) -> None:
    """A public address is welcome, up to the edges of the special networks."""
    assert refusal(address, allow_loopback=allow_loopback) is None


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_refusal_special_address(address: str, allow_loopback: bool) -> None:
    """No special network is reachable, whatever form its address takes."""
    assert refusal(address, allow_loopback=allow_loopback)


@pytest.mark.parametrize("address", LOOPBACK)
def test_refusal_loopback(address: str) -> None:
    """Loopback is welcome only where it was allowed by name."""
    assert refusal(address, allow_loopback=False) == "loopback"
    assert refusal(address, allow_loopback=True) is None


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "1.2.3.4.5"])
def test_refusal_no_address(text: str) -> None:
    """What is no address in full spelling is refused, not guessed at."""
    assert refusal(text, allow_loopback=True) == "not an IP address"


_ADDRESSES = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 2**128 - 1).map(IPv6Address),
    st.integers(1 << 125, (1 << 126) - 1).map(IPv6Address),  # 2000::/3
)


@given(_ADDRESSES)
def test_refusal_never_wider_than_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
    """What our tables pass, `ipaddress` calls global and neither multicast nor kept."""
    if refusal(str(address), allow_loopback=False) is None:
        inside = getattr(address, "ipv4_mapped", None) or address
        assert inside.is_global
        assert not inside.is_multicast
        assert not inside.is_reserved


def test_socket_factory_refuses_before_a_socket_exists() -> None:
    """The factory raises for a private target and makes a socket for a public one."""
    make = public_socket_factory(allow_loopback=False)
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    with pytest.raises(AddressRefusedError):
        make((*info, ("10.0.0.1", 443)))
    with make((*info, ("8.8.8.8", 443))) as made:
        assert made.family == socket.AF_INET


# ----------------------------------------------------------------------- links


@pytest.mark.parametrize(
    "text",
    [
        "https://files.example/a/b.png?X-Sig=a%2Fb%7E+c%3D&x=%e4",
        "https://files.example:8443/%7Ea//b/../c",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]/x",
    ],
)
def test_parse_link_keeps_the_spelling(text: str) -> None:
    """A signature covers the URL as spelled, so not one character is re-quoted."""
    assert str(parse_link(text, allow_loopback=False).url) == text


def test_parse_link_quotes_what_cannot_be_sent() -> None:
    """Spaces, line breaks and other scripts never reach the request line raw."""
    link = parse_link("https://h.example/ä b\r\nX: y", allow_loopback=False)
    assert str(link.url).isascii()
    assert not set(str(link.url)) & set(" \r\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "files.example/a.png",
        "//files.example/a.png",
        "http://files.example/a.png",
        "http://8.8.8.8/a.png",
        "ftp://files.example/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,iVBORw0KGgo=",
        "https:///a.png",
        "https://user@files.example/",
        "https://user:word@files.example/",
        "https://@files.example/",
        "https://files.example:99999/",
        "https://[::1",
        "https://x[]@",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25eth0]/",
        "https://127.1/",
        "https://2130706433/",
    ],
)
@pytest.mark.parametrize("allow_loopback", [False, True])
def test_parse_link_refuses(text: str, allow_loopback: bool) -> None:
    """Only https to a host that may be public, without a user name, is a link."""
    with pytest.raises(LinkRefusedError):
        parse_link(text, allow_loopback=allow_loopback)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/a",
        "http://[::1]:8000/a",
        "http://localhost/a",
        "http://LOCALHOST./a",
        "http://pictures.localhost:8000/a",
        "https://127.0.0.1/a",
    ],
)
def test_parse_link_loopback(text: str) -> None:
    """Loopback, and plain http to it, is a link only where it was allowed."""
    assert parse_link(text, allow_loopback=True).is_loopback
    if not text.startswith("https"):
        with pytest.raises(LinkRefusedError):
            parse_link(text, allow_loopback=False)


_URLISH = st.text(st.sampled_from("ab1.:/@[]%#?\\ \r\nä\u202e"), max_size=12)


@given(st.text() | _URLISH.map("https://{}".format))
def test_parse_link_any_text(text: str) -> None:
    """Any text is a link or a LinkRefusedError, and can be masked."""
    try:
        link = parse_link(text, allow_loopback=False)
    except LinkRefusedError:
        pass
    else:
        assert link.url.scheme == "https"
    assert isinstance(mask_url(text), str)


def _link(text: str) -> Link:
    return parse_link(text, allow_loopback=True)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://b.example/x?s=%2F", "https://b.example/x?s=%2F"),
        ("/x?s=%2F", "https://a.example:8443/x?s=%2F"),
        ("x", "https://a.example:8443/p/x"),
        ("//b.example/x", "https://b.example/x"),
    ],
)
def test_link_follow(location: str, target: str) -> None:
    """A redirect may be absolute or relative; its spelling is kept too."""
    start = _link("https://a.example:8443/p/q?sig=1")
    assert str(start.follow(location, allow_loopback=False).url) == target


@pytest.mark.parametrize(
    "location",
    [
        "http://a.example/x",
        "http://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://u:p@b.example/",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_link_follow_refuses(location: str) -> None:
    """A hop is judged like the first URL, and never goes from https down to http."""
    with pytest.raises(LinkRefusedError):
        _link("https://a.example/p").follow(location, allow_loopback=True)


SIGNED = "https://u:pass@h.example:8443/a/b.png?sig=SECRET#SECRET"


def test_mask_url_shows_no_credential() -> None:
    """What is shown of a URL is scheme, host, port and path."""
    assert mask_url(SIGNED) == "https://h.example:8443/a/b.png"
    assert mask_url("data:image/png;base64,SECRET") == "data:…"
    assert mask_url("https://[::1") == "an unreadable URL"
    assert mask_url("https://[::1]:80/x") == "https://[::1]:80/x"
    assert len(mask_url("https://h/" + "x" * 5000)) < 300


def test_link_repr_is_masked() -> None:
    """A link in a log line or a traceback shows no signature."""
    link = _link("https://h.example/b.png?sig=SECRET")
    assert "SECRET" not in f"{link} {link!r} {[link]}"


def test_link_refused_error_is_masked() -> None:
    """The words of a refusal hold no query and no password."""
    for text in (SIGNED, "http://h.example/?sig=SECRET", "https://10.0.0.1/?s=SECRET"):
        with pytest.raises(LinkRefusedError) as caught:
            parse_link(text, allow_loopback=False)
        assert "SECRET" not in str(caught.value)
        assert "pass@" not in str(caught.value)


def test_environment_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy serves every host but loopback and those excepted."""
    for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "10.0.0.9:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    proxy = environment_proxy(_link("https://h.example/").url)
    assert proxy is not None
    assert (proxy.scheme, proxy.host, proxy.port) == ("http", "10.0.0.9", 3128)
    assert environment_proxy(_link("https://inside.example/").url) is None
    assert environment_proxy(_link("https://127.0.0.1/").url) is None


def test_tables_name_no_public_service() -> None:
    """The addresses that the tests call public are global for `ipaddress` too."""
    assert all(
        getattr(ip_address(a), "ipv4_mapped", None) or ip_address(a).is_global
        for a in PUBLIC
    )
