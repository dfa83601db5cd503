"""The classes against the catalogue of the services' documents, kept here as data.

Every entry of `catalogue.json` is walked, those without a model value too. Where the
library states a fact in another form than the document, `DIFFERENCES` says so and why;
anything else that is not equal is drift.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from liangxin_async import models
from liangxin_async.models import (
    FieldInfo,
    Generic,
    ModelInfo,
    build,
    catalogue,
    describe,
    kind_of,
)

HERE = Path(__file__).parent
ENTRIES: list[dict[str, Any]] = json.loads((HERE / "catalogue.json").read_text())
NAMED = [entry for entry in ENTRIES if entry["model"] is not None]
TITLES = [entry for entry in ENTRIES if entry["model"] is None]
TYPED = [entry for entry in ENTRIES if entry["source"] != "name only"]
SHARED = HERE.parents[2] / "shared" / "api" / "models.json"


def name_of(entry: Any) -> str:
    return str(entry["model"] or entry["title"])


every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
every_named_entry = pytest.mark.parametrize("entry", NAMED, ids=name_of)
every_typed_entry = pytest.mark.parametrize("entry", TYPED, ids=name_of)


@frozen
class Difference:
    """A fact that the library states in another form than the document, and why."""

    provider: str
    model: str | None  # None: every model of the provider
    field: str
    key: str
    document: Any
    library: Any
    reason: str

    def covers(self, entry: dict[str, Any], field: str, key: str) -> bool:
        mine = entry["provider"] == self.provider
        mine = mine and self.model in (None, entry["model"])
        return mine and (self.field, self.key) == (field, key)


DIFFERENCES = [
    Difference(
        *("evolink", None, "model", "notes", "", "Fixed value."),
        reason="one remark for the one value, which the enumeration states as well",
    ),
    Difference(
        *("evolink", "z-image-turbo", "model", "default", "z-image-turbo", None),
        reason="the model is required and always sent, so no default ever applies",
    ),
    Difference(
        *("evolink", "z-image-turbo", "prompt", "min_length", None, 1),
        reason="the prompt is required, and an empty one describes no image",
    ),
]
# The document writes the form of a custom size as a pattern, the library as its sides.
SIZE_PATTERN = "^[0-9]+x[0-9]+$"

MODEL_FACTS: dict[str, Any] = {  # with what the document means by leaving one out
    **dict.fromkeys(("model", "title", "kind", "provider", "source"), None),
    "rules": [],
    "upstream_rules": [],
    "notes": "",
}


def facts_of_model(info: ModelInfo) -> dict[str, Any]:
    return {key: getattr(info, key) for key in MODEL_FACTS}


def facts_of_field(info: FieldInfo) -> dict[str, Any]:
    """Return a FieldInfo in the words of the catalogue file."""
    plain = ("name", "type", "required", "default", "min", "max", "min_length")
    plain += ("max_length", "max_items", "side_min", "side_max", "notes")
    return {
        **{key: getattr(info, key) for key in plain},
        "enum": list(info.enum) or None,
        "aliases": dict(info.aliases) or None,
        "pattern": SIZE_PATTERN if info.has_sides else None,
    }


def as_text(value: Any) -> str:
    """Return one spelling for equal JSON values, where false is not 0."""
    return json.dumps(value, sort_keys=True)


def leaves(value: Any) -> list[str]:
    """Return the scalars and the keys of `sizes` inside an upstream hint, as text."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [str(value)]


def drift(info: ModelInfo, entry: dict[str, Any]) -> Iterator[str]:
    """Yield every fact in which the library and the document differ."""
    for key, have in facts_of_model(info).items():
        want = entry.get(key, MODEL_FACTS[key])
        if as_text(have) != as_text(want):
            yield f"{key}: {have!r}, not {want!r}"
    yield from hint_drift(info.upstream_hint, entry.get("upstream_hint"))
    names = [field["name"] for field in entry["fields"]]
    if [field.name for field in info.fields] != names:
        yield f"fields: not {names}"
        return
    for field, written in zip(info.fields, entry["fields"], strict=True):
        yield from field_drift(field, written, entry)


