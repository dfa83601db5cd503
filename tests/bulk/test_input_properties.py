"""What holds for every input, tried with generated ones."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from liangxin_async.bulk._entry import BadLine, Entry, check
from liangxin_async.bulk._input import Form, read_lines

quick = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
sendable = st.characters(codec="utf-8")
words = st.text(sendable, max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=8,
)
forms = st.sampled_from(["jsonl", "csv", "text"])
models = st.sampled_from(["z-image", "z-image-turbo", "nano-banana-pro", "new"])
# Pieces of which a broken input is made, far more often than chance would.
pieces = st.sampled_from(
    [
        *(b"\n", b"\r\n", b"\r", b'"', b'""', b",", b"{", b"[", b"x"),
        *(b"\0", b"\xff", b"\xef\xbb\xbf"),
        *(b'{"prompt": "a"}', b'{"prompt": "a", "key": "k"}'),
        b'{"model": "z-image", "input": {"prompt": "a", "seed": 1}}',
        *(b"prompt,seed,key\n", b"a,1,k\n"),
    ]
)
noise = st.lists(pieces | st.binary(max_size=5), max_size=25).map(b"".join)


@settings(quick, max_examples=600)
@given(data=noise, form=forms, model=models, repeat=st.integers(1, 3))
@example(data=b'prompt\n"a', form="csv", model="z-image", repeat=1)
@example(data=b"\xff", form="csv", model="z-image", repeat=1)
def test_any_bytes_give_entries_or_bad_lines(
    data: bytes, form: Form, model: str, repeat: int
) -> None:
    """No input raises; lines, keys, names and words are what they promise to be."""
    items = list(read_lines(io.BytesIO(data), form=form, model=model, repeat=repeat))
    entries = [item for item in items if isinstance(item, Entry)]
    lines = [item.line or 0 for item in items]
    assert lines == sorted(lines)
    assert all(1 <= line <= data.count(b"\n") + 1 for line in lines)
    assert len({entry.key for entry in entries}) == len(entries)
    assert set(Counter(lines).values()) <= {1, repeat}
    for bad in items:
        if isinstance(bad, BadLine):
            assert bad.problems
            assert str(bad).startswith(f"line {bad.line}")
            assert (str(bad) + bad.text).isprintable()
            assert len(bad.text) <= 100
    tally = check(items)
    assert (tally.entries, tally.bad_lines) == (len(entries), len(items) - len(entries))


@quick
@given(
    st.lists(st.dictionaries(words, json_values, max_size=4), max_size=8), st.booleans()
)
def test_jsonl_round_trip(inputs: list[dict[str, Any]], with_input: bool) -> None:
    """What a program writes as JSONL is asked for, value by value."""
    aside = {"model", "key", "input", "callback_url", "callBackUrl"}
    assume(with_input or not any(aside & set(fields) for fields in inputs))
    lines = [
        {"model": "new", "input": fields} if with_input else {"model": "new", **fields}
        for fields in inputs
    ]
    data = "".join(json.dumps(line) + "\r\n" for line in lines).encode()
    items = list(read_lines(io.BytesIO(data), form="jsonl"))
    assert [
        item.request.fields() for item in items if isinstance(item, Entry)
    ] == inputs


@quick
@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1
            ),
            st.none() | st.integers(),
            st.none() | st.booleans(),
        ).filter(lambda row: row[0].strip()),
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_csv_round_trip(
    rows: list[tuple[str, int | None, bool | None]], line_end: str
) -> None:
    """What the csv module writes is asked for, value by value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerow(["prompt", "input.seed", "enable_safety_checker"])
    writer.writerows(rows)
    data = io.BytesIO(text.getvalue().encode())
    items = list(read_lines(data, form="csv", model="seedream-v4-5"))
    wanted = [
        {"prompt": prompt}
        | ({} if seed is None else {"seed": seed})
        | ({} if checker is None else {"enable_safety_checker": checker})
        for prompt, seed, checker in rows
    ]
    assert [
        item.request.fields() for item in items if isinstance(item, Entry)
    ] == wanted


@quick
@given(st.lists(words, max_size=10), st.integers(1, 3))
def test_every_line_gives_its_copies(prompts: list[str], repeat: int) -> None:
    """Each good line gives exactly `repeat` entries, each bad one one bad line."""
    lines = [json.dumps({"prompt": prompt}) for prompt in prompts]
    items = read_lines(lines, form="jsonl", model="z-image", repeat=repeat)
    found = Counter((item.line, isinstance(item, Entry)) for item in items)
    assert found == {
        (line, prompt != ""): repeat if prompt else 1
        for line, prompt in enumerate(prompts, 1)
    }


@quick
@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12), st.randoms())
def test_order_of_lines_does_not_change_keys(prompts: list[str], random: Any) -> None:
    """The same lines in any order ask for the same keys: nothing is paid for twice."""

    def asked(lines: list[str]) -> set[tuple[str, str | None]]:
        items = read_lines(lines, form="text", model="z-image")
        return {(i.key, i.request.prompt) for i in items if isinstance(i, Entry)}

    mixed = random.sample(prompts, len(prompts))
    assert asked(prompts) == asked(mixed)
    assert len(asked(prompts)) == len(prompts)
    assert asked(prompts) <= asked([*mixed, "d", "a"])
