"""Names of requests: which may be given, and how they are made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async._errors import Problem
from liangxin_async.bulk._keys import Keys, content_key, key_problem
from liangxin_async.models import Generic, Request, ZImage

quick = settings(max_examples=200, deadline=None, database=None, derandomize=True)


@pytest.mark.parametrize("key", ["a", "x" * 200, "a b", "日本/4?", "-", "🐈‍⬛"])
def test_key_that_is_good(key: str) -> None:
    """Any text of up to 200 characters may be a key."""
    assert key_problem(key) is None


@pytest.mark.parametrize(
    "key",
    ["", "x" * 201, " a", "a ", " ", "a\n", "a\tb", "\0", "a\x7f", "a\x85b", "a\u2028b",
     "\ud800", 7, 7.5, True, None, ["a"], b"a"],
)  # fmt: skip
def test_key_that_is_none(key: Any) -> None:
    """No control characters, no white space at the ends, nothing but text."""
    problem = key_problem(key)
    assert problem is not None
    assert problem.field == "key"
    assert "1 to 200 characters" in problem.allowed
    assert str(problem).isprintable()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ZImage("x"), ZImage("x", callback_url="https://host.example/"), True),
        (ZImage("x"), Generic("z-image", {"prompt": "x"}), True),
        (Generic("m", {"a": 1, "b": 2}), Generic("m", {"b": 2, "a": 1}), True),
        (Generic("m", {}), Generic("m", {}, kind="video"), True),
        (ZImage("x"), ZImage("x", seed=1), False),
        (ZImage("x"), ZImage("X"), False),
        (Generic("m", {"a": 1}), Generic("n", {"a": 1}), False),
        (Generic("m", {"a": 1}), Generic("m", {"a": True}), False),
        (Generic("m", {"a": None}), Generic("m", {}), False),
        (Generic("m", {"a": [1, 2]}), Generic("m", {"a": [2, 1]}), False),
        (Generic("m", {"a": "é"}), Generic("m", {"a": "e\u0301"}), False),
    ],
)
def test_content_key_of_two_requests(one: Request, other: Request, same: bool) -> None:
    """The key stands for model and input, whatever their order; for nothing else."""
    assert (content_key(one) == content_key(other)) == same


@quick
@given(
    st.lists(
        st.sampled_from("abc").map(lambda a: Generic("m", {"a": a}))
        | st.sampled_from(["a", "a-2", "b"])
        | st.sampled_from("abc").map(lambda a: content_key(Generic("m", {"a": a})))
        | st.sampled_from("ab").map(
            lambda a: content_key(Generic("m", {"a": a})) + "-2"
        ),
        max_size=30,
    )
)
def test_keys_are_given_once(asked: list[Request | str]) -> None:
    """Given or made, in any order, no key is given to two lines."""
    keys, taken = Keys(), []
    for line, wanted in enumerate(asked, 1):
        if isinstance(wanted, str):
            key = keys.take(wanted, line) or wanted
        else:
            key = keys.take_content(wanted)
        if isinstance(key, Problem):
            assert str(key).startswith("key: got ")
        else:
            taken.append(key)
    assert len(set(taken)) == len(taken)
    given_keys = [wanted for wanted in asked if isinstance(wanted, str)]
    assert set(given_keys) <= set(taken)


def test_keys_of_many_equal_requests() -> None:
    """Counting equal requests takes the same short time for the last as for the first."""
    keys, request = Keys(), ZImage("x")
    made = [keys.take_content(request) for _ in range(20_000)]
    assert made[-1] == f"{made[0]}-20000"
    assert len(set(map(str, made))) == 20_000
