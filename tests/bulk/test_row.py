"""Which moves of a row are legal."""

from __future__ import annotations

import pytest

from liangxin_async.bulk._row import Row, RowState, may_become

N, D, A, G, S, F = (
    *(RowState.NOT_SENT, RowState.IN_DOUBT, RowState.ACCEPTED),
    *(RowState.SUCCEEDED, RowState.SAVED, RowState.FAILED),
)
LEGAL = {
    *((None, D), (None, F)),
    *((N, D), (N, F)),
    *((D, A), (D, N), (D, F)),
    *((A, G), (A, F)),
    *((G, S), (G, F)),
    (S, G),
    (F, F),
}
LEGAL_AGAIN = LEGAL | {(D, D), (F, D)}


@pytest.mark.parametrize("before", [None, *RowState])
@pytest.mark.parametrize("after", RowState)
def test_may_become_of_every_pair(before, after):
    """Each pair of states is legal or not, with and without the user's leave."""
    assert may_become(before, after) is ((before, after) in LEGAL)
    assert may_become(before, after, again=True) is ((before, after) in LEGAL_AGAIN)


@pytest.mark.parametrize("state", [A, G, S])
def test_may_become_sent_again_of_a_paid_row(state):
    """What was accepted is never sent again, whatever the user says."""
    assert not may_become(state, D, again=True)


@pytest.mark.parametrize(
    ("request_json", "prompt"),
    [
        ({"model": "m", "input": {"prompt": "a cat"}}, "a cat"),
        ({"model": "m", "input": {}}, None),
        ({"model": "m", "input": {"prompt": ["a cat"]}}, None),
    ],
)
def test_row_prompt_of_requests(request_json, prompt):
    """The prompt is the request's, where it has one that is text."""
    assert Row(key="k", model="m", stem="s", request=request_json).prompt == prompt
