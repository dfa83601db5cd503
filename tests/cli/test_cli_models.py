"""`models` shows what is known, and where it is from; it needs nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from liangxin_async.cli._models import _page
from liangxin_async.models import catalogue, describe
from tests.cli.conftest import ROOT, Run

# The table of the z-image page, as the provider's reference document has it.
SEED: dict[str, dict[str, Any]] = {
    "model": {"type": "string", "required": True, "enum": ["z-image"]},
    "callBackUrl": {"type": "string", "required": False, "https": True},
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


def test_models_json_has_every_fact_of_the_seed(run: Run) -> None:
    """The fields of z-image with type, requirement, default and source; no more."""
    shown = json.loads(run("models", "z-image", "--json").out)
    fields = {field["name"]: field for field in shown["fields"]}
    assert list(fields) == list(SEED)
    for name, facts in SEED.items():
        assert {key: fields[name][key] for key in facts} == facts
        assert fields[name]["source"] == "seed"
        silent = {"enum", "min", "max", "min_length", "max_length", "default"}
        assert all(not fields[name][key] for key in silent - set(facts))


def test_models_page_has_every_fact_of_the_seed(run: Run) -> None:
    """The same for people: each field with its option, and hints marked as such."""
    page = run("models", "z-image").out
    assert "facts from: seed = the provider's reference documents\n" in page
    blocks = {block.split()[0]: block for block in page.split("\n\n")[1:]}
    for name, facts in SEED.items():
        need = "required" if facts["required"] else "optional"
        assert f"    {facts['type']}, {need}" in blocks[name]
        assert "; from: seed\n" in blocks[name]
    assert "(--image-size)" in blocks["input.image_size"]
    assert "default square_hd" in blocks["input.image_size"]
    assert "image_size wins" in blocks["rule:"]
    hint = blocks["input.seed"].splitlines()[-1]
    assert hint == "    upstream, not enforced: 0 to 4294967295"


@pytest.mark.parametrize("info", catalogue(), ids=lambda info: info.model)
def test_models_page_holds_everything_known(info: Any) -> None:
    """No note, rule, range, value or alias of any model is missing on its page."""
    page = " ".join(" ".join(_page(info, 80)).split())
    parts = [info.title, info.notes, info.upstream_hint]
    parts += [*info.rules, *info.upstream_rules]
    for field in info.fields:
        parts += [field.name, field.notes, field.upstream_hint, *field.enum]
        parts += [f"{one} = {other}" for one, other in field.aliases]
        limits = (field.min, field.max, field.min_length, field.max_length)
        parts += [str(limit) for limit in limits if limit is not None]
    assert [part for part in parts if " ".join(part.split()) not in page] == []


def test_models_page_fits_its_width() -> None:
    """Lines are broken at the width, and nowhere inside a word."""
    info = describe("seedream-v4-5")
    assert info is not None
    assert max(map(len, _page(info, 60))) <= 60


def test_models_lists_all(run: Run) -> None:
    """Each model with kind and source; those without a table say so."""
    done = run("models")
    rows = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    assert list(rows) == [info.model for info in catalogue()]
    assert re.search(r"video +any +name only", rows["kling-v3-pro"])
    listed = json.loads(run("models", "--json").out)["models"]
    assert [model["model"] for model in listed] == list(rows)
    assert {"title", "kind", "source", "provider", "checked"} < set(listed[0])


def test_models_unknown(run: Run) -> None:
    """A model nobody described gives 2 and the close one."""
    done = run("models", "z-imag")
    assert (done.code, done.out) == (2, "")
    assert "did you mean z-image?" in done.err


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
