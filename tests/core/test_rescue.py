"""Whether a record can be that of a create whose answer was lost."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async._core.rescue import contradicts

FIELDS = {"prompt": "a cat", "seed": 7}


@pytest.mark.parametrize(
    "echo",
    [
        None,
        "",
        "not JSON",
        [],
        {},
        {"model": "z-image", "input": FIELDS},
        {"model": "z-image", "input": {**FIELDS, "steps": 8}, "callBackUrl": "x"},
        {"model": "z-image", "input": {"prompt": "a cat"}},
        {"model": "z-image", "input": "cut off"},
        {"model": None, "input": {"seed": 7.0}},
        {"input": FIELDS},
    ],
)
def test_echo_that_says_nothing_else_is_no_contradiction(echo: Any) -> None:
    """Missing, unreadable, longer or shorter: then the path is the proof."""
    assert not contradicts(echo, "z-image", FIELDS)


@pytest.mark.parametrize(
    "echo",
    [
        {"model": "flux-2-pro", "input": FIELDS},
        {"model": "z-image", "input": {"prompt": "a dog", "seed": 7}},
        {"model": "z-image", "input": {"prompt": "a cat", "seed": 8}},
        {"input": {"prompt": None}},
        {"model": ""},
    ],
)
def test_echo_of_another_request_contradicts(echo: Any) -> None:
    """Another model or another value of a field that was sent."""
    assert contradicts(echo, "z-image", FIELDS)
