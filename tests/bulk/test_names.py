"""Names of files: readable, and safe wherever they are written."""

from __future__ import annotations

import unicodedata
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liangxin_async._media import STEM_LIMIT, safe_stem
from liangxin_async.bulk._stems import slug, stem_of, variants

quick = settings(max_examples=300, deadline=None, database=None, derandomize=True)
DEVICES = {"con", "prn", "aux", "nul", "com1", "lpt9"}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cafe terrace in Paris", "a-cafe-terrace-in-paris"),
        ("  A  Café!!  (at night) ", "a-café-at-night"),
        ("cafe\u0301", "café"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con"),
        ("nul.txt", "nul-txt"),
        ("a.", "a"),
        ("-rf .", "rf"),
        ("a\0b\nc\u2028d", "a-b-c-d"),
        ("日本の庭、春。", "日本の庭-春"),
        ("कॉफ़ी की दुकान", "कॉफ़ी-की-दुकान"),
        ("١٢٣ قطة", "١٢٣-قطة"),
        ("İstanbul", "i̇stanbul"),
        ("STRASSE ẞ ǅ", "strasse-ß-ǆ"),
        ("Ⅷ ² ½ 8", "8"),
        ("❤️ 🐈‍⬛", ""),
        ("\u0301\u0301", ""),
        ("\u202eevil\u200b", "evil"),
        ("", ""),
        ("x" * 99, "x" * 40),
        ("word " * 20, "word-word-word-word-word-word-word-word"),
        ("a cat " + "x" * 99, "a-cat-" + "x" * 34),
        ("庭" * 99, "庭" * 14),
        ("𠀀" * 99, "𠀀" * 10),
        ("\ud800a", "a"),
    ],
)
def test_slug_of_prompts(prompt: str, expected: str) -> None:
    """Letters and digits of any script stay; the rest is one hyphen, none at an end."""
    assert slug(prompt) == unicodedata.normalize("NFC", expected)


@pytest.mark.parametrize(
    ("prompt", "key", "copy", "expected"),
    [
        ("A cat", None, 1, "00017-a-cat"),
        ("A cat", None, 2, "00017-2-a-cat"),
        ("A cat", "shop_4", 1, "shop_4-a-cat"),
        ("A cat", "Shop 4/a.b", 3, "shop-4-a-b-3-a-cat"),
        (None, None, 1, "00017-untitled"),
        ("!", "CON", 1, "con-untitled"),
        ("A cat", "!", 1, "bb7208bc-a-cat"),
        ("A cat", "..", 1, "5ec1f7e7-a-cat"),
        ("A cat", "k" * 40, 1, "k" * 40 + "-a-cat"),
        ("A cat", "k" * 41, 1, "k" * 31 + "-6510a5e1-a-cat"),
    ],
)
def test_stem_of_requests(
    prompt: str | None, key: str | None, copy: int, expected: str
) -> None:
    """The key or the line comes first, then the number of a copy, then the prompt."""
    assert stem_of(prompt, line=17, key=key, copy=copy) == expected


def test_stem_of_late_lines() -> None:
    """Line numbers have five digits, and more where they need them."""
    assert stem_of("x", line=99999, key=None) == "99999-x"
    assert stem_of("x", line=1234567, key=None) == "1234567-x"


def test_stem_of_long_keys() -> None:
    """Long keys that begin alike still give different names."""
    names = {stem_of("x", line=1, key="k" * 100 + end) for end in "abc"}
    assert len(names) == 3


def is_safe(stem: str) -> bool:
    """Whether a name is one file, and the same one, on every file system."""
    return (
        0 < len(stem.encode()) <= STEM_LIMIT
        and stem == unicodedata.normalize("NFC", stem)
        and stem == unicodedata.normalize("NFC", stem.lower())
        and not set(stem) & set('<>:"/\\|?*.\0 ')
        and not any(unicodedata.category(c)[0] in "CZ" for c in stem)
        and stem[0] not in "-."
        and stem[-1] not in "-. "
        and stem not in DEVICES
        and safe_stem(stem, unicode_letters=True) == stem
    )


@quick
@given(
    prompt=st.none() | st.text(max_size=120),
    key=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    line=st.integers(1, 10**9),
    copy=st.integers(1, 10**6),
)
@example(prompt="\u0345" * 60, key="\u0345x\u0345", line=1, copy=1)
@example(prompt="ﬃ\u0301Å\u2126", key="\u1e9e\u0130" * 30, line=1, copy=10**6)
@example(prompt="\u1100\u1161\u11a8" * 30, key="\u0f73", line=1, copy=1)
def test_stem_is_safe_for_any_text(
    prompt: str | None, key: str | None, line: int, copy: int
) -> None:
    """Whatever prompt and key say, the name is safe, and a download takes it as it is."""
    stem = stem_of(prompt, line=line, key=key, copy=copy)
    assert is_safe(stem), stem
    for variant in islice(variants(stem), 12):
        assert is_safe(variant), variant


def test_variants_of_a_stem() -> None:
    """Variants are the name itself, then numbered ones, each new and never too long."""
    assert list(islice(variants("00017-a"), 3)) == ["00017-a", "00017-a-2", "00017-a-3"]
    long = "庭" * 33
    many = list(islice(variants(long), 200))
    assert len(set(many)) == 200
    assert max(len(name.encode()) for name in many) <= STEM_LIMIT
    assert many[1] == "庭" * 32 + "-2"


def test_stem_on_this_file_system(tmp_path: Path) -> None:
    """The longest names can be written, with room for number, extension and more."""
    for prompt in ("庭" * 99, "𠀀" * 99, "word " * 99):
        stem = stem_of(prompt, line=10**9, key="庭" * 200, copy=10**6)
        path = tmp_path / f"{stem}-12.jpeg.part"
        path.write_bytes(b"x")
        assert path.name in [found.name for found in tmp_path.iterdir()]