def field_drift(
    info: FieldInfo, written: dict[str, Any], entry: dict[str, Any]
) -> Iterator[str]:
    for key, have in facts_of_field(info).items():
        want = written.get(key)
        if as_text(have) != as_text(want) and not any(
            difference.covers(entry, info.name, key)
            and as_text([want, have])
            == as_text([difference.document, difference.library])
            for difference in DIFFERENCES
        ):
            yield f"{info.name}: {key}: {have!r}, not {want!r}"
    if info.source != entry["source"]:
        yield f"{info.name}: source: {info.source!r}, not {entry['source']!r}"
    yield from hint_drift(info.upstream_hint, written.get("upstream_hint"))


def hint_drift(told: str, hint: Any) -> Iterator[str]:
    if bool(told) != bool(hint):
        yield f"upstream hint: {told!r}, not {hint!r}"
    missing = [word for word in leaves(hint or []) if word not in told]
    if missing:
        yield f"upstream hint: without {missing}"


def found(entry: dict[str, Any]) -> ModelInfo:
    """Return what the library knows of an entry: by its value, else by its title."""
    if entry["model"] is not None:
        info = describe(entry["model"])
    else:
        titled = {info.title: info for info in catalogue() if info.model is None}
        info = titled.get(entry["title"])
    assert info is not None
    return info


# ---------------------------------------------------------------------------- drift


def test_catalogue_data_is_that_of_the_documents() -> None:
    """The copy in this directory equals the file it was taken from, all of it."""
    if not SHARED.is_file():
        pytest.skip("the documents' catalogue is not next to this checkout")
    assert json.loads(SHARED.read_text()) == ENTRIES


def test_catalogue_data_holds_nothing_that_is_not_compared() -> None:
    """A fact of a new sort in the document is noticed, not passed over."""
    sorts = {key for entry in ENTRIES for key in entry}
    assert sorts == {*MODEL_FACTS, "endpoint", "fields", "upstream_hint"}
    sorts = {key for entry in ENTRIES for field in entry["fields"] for key in field}
    assert sorts == {*facts_of_field(FieldInfo("", "string")), "upstream_hint"}


def test_catalogue_needs_one_endpoint_for_each_service() -> None:
    """The address of a create hangs on the service alone: it is the dialect's."""
    assert {(entry["provider"], entry["endpoint"]) for entry in ENTRIES} == {
        ("liangxin", "POST /api/v1/jobs/createTask"),
        ("evolink", "POST /v1/images/generations"),
    }


def test_catalogue_lists_every_entry_in_order() -> None:
    """All entries, none invented: values in the document's order, titles at the end."""
    assert [(info.model, info.title) for info in catalogue()] == [
        (entry["model"], entry["title"]) for entry in (*NAMED, *TITLES)
    ]
    assert {entry["provider"] for entry in NAMED} == {"liangxin", "evolink"}
    assert len(TITLES) > 20
    assert len({info.title for info in catalogue()}) == len(ENTRIES)


@every_entry
def test_catalogue_states_what_the_documents_state(entry: dict[str, Any]) -> None:
    """No fact of any model or field differs but in form, and that is written down."""
    assert list(drift(found(entry), entry)) == []


@every_entry
def test_drift_of_any_fact_is_seen(entry: dict[str, Any]) -> None:
    """Whatever changes in the document, the comparison above notices it."""
    info = found(entry)
    for key in MODEL_FACTS:
        assert list(drift(info, {**entry, key: "changed"})), key
    for index, field in enumerate(entry["fields"]):
        for key in facts_of_field(FieldInfo("", "string")):
            changed = copy.deepcopy(entry)
            changed["fields"][index][key] = "changed"
            assert list(drift(info, changed)), (field["name"], key)
        assert list(drift(info, {**entry, "fields": entry["fields"][:index]}))
    assert list(drift(info, {**entry, "fields": entry["fields"][::-1]}))
    assert list(drift(info, {**entry, "upstream_hint": {"remark": "changed"}}))


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda d: f"{d.field}-{d.key}")
def test_differences_are_still_there(difference: Difference) -> None:
    """An exception that is no longer needed is taken out of the table."""
    pairs = [
        (field[difference.key], facts_of_field(info)[difference.key])
        for entry in ENTRIES
        for field, info in zip(entry["fields"], found(entry).fields, strict=True)
        if difference.covers(entry, info.name, difference.key)
    ]
    assert set(pairs) == {(difference.document, difference.library)}
    assert difference.reason


