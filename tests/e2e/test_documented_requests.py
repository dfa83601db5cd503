"""What the documents show arrives exactly like that: nothing added, nothing missing.

The bodies are built from the documents' own tables (a copy of them is beside the tests
of the models) and from the examples printed in the reference documents; the emulator
tells what came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liangxin_async import EVOLINK, LIANGXIN, Request, Session
from liangxin_async.emulator import Emulator
from liangxin_async.models import build
from tests.conftest import CANARY

pytestmark = pytest.mark.anyio

TABLES = json.loads(
    (Path(__file__).parent.parent / "models" / "catalogue.json").read_text("utf-8")
)
MODELS = [table for table in TABLES if table["model"] is not None]
CALLBACK = "https://your-domain.com/api/callback"

# Bodies as the reference documents print them.
PRINTED = [
    {
        "model": "z-image",
        "input": {
            "prompt": "Generate a photorealistic image of a cafe terrace in Paris on "
            "a crisp spring morning"
        },
    },
    {
        "model": "z-image",
        "callBackUrl": "https://your-domain.com/api/callback",
        "input": {
            "prompt": "Generate a photorealistic image of a cafe terrace in Paris on "
            "a crisp spring morning",
            "image_size": "square_hd",
            "seed": 12345,
            "num_inference_steps": 28,
            "output_format": "png",
            "enable_safety_checker": True,
        },
    },
    {
        "model": "imagen4-ultra",
        "input": {
            "prompt": "A realistic aerial photo of a futuristic green city beside the "
            "sea"
        },
    },
    {
        "model": "seedream-v4-5",
        "input": {
            "prompt": "A cinematic product photo of a premium tea bottle on a stone "
            "table, natural morning light"
        },
    },
    {
        "model": "z-image-turbo",
        "prompt": "a cute cat",
        "size": "1:1",
        "seed": 12345,
        "nsfw_check": False,
        "callback_url": "https://your-domain.com/webhooks/image-task-completed",
    },
]


def values(field: dict[str, Any]) -> list[Any]:
    """Every value of a field that its table names: words, aliases, ends of ranges."""
    match field["type"]:
        case "boolean":
            return [True, False]
        case "integer":
            ends = [end for end in (field["min"], field["max"]) if end is not None]
            return ends or [12345]
        case "string[]":
            return [[f"https://host.example/{n}.png" for n in range(3)]]
        case "object":
            return [{"style": {"weight": 0.5}}]
    words = [*(field["enum"] or ()), *(field["aliases"] or ())]
    if field.get("side_min") is not None:
        words += [f"{field['side_min']}x{field['side_max']}", "1024x768"]
    if field["name"].endswith("prompt"):
        longest = field["max_length"]
        words = ["a cat, 一只猫"] + ([] if longest is None else ["x" * longest])
    return words or ["a-value"]


def bodies(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The smallest body of a model, and one for each documented value of a field."""
    free = [f for f in table["fields"] if f["name"] != "model"]
    by_name = {field["name"]: field for field in free}
    least = {
        name: values(field)[0]
        for name, field in by_name.items()
        if field["required"] or name.endswith("prompt")
    }
    yield nested(table["model"], least)
    for name, field in by_name.items():
        for value in [CALLBACK] if "callback" in name.lower() else values(field):
            together = {"input.width": 512, "input.height": 512}
            pair = together if name in together else {}
            yield nested(table["model"], {**least, **pair, name: value})


def nested(model: str, members: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model}
    for path, value in members.items():
        place = body
        *above, last = path.split(".")
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return body


def request_for(body: dict[str, Any]) -> Request:
    """The request of ours that says what `body` says."""
    fields = dict(body.get("input", body))
    fields.pop("model", None)
    callback = fields.pop("callback_url", None) or body.get("callBackUrl")
    return build(body["model"], fields, callback_url=callback)


@pytest.mark.parametrize("table", MODELS, ids=lambda table: table["model"])
async def test_documented_request_arrives_as_documented(table: dict[str, Any]) -> None:
    """Every documented value of every field, one request each, in both dialects."""
    await send_and_compare(list(bodies(table)), evolink=table["provider"] == "evolink")


@pytest.mark.parametrize("body", PRINTED, ids=lambda body: body["model"])
async def test_printed_example_arrives_as_printed(body: dict[str, Any]) -> None:
    """The bodies of the reference documents, word for word."""
    await send_and_compare([body], evolink="input" not in body)


async def send_and_compare(wanted: list[dict[str, Any]], *, evolink: bool) -> None:
    dialect = EVOLINK if evolink else LIANGXIN
    async with (
        Emulator(api_key=CANARY) as emulator,
        Session(CANARY, base_url=emulator.base_url, dialect=dialect) as session,
    ):
        for body in wanted:
            await session.submit(request_for(body))
        came = [task.request for task in emulator.tasks]
    assert len(wanted) >= 1
    assert came == wanted
