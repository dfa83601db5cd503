"""`models`: what is known about each model, and where each fact comes from."""

from __future__ import annotations

import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from liangxin_async.cli._errors import UsageError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._fields import inputs, titled
from liangxin_async.cli._models_words import (
    default_words,
    heading,
    known_about,
    option_of,
    required_words,
    rules_of,
    source_word,
    sources_of,
)
from liangxin_async.cli._out import Out, is_terminal
from liangxin_async.cli._progress import has_rich
from liangxin_async.models import FieldInfo, ModelInfo, catalogue, describe

_WIDEST = 88  # columns of plain text
_TABLE = 100  # columns from which on a table is easier to read than a list


def models(args: Namespace, out: Out) -> int:
    """List the models, or show one, by its model value or by its title.

    Raises:
        UsageError: nobody described that model.
    """
    if args.model is None:
        _list(out)
        return Exit.DONE
    info = describe(args.model) or titled(args.model)
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
    names = [name for info in catalogue() for name in (info.model, info.title) if name]
    close = get_close_matches(model, names, 1)
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
    providers = dict.fromkeys(info.provider for info in known)
    blocks = [_models_of(provider) for provider in providers]
    for line in (*_columned(*blocks), "", *_columned(_titles())):
        out.line(line)
    out.note(
        "\nFIELDS: how many there are, and where the facts are from; any: only the "
        "name is\nknown, and whatever fields are given are sent unchecked.\n"
        "`liangxin models MODEL` shows the fields of one, and what a title tells."
    )


def _models_of(provider: str) -> list[tuple[str, ...]]:
    rows = (
        (info.model, info.kind, _count(info), info.title)
        for info in catalogue()
        if info.provider == provider and info.model is not None
    )
    return [(f"MODEL ({provider})", "KIND", "FIELDS", "TITLE"), *rows]


def _titles() -> list[tuple[str, ...]]:
    untold = (info for info in catalogue() if info.model is None)
    rows = ((info.title, info.kind, info.provider) for info in untold)
    return [("TITLE WITHOUT A KNOWN MODEL VALUE", "KIND", "PROVIDER"), *rows]


def _count(info: ModelInfo) -> str:
    return (
        "any"
        if info.request_type is None
        else f"{len(inputs(info))} ({source_word(info.source)})"
    )


def _columned(*blocks: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows as lines in common columns, cut at the terminal's width.

    An empty line stands between two blocks.
    """
    columns = zip(*(row for block in blocks for row in block), strict=True)
    widths = [max(map(len, column)) for column in columns]
    most = _columns()
    for number, block in enumerate(blocks):
        if number:
            yield ""
        for row in block:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            line = "  ".join(cells).rstrip()
            yield line if len(line) <= most else f"{line[: most - 1]}…"


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
        "side_min": field.side_min,
        "side_max": field.side_max,
        "https": field.https,
        "public": field.public,
        "notes": field.notes or None,
        "upstream_hint": field.upstream_hint or None,
        "source": field.source,
    }


# ---------------------------------------------------------------------------- a page


def _page(info: ModelInfo, width: int) -> Iterator[str]:
    yield heading(info)
    yield sources_of(info)
    for field in info.fields:
        default = default_words(field)
        facts = [field.type, required_words(field)]
        facts += [f"default {default}"] if default else []
        yield ""
        yield f"{field.name}  ({option_of(field)})"
        yield f"    {', '.join(facts)}; from: {source_word(field.source)}"
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
