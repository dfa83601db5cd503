"""Which values are refused for EvoLink's models: sizes, callbacks, free parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from liangxin_async._addresses import names_loopback
from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.models import (
    Generic,
    NanoBanana2Lite,
    Request,
    ZImage,
    ZImageTurbo,
    describe,
)
from liangxin_async.models._check import check
from liangxin_async.models._field import CALL_BACK_URL, EVOLINK_CALLBACK_URL
from liangxin_async.models._hosts import is_internal

BOTH = [ZImageTurbo, NanoBanana2Lite]
RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "1:2", "2:1"]


def make(cls: Callable[..., Request], **values: Any) -> Request:
    """Make a request of untyped values, with a good prompt unless one is given."""
    return cls(**{"prompt": "a cute cat", **values})


def problems(cls: Callable[..., Request], **values: Any) -> tuple[Problem, ...]:
    """Return what the refusal lists."""
    with pytest.raises(InvalidRequestError) as caught:
        make(cls, **values)
    return caught.value.problems


def refused(cls: Callable[..., Request], **values: Any) -> list[str]:
    """Return the fields that the refusal names, in order."""
    return [problem.field for problem in problems(cls, **values)]


def test_request_of_evolink_is_flat_and_its_own() -> None:
    """Wire names are bare, and the class says whose model it is and what it makes."""
    request = ZImageTurbo("a cute cat", size="9:16", seed=12345, nsfw_check=False)
    assert request.fields() == {
        "prompt": "a cute cat",
        "size": "9:16",
        "seed": 12345,
        "nsfw_check": False,
    }
    for cls in BOTH:
        assert (cls.provider, make(cls).kind) == ("evolink", "image")


# ---------------------------------------------------------------------- the fields


def test_prompt_of_z_image_turbo_has_both_ends() -> None:
    """1 to 2000 characters, counted as characters and not as bytes."""
    for length in (1, 2, 1000, 1999, 2000):
        assert make(ZImageTurbo, prompt="画" * length).prompt == "画" * length
    for prompt in ("", "画" * 2001, "x" * 100_000, None, 7):
        assert refused(ZImageTurbo, prompt=prompt) == ["prompt"]


def test_prompt_of_nano_banana_2_lite_is_not_measured() -> None:
    """Its 2000 are tokens, which nobody can count here; it must be text, though."""
    for prompt in ("x", "word " * 5000):
        assert make(NanoBanana2Lite, prompt=prompt).prompt == prompt
    for bad in (None, 7, b"text", "lone \ud800 surrogate"):
        assert refused(NanoBanana2Lite, prompt=bad) == ["prompt"]


@pytest.mark.parametrize(
    "size",
    [*RATIOS, "376x376", "1536x1536", "376x1536", "1024x768", "377x1535", "0512x00512"],
)
def test_size_of_z_image_turbo_is_taken(size: str) -> None:
    """A listed ratio, or a width and a height with both ends included; as written."""
    assert make(ZImageTurbo, size=size).fields()["size"] == size


@pytest.mark.parametrize(
    "size",
    [
        *("375x376", "376x375", "1537x1536", "1536x1537", "0x0", "1024x0"),
        *("-512x512", "+512x512", "1024X768", "1024*768", "1024×768", "1024x", "x768"),
        *("1024x768x1", "1024 x 768", "1024x768 ", "1024x768\n", "1_024x768", "x", ""),
        *("1024.0x768", "1e3x1e3", "0x400x0x400", "１０２４x768", "auto", "square_hd"),
        *("21:9", "4:5", "1024:768", "1024"),
        pytest.param("9" * 5000 + "x512", id="huge"),
        pytest.param("0" * 100_000, id="zeros"),
        *(1024, (1024, 768), True),
    ],
)
def test_size_of_z_image_turbo_is_refused(size: Any) -> None:
    """One pixel beyond, another spelling, a ratio of another model: not stated."""
    (problem,) = problems(ZImageTurbo, size=size)
    assert problem.field == "size"
    assert problem.allowed == (
        "one of 1:1, 2:3, 3:2, 3:4, 4:3, 9:16, 16:9, 1:2, 2:1, or <width>x<height> "
        "with sides of 376 to 1536 pixels"
    )


def test_size_of_other_models_takes_no_pixels() -> None:
    """`<width>x<height>` is stated for one model only."""
    assert refused(NanoBanana2Lite, size="1024x768") == ["size"]


@pytest.mark.parametrize(
    ("cls", "field", "good", "bad"),
    [
        (ZImageTurbo, "seed", [1, 2, 12345, 2147483647], [0, -1, 2147483648, 7.0]),
        (ZImageTurbo, "seed", [], ["7", True, "", [1], 10**5000]),
        (ZImageTurbo, "nsfw_check", [True, False], [0, 1, "false", ""]),
        (NanoBanana2Lite, "size", ["auto", "1:8", "8:1", "21:9"], ["1:2", "AUTO", ""]),
        (NanoBanana2Lite, "quality", ["1K"], ["2K", "1k", ""]),
        (NanoBanana2Lite, "image_urls", [[], ["x"], ["x"] * 14], [["x"] * 15, "x"]),
    ],
)
def test_field_of_evolink_takes_what_its_table_says(
    cls: type[Request], field: str, good: list[Any], bad: list[Any]
) -> None:
    """Both ends and the middle pass; one beyond and other types are refused."""
    for value in good:
        assert make(cls, **{field: value}).fields()[field] == value
    for value in bad:
        assert refused(cls, **{field: value}) == [field]


def test_image_urls_are_judged_one_by_one() -> None:
    """Each must be text, and is named by its place; endings are not checked."""
    images = ["https://host.example/a.gif", 7, "\ud800"]
    fields = refused(NanoBanana2Lite, image_urls=images)
    assert fields == ["image_urls[1]", "image_urls[2]"]


# ------------------------------------------------------------------- model_params


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        (7, ["model_params"]),
        ("{}", ["model_params"]),
        ([("a", 1)], ["model_params"]),
        ({"a": float("nan")}, ["model_params.a"]),
        ({"a": [1, {"b": b"x"}]}, ["model_params.a[1].b"]),
        ({1: "a"}, ["model_params"]),
        ({"a": {1, 2}, "b": "\ud800"}, ["model_params.a", "model_params.b"]),
        pytest.param({"a": 10**5000}, ["model_params.a"], id="huge"),
    ],
)
def test_model_params_must_be_a_json_object(params: Any, fields: list[str]) -> None:
    """What JSON has no text for is refused, and its place is named."""
    assert refused(NanoBanana2Lite, model_params=params) == fields


def test_model_params_have_an_end_in_depth() -> None:
    """Too deep, or inside itself, ends in our error."""
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert refused(NanoBanana2Lite, model_params={"a": deep}) == ["model_params"]
    cycle: dict[str, Any] = {}
    cycle["a"] = cycle
    assert refused(NanoBanana2Lite, model_params=cycle) == ["model_params.a"]


def test_model_params_bad_next_to_others_are_told_together() -> None:
    """Everything wrong comes at once, in the order of the table, callback last."""
    found = problems(
        NanoBanana2Lite,
        callback_url="https://192.168.0.1/canary",
        model_params={"a": b""},
        image_urls=7,
        quality="4K",
        size="1:3",
    )
    fields = ["size", "quality", "image_urls", "model_params.a", "callback_url"]
    assert [problem.field for problem in found] == fields
    assert "canary" not in str(found)


# ----------------------------------------------------------------------- callbacks

INTERNAL = [
    *("127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "255.255.255.255"),
    *("127.1", "10.1", "127.0.1", "2130706433", "017700000001", "0x7f000001"),
    *(
        "0x7f.1",
        "0X7F.0x0.0.1",
        "0177.0.0.1",
        "00177.1",
        "0xA.0",
        "0",
        "0x",
        "3232235521",
    ),
    *("intern", "4294967296", "box.local", "a.internal", "x.home.arpa", "my-localhost"),
    *("127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "a.b.localhost"),
    *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]"),
    *("[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]"),
    *("１２７.0.0.1", "127。0。0。1", "ｌocalhost", "%31%32%37.0.0.1"),
]
PUBLIC = [
    *("bot.example", "your-domain.com", "8.8.8.8", "172.15.0.1", "172.32.0.1"),
    *("134744072", "0x8.8", "8.8", "[2606:4700::1111]", "[::ffff:8.8.8.8]"),
    *(
        "localhost.example",
        "my-localhost.example",
        "10.example",
        "127.0.0.1.example",
        "10-0-0-1.example",
    ),
    *(
        "xn--fiqs8s.example",
        "画.example",
        "1.2.3.4.5",
        "08.1",
        "256.1.1.1",
    ),
]


@pytest.mark.parametrize("cls", BOTH)
@pytest.mark.parametrize("host", PUBLIC)
def test_callback_url_to_a_public_host_is_taken(cls: type[Request], host: str) -> None:
    """Names are not resolved; what only looks like an address is a name."""
    for url in (f"https://{host}/done?x=1", f"https://{host}:8443", f"HTTPS://{host}"):
        request = make(cls, callback_url=url)
        assert request.callback_url == url
        assert request.fields() == {"prompt": "a cute cat"}


@pytest.mark.parametrize("host", INTERNAL)
def test_callback_url_to_an_internal_host_is_refused(host: str) -> None:
    """In every spelling that some program reads as an internal address."""
    for url in (
        f"https://{host}/canary",
        f"https://{host}:8443/",
        f"https://u:p@{host}",
    ):
        (problem,) = check(EVOLINK_CALLBACK_URL, url)
        assert problem.field == "callback_url"
        assert "canary" not in problem.given
        if not names_loopback(host.strip("[]")):  # may be for a service on this machine
            assert problems(ZImageTurbo, callback_url=url) == (problem,)
    assert is_internal(host)


@pytest.mark.parametrize("host", [host[1:-1] for host in INTERNAL if host[0] == "["])
def test_internal_host_needs_no_brackets(host: str) -> None:
    """A host taken out of its URL is judged alike; in a URL it must have brackets."""
    assert is_internal(host)
    assert refused(ZImageTurbo, callback_url=f"https://{host}/") == ["callback_url"]


def test_internal_host_with_a_zone_is_local() -> None:
    """A zone names an interface of this machine."""
    assert is_internal("fe80::1%eth0")
    assert is_internal("[2606:4700::1111%25eth0]")


@pytest.mark.parametrize(
    "url",
    [
        *("http://bot.example/done", "bot.example/done", "https://", "https:///x", ""),
        *("https://bot.example:port/", "https://bot.example/a b", "https://[bad/x", 7),
        *("https://bot.example:0/", "ftp://bot.example/", "https://bot.example/\ud800"),
        *(r"https://127.0.0.1\@bot.example/", r"https://bot.example\@127.0.0.1/"),
    ],
)
def test_callback_url_of_evolink_must_be_https(url: Any) -> None:
    """As everywhere: nothing but a readable https URL."""
    assert refused(ZImageTurbo, callback_url=url) == ["callback_url"]


@pytest.mark.parametrize("cls", [*BOTH, ZImage])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:2"])
def test_callback_url_to_this_machine_is_taken(cls: type[Request], host: str) -> None:
    """A request does not know whose session it is for: a local service calls here."""
    for scheme in ("http", "https"):
        url = f"{scheme}://{host}/done"
        assert make(cls, callback_url=url).callback_url == url
        assert Generic("m", {}, callback_url=url).callback_url == url
    for url in (f"ftp://{host}/", f"http://{host}/a b", rf"http://h.example\@{host}/"):
        assert len(refused(cls, callback_url=url)) == 1
    if cls is not ZImage:
        long = f"http://{host}/".ljust(2049, "x")
        assert refused(cls, callback_url=long) == ["callback_url"]


def test_callback_url_of_evolink_has_a_greatest_length() -> None:
    """2048 characters pass; one more is refused, with its length and not its path."""
    start = "https://bot.example/"
    for length in (len(start), 2047, 2048):
        url = start.ljust(length, "x")
        assert make(ZImageTurbo, callback_url=url).callback_url == url
    (problem,) = problems(ZImageTurbo, callback_url=start.ljust(2049, "x"))
    assert problem.given == "'https://bot.example/…' (2049 characters)"
    assert problem.allowed == (
        "a public https:// URL of 2048 or fewer characters, not to an internal address"
    )


def test_callback_url_with_a_password_is_not_our_business() -> None:
    """No source speaks of user names in it, so they are taken; and never shown."""
    url = "https://user:canary@bot.example/done"
    assert make(ZImageTurbo, callback_url=url).callback_url == url
    (problem,) = problems(ZImageTurbo, callback_url=url.replace("https", "http"))
    assert "canary" not in str(problem)


def test_check_of_a_callback_is_that_of_its_service() -> None:
    """The two entries, for callbacks of a session and of `Generic`: one rule each."""
    for url in ("https://127.0.0.1/x", "https://bot.example/" + "x" * 3000):
        assert list(check(CALL_BACK_URL, url)) == []
        (problem,) = check(EVOLINK_CALLBACK_URL, url)
        assert problem.field == "callback_url"
    for info in (CALL_BACK_URL, EVOLINK_CALLBACK_URL):
        assert list(check(info, None)) == []
        assert list(check(info, "https://bot.example/x")) == []
        assert len(list(check(info, "http://bot.example/x"))) == 1


def test_callback_url_stands_where_the_documents_have_it() -> None:
    """Second and top level for LiangXin, last for EvoLink; always under its name."""
    for model, place, info in (
        ("z-image", 1, CALL_BACK_URL),
        ("imagen4-fast", 1, CALL_BACK_URL),
        ("z-image-turbo", -1, EVOLINK_CALLBACK_URL),
        ("gpt-image-2", -1, EVOLINK_CALLBACK_URL),
    ):
        known = describe(model)
        assert known is not None
        assert known.fields[place].name == info.name
