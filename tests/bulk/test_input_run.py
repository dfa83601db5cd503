"""What holds for a whole input: settings, copies, keys, the service, the count."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from liangxin_async import ConfigurationError, InvalidRequestError
from liangxin_async.bulk._entry import BadLine, Entry, Tally, check
from liangxin_async.bulk._input import form_of, read_lines
from liangxin_async.models import Generic, ZImage

MOST = 2147483647  # the largest seed of z-image-turbo


def items(*lines: dict[str, Any], **run: Any) -> list[Entry | BadLine]:
    """What JSONL lines give."""
    return list(read_lines(map(json.dumps, lines), form="jsonl", **run))


def entries(*lines: dict[str, Any], **run: Any) -> list[Entry]:
    """What JSONL lines give, if all of them are good."""
    found = items(*lines, **run)
    assert [str(item) for item in found if isinstance(item, BadLine)] == []
    return [item for item in found if isinstance(item, Entry)]


def keys(*lines: dict[str, Any], **run: Any) -> list[str]:
    """The keys of good lines, and the text of bad ones."""
    return [i.key if isinstance(i, Entry) else str(i) for i in items(*lines, **run)]


def line(prompt: str = "x", **more: Any) -> dict[str, Any]:
    """A line for z-image."""
    return {"model": "z-image", "prompt": prompt, **more}


# ------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"prompt": "x"}),
        ({"seed": "7"}, {"prompt": "x", "seed": 7}),
        ({"input.seed": 7}, {"prompt": "x", "seed": 7}),
        ({"prompt": "y", "image_size": "12"}, {"prompt": "x", "image_size": "12"}),
        ({"enable_safety_checker": "False"}, {"prompt": "x", "enable_safety_checker": False}),
    ],
)  # fmt: skip
def test_settings_fill_what_a_line_leaves(
    settings: dict[str, Any], fields: dict[str, Any]
) -> None:
    """A setting is read by the type of its field, and any line may overrule it."""
    (entry,) = entries(line(), settings=settings)
    assert entry.request.fields() == fields


def test_settings_and_null() -> None:
    """A line that gives null keeps the setting away from it."""
    settings = {"seed": "7"}
    typed, any_field = entries(
        line(seed=None), {"model": "new", "seed": None}, settings=settings
    )
    assert typed.request.fields() == {"prompt": "x"}
    assert any_field.request.fields() == {"seed": None}


def test_settings_by_model() -> None:
    """One setting means what the field is for the model of each line."""
    settings = {"size": "1024"}
    listed, new = entries(
        {"model": "gemini-2.5-flash-image"}, {"model": "new"}, settings=settings
    )
    assert listed.request.fields() == {"size": "1024"}
    assert new.request.fields() == {"size": 1024}
    (bad,) = items(line(), settings=settings)
    assert "input.size: got 'size'" in str(bad)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"sede": "7"}, "sede: got a setting; allowed: one of prompt, image_size"),
        ({"seed": "x"}, "input.seed: got 'x'; allowed: an integer"),
        ({"seed": 1.5}, "input.seed: got 1.5; allowed: an integer"),
    ],
)
def test_settings_that_fit_no_line(settings: dict[str, Any], told: str) -> None:
    """A setting that the run's model cannot take is told once, before any line."""
    with pytest.raises(InvalidRequestError) as caught:
        read_lines([], form="text", model="z-image", settings=settings)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "xml"},
        {"form": "text", "model": None},
        {"model": " "},
        {"model": 7},
        {"repeat": 0},
        {"repeat": True},
        {"repeat": 1.0},
        {"callback_url": "http://host.example/"},
        {"settings": {"key": "a"}},
        {"settings": {"model": "a"}},
        {"settings": {"callback_url": "https://host.example/"}},
        {"settings": {"seed": "1", "input.seed": "2"}},
        {"settings": {"input.": "1"}},
    ],
)
def test_read_lines_refuses_arguments_at_once(wrong: dict[str, Any]) -> None:
    """Arguments that cannot be right are told before a line is read."""
    good: dict[str, Any] = {"form": "text", "model": "z-image"}
    with pytest.raises(ConfigurationError):
        read_lines(["a"], **{**good, **wrong})


def test_callback_of_the_run() -> None:
    """The run's callback is for lines that give none, and no part of a key."""
    own, runs = "https://host.example/a", "https://host.example/b"
    first, second = entries(line(callback_url=own), line(prompt="y"), callback_url=runs)
    assert (first.request.callback_url, second.request.callback_url) == (own, runs)
    assert [first.key, second.key] == keys(line(), line(prompt="y"))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jsonl", "jsonl"),
        ("a.b/c.NDJSON", "jsonl"),
        ("a.csv", "csv"),
        ("prompts.txt", "text"),
        ("a.json", None),
        ("csv", None),
        ("-", None),
    ],
)
def test_form_of_names(name: str, form: str | None) -> None:
    """The end of a file name tells the form, or nothing does."""
    assert form_of(name) == form


