"""`models`: what is known about each model, and where each fact comes from."""

from __future__ import annotations

import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from liangxin_async.cli._errors import UsageError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._fields import inputs, option
from liangxin_async.cli._out import Out, is_terminal
from liangxin_async.cli._progress import has_rich
from liangxin_async.models import FieldInfo, ModelInfo, catalogue, describe

_SOURCES = {
    "seed": "the provider's reference documents",
    "docs": "the public documentation pages",
    "name only": "only the name is known: fields are sent unchecked",
}
_NOT_ENFORCED = "not enforced"
_WIDEST = 88  # columns of plain text
_TABLE = 100  # columns from which on a table is easier to read than a list


def models(args: Namespace, out: Out) -> int:
    """List the models, or show one.

    Raises:
        UsageError: nobody described that model.
    """
    if args.model is None:
        _list(out)
        return Exit.DONE
    info = describe(args.model)
    if info is None:
        raise _unknown(args.model)
    if out.as_json:
        out.data({**_summary(info), **_details(info)})
    elif has_rich(sys.stdout) and _columns() >= _TABLE:
        from liangxin_async.cli import _models_rich

        _models_rich.show(info)
    else:
        for line in _page(info, min(_WIDEST, _columns())):
            out.line(line)
    return Exit.DONE


def _columns() -> int:
    """Return the width of the terminal; plenty where stdout is none."""
    shown = is_terminal(sys.stdout)
    return shutil.get_terminal_size().columns if shown else _TABLE * 2


def _unknown(model: str) -> UsageError:
    close = get_close_matches(model, [info.model for info in catalogue()], 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return UsageError(
        f"{model!r} is not in the catalogue{hint}",
        advice=(
            "the service may have it all the same: `liangxin generate` sends the "
            "fields of such a model unchecked",
        ),
    )


def _list(out: Out) -> None:
    known = catalogue()
    if out.as_json:
        out.data({"models": [_summary(info) for info in known]})
        return
    rows = [("MODEL", "KIND", "FIELDS", "FACTS FROM", "TITLE")]
    for info in known:
        count = str(len(inputs(info))) if info.request_type else "any"
        rows.append((info.model, info.kind, count, info.source, info.title))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    most = _columns()
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        line = "  ".join((*cells, row[4]))
        out.line(line if len(line) <= most else f"{line[: most - 1]}…")
    out.note("`liangxin models MODEL` shows the fields of one.")


# ------------------------------------------------------------------------------ JSON


def _summary(info: ModelInfo) -> dict[str, Any]:
    return {
        "model": info.model,
        "title": info.title,
        "kind": info.kind,
        "provider": info.provider,
        "source": info.source,
        "checked": info.request_type is not None,
    }


def _details(info: ModelInfo) -> dict[str, Any]:
    return {
        "fields": [_field_facts(field) for field in info.fields],
        "rules": list(info.rules),
        "upstream_rules": list(info.upstream_rules),
        "upstream_hint": info.upstream_hint or None,
        "notes": info.notes or None,
    }


def _field_facts(field: FieldInfo) -> dict[str, Any]:
    return {
        "name": field.name,
        "option": option_of(field),
        "type": field.type,
        "required": field.required,
        "default": field.default,
        "enum": list(field.enum) or None,
        "aliases": dict(field.aliases) or None,
        "open_enum": field.open_enum,
        "min": field.min,
        "max": field.max,
        "min_length": field.min_length,
        "max_length": field.max_length,
        "max_items": field.max_items,
        "https": field.https,
        "notes": field.notes or None,
        "upstream_hint": field.upstream_hint or None,
        "source": field.source,
    }


# ------------------------------------------------------------------- words for people


def option_of(field: FieldInfo) -> str:
    """Return how a field is given to `generate`."""
    arguments = {"model": "MODEL", "prompt": "PROMPT", "callBackUrl": "--callback-url"}
    return arguments.get(field.key) or option(field)


def required_words(field: FieldInfo) -> str:
    """Return whether a field is required, in a word."""
    return {True: "required", False: "optional", None: "not stated"}[field.required]


def default_words(field: FieldInfo) -> str:
    """Return what the service takes when the field is left out; "" if not stated."""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return "" if field.default is None else str(field.default)


def known_about(field: FieldInfo) -> Iterator[tuple[str, str]]:
    """Yield what may be given and what is known, as pairs of label and words."""
    if field.enum:
        more = ", or another name the service knows" if field.open_enum else ""
        yield "allowed", ", ".join(field.enum) + more
    else:
        yield "allowed", field.allowed
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
    return f"{info.model}: {info.title} ({info.kind}, {info.provider})"


def sources_of(info: ModelInfo) -> str:
    """Return where the facts come from, in words."""
    used = dict.fromkeys((info.source, *(field.source for field in info.fields)))
    words = (f"{source} = {_SOURCES[source]}" for source in used)
    return f"facts from: {'; '.join(words)}"


def _page(info: ModelInfo, width: int) -> Iterator[str]:
    yield heading(info)
    yield sources_of(info)
    for field in info.fields:
        default = default_words(field)
        facts = [field.type, required_words(field)]
        facts += [f"default {default}"] if default else []
        yield ""
        yield f"{field.name}  ({option_of(field)})"
        yield f"    {', '.join(facts)}; from: {field.source}"
        for label, words in known_about(field):
            yield from _wrapped(f"{label}: {words}", width, indent=4)
    rules = list(rules_of(info))
    if rules:
        yield ""
    for label, words in rules:
        yield from _wrapped(f"{label}: {words}", width)


def _wrapped(text: str, width: int, *, indent: int = 0) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_on_hyphens=False,
        break_long_words=False,
    )
