"""What is known about a model and its fields, in words for people."""

from __future__ import annotations

from collections.abc import Iterator

from liangxin_async.cli._fields import option
from liangxin_async.models import FieldInfo, ModelInfo

_SHOWN = {"seed": "reference"}  # the catalogue's word is that of a field as well
_SOURCES = {
    "reference": "the provider's reference documents",
    "docs": "the public documentation pages",
    "name only": "only the name is known: fields are sent unchecked",
}
_NO_VALUE = "listed by its title alone: nobody found the model value to ask for it by"
_NOT_ENFORCED = "not enforced"


def option_of(field: FieldInfo) -> str:
    """Return how a field is given to `generate`."""
    if field.https:
        return "--callback-url"
    return {"model": "MODEL", "prompt": "PROMPT"}.get(field.key) or option(field)


def required_words(field: FieldInfo) -> str:
    """Return whether a field is required."""
    words = {True: "required", False: "optional", None: "required: not stated"}
    return words[field.required]


def default_words(field: FieldInfo) -> str:
    """Return what the service takes when the field is left out; "" if not stated."""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "" if field.default is None else str(field.default)


def known_about(field: FieldInfo) -> Iterator[tuple[str, str]]:
    """Yield what may be given and what is known, as pairs of label and words."""
    yield "allowed", field.choices or field.allowed
    if field.aliases:
        pairs = (f"{one} = {other}" for one, other in field.aliases)
        yield "aliases", ", ".join(pairs)
    if field.notes:
        yield "notes", field.notes
    if field.upstream_hint:
        yield f"upstream, {_NOT_ENFORCED}", field.upstream_hint


def rules_of(info: ModelInfo) -> Iterator[tuple[str, str]]:
    """Yield what is known about the model as a whole, as label and words."""
    for rule in info.rules:
        yield "rule", rule
    for rule in info.upstream_rules:
        yield f"upstream rule, {_NOT_ENFORCED}", rule
    if info.upstream_hint:
        yield f"upstream, {_NOT_ENFORCED}", info.upstream_hint
    if info.notes:
        yield "notes", info.notes


def heading(info: ModelInfo) -> str:
    """Return the first line about a model."""
    start = "" if info.model is None else f"{info.model}: "
    return f"{start}{info.title} ({info.kind}, {info.provider})"


def source_word(source: str) -> str:
    """Return the word for a source of facts."""
    return _SHOWN.get(source, source)


def sources_of(info: ModelInfo) -> str:
    """Return where the facts come from, in words; or why there are hardly any."""
    if info.model is None:
        return _NO_VALUE
    used = dict.fromkeys((info.source, *(field.source for field in info.fields)))
    shown = (source_word(source) for source in used)
    words = (f"{source} = {_SOURCES[source]}" for source in shown)
    return f"facts from: {'; '.join(words)}"
