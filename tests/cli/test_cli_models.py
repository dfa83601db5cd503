"""`models` shows what is known, and where it is from; it needs nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from liangxin_async.cli import _models
from liangxin_async.cli._models import _page
from liangxin_async.models import catalogue, describe
from tests.cli.conftest import ROOT, Run

# The tables of the two pages, as the providers' reference documents have them.
Z_IMAGE: dict[str, dict[str, Any]] = {
    "model": {"type": "string", "required": True, "enum": ["z-image"]},
    "callBackUrl": {
        "type": "string",
        "required": False,
        "https": True,
    },
    "input.prompt": {"type": "string", "required": True, "min_length": 1},
    "input.image_size": {
        "type": "string",
        "required": False,
        "default": "square_hd",
    },
    "input.aspect_ratio": {"type": "string", "required": False},
    "input.seed": {"type": "integer", "required": False},
    "input.num_inference_steps": {"type": "integer", "required": False},
    "input.output_format": {"type": "string", "required": False},
    "input.enable_safety_checker": {"type": "boolean", "required": False},
}
RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "1:2", "2:1"]
Z_IMAGE_TURBO: dict[str, dict[str, Any]] = {
    "model": {"type": "string", "required": True, "enum": ["z-image-turbo"]},
    "prompt": {"type": "string", "required": True, "min_length": 1, "max_length": 2000},
    "size": {
        "type": "string",
        "required": False,
        "enum": RATIOS,
        "side_min": 376,
        "side_max": 1536,
    },
    "seed": {"type": "integer", "required": False, "min": 1, "max": 2147483647},
    "nsfw_check": {"type": "boolean", "required": False, "default": False},
    "callback_url": {
        "type": "string",
        "required": False,
        "max_length": 2048,
        "https": True,
        "public": True,
    },
}
SEEDS = {"z-image": Z_IMAGE, "z-image-turbo": Z_IMAGE_TURBO}
every_seed = pytest.mark.parametrize("model", SEEDS)


@every_seed
def test_models_json_has_every_fact_of_the_seed(run: Run, model: str) -> None:
    """The fields with type, requirement, default, limits and source; no more."""
    seed = SEEDS[model]
    shown = json.loads(run("models", model, "--json").out)
    fields = {field["name"]: field for field in shown["fields"]}
    assert list(fields) == list(seed)
    for name, facts in seed.items():
        assert {key: fields[name][key] for key in facts} == facts
        assert fields[name]["source"] == "seed"
        silent = {"enum", "min", "max", "min_length", "max_length", "default"}
        silent |= {"side_min", "side_max", "https", "public", "max_items", "aliases"}
        assert all(not fields[name][key] for key in silent - set(facts))


@every_seed
def test_models_page_has_every_fact_of_the_seed(run: Run, model: str) -> None:
    """The same for people: each field with its option, type, requirement, source."""
    page = run("models", model).out
    assert "facts from: reference = the provider's reference documents\n" in page
    blocks = {block.split()[0]: block for block in page.split("\n\n")[1:]}
    for name, facts in SEEDS[model].items():
        need = "required" if facts["required"] else "optional"
        assert f"    {facts['type']}, {need}" in blocks[name]
        assert "; from: reference\n" in blocks[name]


def test_models_page_of_z_image_marks_hints_as_such(run: Run) -> None:
    """What is enforced and what only the upstream says cannot be mixed up."""
    page = run("models", "z-image").out
    blocks = {block.split()[0]: block for block in page.split("\n\n")[1:]}
    assert "(--image-size)" in blocks["input.image_size"]
    assert "default square_hd" in blocks["input.image_size"]
    assert "image_size wins" in blocks["rule:"]
    hint = blocks["input.seed"].splitlines()[-1]
    assert hint == "    upstream, not enforced: 0 to 4294967295"


def test_models_page_of_z_image_turbo_says_what_is_allowed(run: Run) -> None:
    """Ranges and forms of EvoLink's own fields, with their options."""
    page = " ".join(run("models", "z-image-turbo").out.split())
    for words in (
        "z-image-turbo: Z Image Turbo (image, evolink)",
        "prompt (PROMPT)",
        "a string of 1 to 2000 characters",
        "size (--size)",
        f"allowed: {', '.join(RATIOS)}, or <width>x<height> with sides of 376 to 1536",
        "an integer of 1 to 2147483647",
        "nsfw_check (--nsfw-check) boolean, optional, default false",
        "callback_url (--callback-url)",
        "of 2048 or fewer characters, not to an internal address",
    ):
        assert words in page