# -------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    ("fields", "settings", "seeds"),
    [
        ({}, {}, [1, 2, 3]),
        ({"seed": 7}, {}, [7, 8, 9]),
        ({}, {"seed": "40"}, [40, 41, 42]),
        ({"seed": 7}, {"seed": "40"}, [7, 8, 9]),
        ({"seed": None}, {"seed": "40"}, [1, 2, 3]),
        ({"seed": -1}, {}, [-1, 0, 1]),
    ],
)
@pytest.mark.parametrize("model", ["z-image", "new", "doubao-seedream-4.5"])
def test_repeat_counts_seeds_up(
    model: str, fields: dict[str, Any], settings: dict[str, Any], seeds: list[int]
) -> None:
    """Copies get seeds from the line's, the settings' or 1, also without a table."""
    made = {"model": model, "prompt": "x", **fields}
    found = entries(made, repeat=3, settings=settings)
    assert [entry.request.fields()["seed"] for entry in found] == seeds
    assert {entry.line for entry in found} == {1}
    assert len({entry.key for entry in found}) == 3
    assert len({entry.stem for entry in found}) == 3


def test_repeat_of_one_sets_no_seed() -> None:
    """A line that is made once goes out as it is."""
    (entry,) = entries(line())
    assert entry.request == ZImage("x")


def test_repeat_past_the_largest_seed() -> None:
    """A copy whose seed cannot be is a bad line, and the copies before it are good."""
    made = {"model": "z-image-turbo", "prompt": "x", "seed": MOST - 1, "key": "k"}
    first, second, third, fourth = items(made, repeat=4)
    assert isinstance(first, Entry)
    assert isinstance(second, Entry)
    assert str(third) == (
        "line 1, copy 3: seed: got 2147483648; allowed: an integer of 1 to 2147483647"
    )
    assert isinstance(fourth, BadLine)
    assert (fourth.copy, fourth.model) == (4, "z-image-turbo")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"model": "z-image-turbo", "prompt": "x", "seed": 0}, ["seed: got 0"]),
        (line(seed="7"), ["input.seed: got '7'"]),
        (line(seed=True), ["input.seed: got True"]),
        ({"model": "new", "seed": "7"}, ["input.seed: got '7'"]),
        ({"model": "new", "seed": 7.0}, ["input.seed: got 7.0"]),
        ({"model": "new", "input": [1]}, ["input: got [1]"]),
        (
            {"model": "nano-banana-pro", "prompt": "a cat", "resolution": "9K"},
            ["repeat: got 3; allowed: 1, since this model has no seed", "input.resol"],
        ),
    ],
)
def test_repeat_of_a_bad_line(made: dict[str, Any], told: list[str]) -> None:
    """A line whose copies would all be bad is one bad line."""
    (bad,) = items(made, repeat=3)
    assert isinstance(bad, BadLine)
    assert bad.copy == 1
    assert len(bad.problems) == len(told)
    for problem, start in zip(bad.problems, told, strict=True):
        assert str(problem).startswith(start)


# ---------------------------------------------------------------------------- keys


def test_keys_by_content_survive_editing() -> None:
    """Lines may be added, removed and moved, and spelled otherwise: keys stay."""
    a, b, c = line("a"), line("b", seed=3), {"model": "new", "x": {"p": 1, "q": 2}}
    key_a, key_b, key_c = keys(a, b, c)
    assert keys(c, line("new"), b, a)[0::2] == [key_c, key_b]
    assert keys(c, line("new"), b, a)[3] == key_a
    spelled = {"input": {"x": {"q": 2, "p": 1}}, "model": "new"}
    assert keys({"input": {"seed": 3, "prompt": "b"}, "model": "z-image"}, spelled) == [
        key_b,
        key_c,
    ]
    assert len(key_a) == 16
    assert len({key_a, key_b, key_c}) == 3


def test_keys_by_content_are_for_ever() -> None:
    """The key of a request is the same in each release: journals hold it.

    It is the start of the SHA-256 of
    {"input":{"prompt":"a cafe terrace in Paris","seed":7},"model":"z-image"}
    """
    assert keys(line("a cafe terrace in Paris", seed=7)) == ["747182a8dbe00cda"]


def test_keys_of_equal_lines() -> None:
    """Equal lines mean as many pictures, told apart by counting."""
    first, second, third = keys(line(), line(), line())
    assert (second, third) == (f"{first}-2", f"{first}-3")
    assert len({entry.stem for entry in entries(line(), line())}) == 2