def test_marks_that_the_documents_give_in_words() -> None:
    """What is https, what must be public, what is open: on the fields it belongs to."""
    pairs = [(info, field) for info in catalogue() for field in info.fields]
    assert {(i.provider, f.name) for i, f in pairs if f.https} == {
        ("liangxin", "callBackUrl"),
        ("evolink", "callback_url"),
    }
    assert {f.name for _, f in pairs if f.public} == {"callback_url"}
    assert {(i.model, f.name) for i, f in pairs if f.open_enum} == {
        ("nano-banana-pro", "input.aspect_ratio"),
        ("nano-banana-pro-flash", "input.aspect_ratio"),
    }


# ------------------------------------------------------------------------- the doors


@every_entry
def test_request_type_is_given_for_models_with_a_table_only(
    entry: dict[str, Any],
) -> None:
    """Models with a table have a class whose model value is theirs; others have none."""
    cls = found(entry).request_type
    assert (cls is None) == (entry not in TYPED)
    if cls is not None:
        assert vars(cls)["model"] == entry["model"]
        assert issubclass(cls, models.Request)
        assert cls.provider == entry["provider"]


def test_describe_of_an_unknown_model_is_none() -> None:
    """A model value that nobody described has no table, and that is no error."""
    assert describe("model-of-next-year") is None
    assert [describe(entry["title"]) for entry in TITLES] == [None] * len(TITLES)


@every_named_entry
def test_kind_of_a_known_model_is_the_documents(entry: dict[str, Any]) -> None:
    """By model value, by its request, and by a `Generic` of the same value."""
    model, kind = entry["model"], entry["kind"]
    assert kind_of(model) == kind
    assert build(model, {"prompt": "a cafe"}).kind == kind
    assert Generic(model, {}).kind == kind


@pytest.mark.parametrize("model", [None, "model-of-next-year", "", "WAN 2.6"])
def test_kind_of_anything_else_is_unknown(model: str | None) -> None:
    """Nobody guesses from a name."""
    assert kind_of(model) is None


def inputs(entry: dict[str, Any]) -> list[FieldInfo]:
    """The fields that a request of a model is made of, without the callback."""
    aside = ("model", "callBackUrl", "callback_url")
    return [field for field in found(entry).fields if field.name not in aside]


def typed_class(entry: dict[str, Any]) -> type[models.Request]:
    cls = found(entry).request_type
    assert cls is not None
    return cls


@every_typed_entry
def test_signature_takes_prompt_by_position_and_the_rest_by_name(
    entry: dict[str, Any],
) -> None:
    """The constructor takes the fields of the table, and only the prompt by position."""
    parameters = inspect.signature(typed_class(entry)).parameters
    assert set(parameters) == {*(field.key for field in inputs(entry)), "callback_url"}
    by_name = {n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert by_name == set(parameters) - {"prompt"}
    required = {n for n, p in parameters.items() if p.default is p.empty}
    assert required == {"prompt"}


@every_typed_entry
def test_docstring_tells_every_field_range_and_value(entry: dict[str, Any]) -> None:
    """What a user reads in the editor names each field, limit and accepted value."""
    doc = inspect.getdoc(typed_class(entry)) or ""
    for info in inputs(entry):
        assert f"    {info.key}: " in doc
        facts = [info.min, info.max, info.max_length, info.max_items]
        facts += [info.side_min, info.side_max]
        words = [str(fact) for fact in facts if fact is not None]
        assert [word for word in (*words, *info.accepted) if word not in doc] == []
    assert {"seed": "seed documents", "docs": "public documentation"}[
        found(entry).source
    ] in doc


def test_all_is_sorted_and_importable() -> None:
    """`__all__` is sorted and holds nothing that is not there."""
    assert models.__all__ == sorted(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)
