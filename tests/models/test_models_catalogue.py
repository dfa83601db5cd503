"""The classes against the catalogue of the service's documents, kept here as data."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from liangxin_async import models
from liangxin_async.models import FieldInfo, ModelInfo, catalogue, describe

HERE = Path(__file__).parent
CATALOGUE: list[dict[str, Any]] = json.loads((HERE / "catalogue.json").read_text())
ENTRIES = {entry["model"]: entry for entry in CATALOGUE}
TYPED = [entry["model"] for entry in CATALOGUE if entry["source"] != "name only"]
SHARED = HERE.parents[2] / "shared" / "api" / "models.json"

every_model = pytest.mark.parametrize("model", ENTRIES)
every_typed_model = pytest.mark.parametrize("model", TYPED)


def known(model: str) -> ModelInfo:
    info = describe(model)
    assert info is not None
    return info


def typed_class(model: str) -> type[models.Request]:
    cls = known(model).request_type
    assert cls is not None
    return cls


def as_entry(info: FieldInfo) -> dict[str, Any]:
    """Return a FieldInfo in the words of the catalogue file."""
    return {
        "name": info.name,
        "type": info.type,
        "required": info.required,
        "default": info.default,
        "enum": list(info.enum) or None,
        "aliases": dict(info.aliases) or None,
        "min": info.min,
        "max": info.max,
        "min_length": info.min_length,
        "max_length": info.max_length,
        "max_items": info.max_items,
        "notes": info.notes,
    }


def leaves(value: Any) -> list[str]:
    """Return the scalars and the keys of `sizes` inside an upstream hint, as text."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [str(value)]


def test_catalogue_data_is_that_of_the_documents() -> None:
    """The copy in this directory equals the entries of the file it was taken from."""
    if not SHARED.is_file():
        pytest.skip("the documents' catalogue is not next to this checkout")
    entries = json.loads(SHARED.read_text())
    named = [e for e in entries if e["provider"] == "liangxin" and e["model"]]
    assert named == CATALOGUE


def test_catalogue_lists_every_named_model_in_order() -> None:
    """All model values of the documents are listed, in their order, none invented."""
    assert [info.model for info in catalogue()] == list(ENTRIES)


@every_model
def test_model_info_states_what_the_documents_state(model: str) -> None:
    """Title, kind, provider, source, rules and notes are the documents'."""
    info, entry = known(model), ENTRIES[model]
    assert info.title == entry["title"]
    assert info.kind == entry["kind"]
    assert info.provider == entry["provider"]
    assert info.source == entry["source"]
    assert list(info.rules) == entry["rules"]
    assert list(info.upstream_rules) == entry.get("upstream_rules", [])
    assert info.notes == entry.get("notes", "")


@every_model
def test_field_table_equals_the_documents(model: str) -> None:
    """Name, type, required, default, values, limits and notes: no field differs."""
    expected = [
        {key: field[key] for key in as_entry(FieldInfo("", "string"))}
        for field in ENTRIES[model]["fields"]
    ]
    assert [as_entry(info) for info in known(model).fields] == expected


@every_model
def test_every_field_names_its_source(model: str) -> None:
    """Each field says where its facts are from, and it is the model's source."""
    assert {info.source for info in known(model).fields} == {ENTRIES[model]["source"]}


@every_model
def test_upstream_hints_are_told_and_complete(model: str) -> None:
    """Whatever the upstream documents of a field can be read in its hint."""
    for info, field in zip(known(model).fields, ENTRIES[model]["fields"], strict=True):
        hint = field.get("upstream_hint")
        assert bool(info.upstream_hint) == bool(hint)
        assert [w for w in leaves(hint or []) if w not in info.upstream_hint] == []
    hint = ENTRIES[model].get("upstream_hint")
    assert [w for w in leaves(hint or []) if w not in known(model).upstream_hint] == []


def test_only_callbacks_must_be_https_and_only_nano_banana_is_open() -> None:
    """The two marks that the catalogue gives in words sit on the fields they belong to."""
    pairs = [(info.model, field) for info in catalogue() for field in info.fields]
    https = {field.name for _, field in pairs if field.https}
    opened = {(model, field.name) for model, field in pairs if field.open_enum}
    assert https == {"callBackUrl"}
    assert opened == {
        ("nano-banana-pro", "input.aspect_ratio"),
        ("nano-banana-pro-flash", "input.aspect_ratio"),
    }


@every_model
def test_request_type_is_given_for_models_with_a_table_only(model: str) -> None:
    """Models with a table have a class whose model value is theirs; others have none."""
    cls = known(model).request_type
    assert (cls is None) == (model not in TYPED)
    assert cls is None or vars(cls)["model"] == model


def test_describe_of_an_unknown_model_is_none() -> None:
    """A model value that nobody described has no table, and that is no error."""
    assert describe("model-of-next-year") is None


@every_typed_model
def test_signature_takes_prompt_by_position_and_the_rest_by_name(model: str) -> None:
    """The constructor takes the fields of the table, and only the prompt by position."""
    parameters = inspect.signature(typed_class(model)).parameters
    inputs = [f.key for f in known(model).fields if f.name.startswith("input.")]
    assert set(parameters) == {*inputs, "callback_url"}
    by_name = {n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    assert by_name == set(parameters) - {"prompt"}
    required = {n for n, p in parameters.items() if p.default is p.empty}
    assert required == {"prompt"}


@every_typed_model
def test_docstring_tells_every_field_range_and_value(model: str) -> None:
    """What a user reads in the editor names each field, limit and accepted value."""
    doc = inspect.getdoc(typed_class(model)) or ""
    for info in known(model).fields[2:]:
        assert f"    {info.key}: " in doc
        facts = [info.min, info.max, info.max_length, info.max_items, *info.accepted]
        assert [f for f in facts if f is not None and str(f) not in doc] == []
    assert {"seed": "seed documents", "docs": "public documentation"}[
        known(model).source
    ] in doc


def test_all_is_sorted_and_importable() -> None:
    """`__all__` is sorted and holds nothing that is not there."""
    assert models.__all__ == sorted(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)
