"""The fields of one model as a table on a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

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
from liangxin_async.models import FieldInfo, ModelInfo


def show(info: ModelInfo) -> None:
    """Print everything about a model on stdout."""
    console = Console(highlight=False)
    console.print(Text(heading(info), "bold"))
    console.print(Text(sources_of(info), "dim"))
    console.print(_fields(info))
    for label, words in rules_of(info):
        console.print(Text.assemble((f"{label}: ", "dim"), words))


def _fields(info: ModelInfo) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_lines=True, pad_edge=False)
    table.add_column("field", overflow="fold")
    table.add_column("type", overflow="fold")
    table.add_column("allowed, and what is known", ratio=1)
    table.add_column("from")
    for field in info.fields:
        table.add_row(
            _name(field), _kind(field), _known(field), source_word(field.source)
        )
    return table


def _name(field: FieldInfo) -> Text:
    return Text.assemble((field.name, "bold"), "\n", (option_of(field), "cyan"))


def _kind(field: FieldInfo) -> Text:
    style = "yellow" if field.required else ""
    words = Text.assemble(field.type, "\n", (required_words(field), style))
    default = default_words(field)
    return words.append(f"\ndefault {default}") if default else words


def _known(field: FieldInfo) -> Text:
    pairs = list(known_about(field))
    text = Text(pairs[0][1])
    for label, words in pairs[1:]:
        text.append("\n")
        if label != "notes":
            text.append(f"{label}: ", "dim")
        text.append(words)
    return text