@pytest.mark.parametrize("info", catalogue(), ids=lambda info: info.model or info.title)
def test_models_page_holds_everything_known(info: Any) -> None:
    """No note, rule, range, value or alias of any model is missing on its page."""
    page = " ".join(" ".join(_page(info, 80)).split())
    parts = [info.title, info.notes, info.upstream_hint]
    parts += [*info.rules, *info.upstream_rules]
    for field in info.fields:
        parts += [field.name, field.notes, field.upstream_hint, *field.enum]
        parts += [f"{one} = {other}" for one, other in field.aliases]
        limits = (field.min, field.max, field.min_length, field.max_length)
        limits += (field.max_items, field.side_min, field.side_max)
        parts += [str(limit) for limit in limits if limit is not None]
    assert [part for part in parts if " ".join(part.split()) not in page] == []


def test_models_page_fits_its_width() -> None:
    """Lines are broken at the width, and nowhere inside a word."""
    info = describe("seedream-v4-5")
    assert info is not None
    assert max(map(len, _page(info, 60))) <= 60


def test_models_lists_all(run: Run) -> None:
    """Each model under its service, with kind and source; and titles by themselves."""
    blocks = run("models").out.split("\n\n")
    heads = [block.splitlines()[0] for block in blocks]
    assert [" ".join(head.split()) for head in heads] == [
        "MODEL (liangxin) KIND FIELDS TITLE",
        "MODEL (evolink) KIND FIELDS TITLE",
        "TITLE WITHOUT A KNOWN MODEL VALUE KIND PROVIDER",
    ]
    liangxin, evolink, titles = (block.splitlines()[1:] for block in blocks)
    for rows, provider in ((liangxin, "liangxin"), (evolink, "evolink")):
        models = [info.model for info in catalogue() if info.provider == provider]
        assert [row.split()[0] for row in rows] == [name for name in models if name]
    untold = [info for info in catalogue() if info.model is None]
    for row, info in zip(titles, untold, strict=True):
        assert re.fullmatch(f"{re.escape(info.title)} +{info.kind} +liangxin", row)
    assert any(
        re.match(r"kling-v3-pro +video +any +Kling 3 Pro", row) for row in liangxin
    )
    assert any(
        re.match(r"z-image-turbo +image +4 \(reference\) ", row) for row in evolink
    )


def test_models_lists_all_as_json(run: Run) -> None:
    """One object for each entry; a title that has no model value has null there."""
    listed = json.loads(run("models", "--json").out)["models"]
    assert [(model["model"], model["title"]) for model in listed] == [
        (info.model, info.title) for info in catalogue()
    ]
    assert {model["provider"] for model in listed} == {"liangxin", "evolink"}
    assert {"title", "kind", "source", "checked"} < set(listed[0])
    untold = [model for model in listed if model["model"] is None]
    assert {model["checked"] for model in untold} == {False}
    assert "Runway Act Two - Character Performance" in {m["title"] for m in untold}


def test_models_list_fits_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are cut at its width, and no model value is."""
    monkeypatch.setattr(_models, "is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "60")
    lines = run("models").out.splitlines()
    assert max(map(len, lines)) == 60
    shown = {line.split()[0] for line in lines if line}
    assert {info.model for info in catalogue() if info.model} <= shown


def test_models_shows_a_title_without_a_model_value(run: Run) -> None:
    """By its title, in any case: all that is known, and that no value is."""
    title = "Kling 3 Omni Standard - Video Reference"
    page = run("models", title.lower()).out
    assert page.startswith(f"{title} (video, liangxin)\nlisted by its title alone")
    assert "upstream, not enforced: video_url: string, required" in page
    shown = json.loads(run("models", title, "--json").out)
    assert (shown["model"], shown["title"], shown["kind"]) == (None, title, "video")
    assert shown["upstream_hint"].startswith("video_url")
    assert shown["fields"][0]["enum"] is None


def test_models_unknown(run: Run) -> None:
    """A model nobody described gives 2 and the close one, be it a title."""
    done = run("models", "z-imag")
    assert (done.code, done.out) == (2, "")
    assert "did you mean z-image?" in done.err
    done = run("models", "WAN 2.7 Text to Video")
    assert (done.code, done.out) == (2, "")
    assert "did you mean WAN 2.7 - Text to Video?" in done.err


def test_models_import_neither_rich_nor_emulator() -> None:
    """The quick commands stay quick: what they do not need is not imported."""
    program = (
        "import sys; from liangxin_async.cli import main; main(['models', 'z-image']); "
        "print([m for m in sys.modules if m.startswith(('rich', "
        "'liangxin_async.emulator'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