def test_keys_given_twice() -> None:
    """A key that a line has is refused to the next one, also where the first is bad."""
    _, told = keys(line(key="a"), line("y", key="a"))
    assert told.startswith("line 2: key: got 'a', which line 1 has; allowed: ")
    bad, told, other = keys(line(key="a", seed="x"), line("y", key="a"), line(key="A"))
    assert bad.startswith("line 1: input.seed")
    assert told.startswith("line 2: key: got 'a', which line 1 has")
    assert other == "A"


def test_keys_of_copies() -> None:
    """The first copy has the key itself, so that more copies can be asked for later."""
    assert keys(line(key="a"), repeat=3) == ["a", "a-2", "a-3"]
    few, many = keys(line(), repeat=2), keys(line(), repeat=4)
    assert many[:2] == few


def test_keys_that_meet_made_ones() -> None:
    """A key that is given and one made from content never name two requests."""
    (made,) = keys(line("y"))
    given, first, second = keys(line(key=made), line("y"), line("y"))
    assert given == made
    assert first.startswith(f"line 2: key: got {made!r}, which line 1 has")
    assert second.startswith(f"line 3: key: got {made!r}, which line 1 has")
    _, first, second, third = keys(line(key=f"{made}-2"), *[line("y")] * 3)
    assert (first, third) == (made, f"{made}-3")
    assert f"got '{made}-2', which line 1 has" in second
    for late in (made, f"{made}-2"):
        *_, told = keys(line("y"), line("y"), line(key=late))
        assert f"{late!r}, which the content of an earlier line has given it" in told


def test_keys_that_meet_copies() -> None:
    """A key that is given and the key of a copy never name two requests."""
    first, _, again, told = keys(line(key="a-2"), line("y", key="a"), repeat=2)
    assert (first, again) == ("a-2", "a")
    assert told.startswith("line 2, copy 2: key: got 'a-2', which line 1 has")
    *_, told = keys(line("y", key="a"), line(key="a-2"), repeat=2)
    assert told.startswith("line 2: key: got 'a-2', which line 1 has")


def test_keys_in_memory() -> None:
    """What the keys of an input take in memory is what `Keys` says of it."""
    count = 6_000
    lines = (f'{{"prompt": "{number}"}}' for number in range(count))
    tracemalloc.start()
    try:
        reader = read_lines(lines, form="jsonl", model="z-image")
        assert isinstance(next(reader), Entry)
        before, _ = tracemalloc.get_traced_memory()
        tally = check(reader)
        after, peak = tracemalloc.get_traced_memory()
        assert next(reader, None) is None
    finally:
        tracemalloc.stop()
    assert tally.good == {"z-image": count - 1}
    assert (peak - before) / count < 300  # bytes; a growing dict is there twice
    assert after - before < 200 * count


# ------------------------------------------------------------------------- service


@pytest.mark.parametrize(
    ("model", "provider", "is_good"),
    [
        ("z-image", "liangxin", True),
        ("z-image", "evolink", False),
        ("z-image-turbo", "evolink", True),
        ("z-image-turbo", "liangxin", False),
        ("z-image", None, True),
        ("new", "evolink", True),
        ("gemini-2.5-flash-image", "liangxin", True),
    ],
)
def test_provider_of_a_run(model: str, provider: str | None, is_good: bool) -> None:
    """A model with a table is for its own service; every other one passes."""
    (item,) = items({"model": model, "prompt": "x"}, provider=provider)
    assert isinstance(item, Entry) == is_good
    if isinstance(item, BadLine):
        owner = "evolink" if provider == "liangxin" else "liangxin"
        assert f"model: got {model!r}, a model of {owner}; allowed" in str(item)


# --------------------------------------------------------------------------- count


def test_check_counts_by_model() -> None:
    """A check says how many lines of each model are good and bad, and tells the bad."""
    lines = [
        line(key="a"),
        line(key="a"),
        line(seed="x"),
        {"model": "new"},
        {"prompt": "x"},
        line("y"),
    ]
    told: list[BadLine] = []
    tally = check(read_lines(map(json.dumps, lines), form="jsonl"), on_bad=told.append)
    assert tally == Tally(good={"z-image": 2, "new": 1}, bad={"z-image": 2, None: 1})
    assert (tally.entries, tally.bad_lines) == (3, 3)
    assert [bad.line for bad in told] == [2, 3, 5]


def test_check_keeps_nothing() -> None:
    """A check takes items one by one; it works without a listener too."""
    alive: list[int] = []

    class Seen(Generic):
        def __del__(self) -> None:
            alive.remove(id(self))

    def source() -> Iterator[Entry]:
        for number in range(50):
            request = Seen("m", {"n": number})
            alive.append(id(request))
            yield Entry(key=str(number), request=request, stem="s")
            del request
            assert len(alive) <= 2

    assert check(source()).good == {"m": 50}
