"""Every example of the five seed documents, word for word.

The texts are what the documents print. Nothing here is made by code of ours: a body
that we write must be the JSON value that the document shows, and an answer that it
shows must be read as what the document says about it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from liangxin_async._core.backoff import Verdict
from liangxin_async._errors import ApiError, AuthenticationError, BadRequestError
from liangxin_async._records import TaskState
from liangxin_async.dialects import EVOLINK, LIANGXIN, Accepted, WireRequest
from liangxin_async.models import (
    Generic,
    Imagen4Ultra,
    Request,
    SeedreamV45,
    ZImage,
    ZImageTurbo,
    build,
)
from tests.dialects import evolink_samples
from tests.dialects.samples import (
    SEED_CREATED,
    SEED_FORM_A,
    SEED_FORM_B,
    create,
    query,
    refusal,
    reply,
    verdict,
)


def body_of(wire: WireRequest) -> Any:
    assert wire.body is not None
    return json.loads(wire.body)


# ------------------------------------------- seeds 000, 001, 002, 004: curl examples

CURL_000 = """{
"model": "z-image",
"input": {
"prompt": "Generate a photorealistic image of a cafe terrace in Paris on a crisp spring morning"
}
}"""

CURL_001 = """{
  "model": "z-image",
  "callBackUrl": "https://your-domain.com/api/callback",
  "input": {
    "prompt": "Generate a photorealistic image of a cafe terrace in Paris on a crisp spring morning",
    "image_size": "square_hd",
    "seed": 12345,
    "num_inference_steps": 28,
    "output_format": "png",
    "enable_safety_checker": true
  }
}"""

CURL_002 = """{
"model": "imagen4-ultra",
"input": {
"prompt": "A realistic aerial photo of a futuristic green city beside the sea"
}
}"""

CURL_004 = """{
"model": "seedream-v4-5",
"input": {
"prompt": "A cinematic product photo of a premium tea bottle on a stone table, natural morning light"
}
}"""

PARIS = "Generate a photorealistic image of a cafe terrace in Paris on a crisp spring morning"
CITY = "A realistic aerial photo of a futuristic green city beside the sea"
TEA = (
    "A cinematic product photo of a premium tea bottle on a stone table, "
    "natural morning light"
)
CALLS: dict[str, tuple[str, Request]] = {
    "000": (CURL_000, ZImage(PARIS)),
    "001": (
        CURL_001,
        ZImage(
            PARIS,
            image_size="square_hd",
            seed=12345,
            num_inference_steps=28,
            output_format="png",
            enable_safety_checker=True,
            callback_url="https://your-domain.com/api/callback",
        ),
    ),
    "002": (CURL_002, Imagen4Ultra(CITY)),
    "004": (CURL_004, SeedreamV45(TEA)),
}


@pytest.mark.parametrize("seed", CALLS)
def test_write_create_is_the_curl_example(seed: str) -> None:
    """The documented call made in Python: the same JSON, member by member, in order."""
    text, request = CALLS[seed]
    wire = LIANGXIN.write_create(request, None)
    assert (wire.method, wire.target) == ("POST", "/api/v1/jobs/createTask")
    assert json.dumps(body_of(wire)) == json.dumps(json.loads(text))


@pytest.mark.parametrize("seed", CALLS)
def test_write_create_of_the_curl_example_by_value(seed: str) -> None:
    """The same JSON comes from the model's value, with and without its class."""
    text, request = CALLS[seed]
    body = json.loads(text)
    callback = body.get("callBackUrl")
    built = build(body["model"], body["input"], callback_url=callback)
    free = Generic(body["model"], body["input"], callback_url=callback)
    assert built == request
    for made in (built, free):
        assert body_of(LIANGXIN.write_create(made, None)) == body


@pytest.mark.parametrize("seed", CALLS)
def test_write_create_of_the_curl_example_with_the_sessions_callback(seed: str) -> None:
    """A callback of the session is a top-level member beside the documented ones."""
    text, request = CALLS[seed]
    expected = {"callBackUrl": "https://s.example/cb"} | json.loads(text)
    wire = LIANGXIN.write_create(request, "https://s.example/cb")
    assert body_of(wire) == expected


def test_write_query_is_the_documented_path() -> None:
    """`GET /api/v1/jobs/recordInfo?taskId=...` with the ids that the seeds show."""
    for task_id in SEED_CREATED:
        wire = LIANGXIN.write_query(task_id)
        assert (wire.method, wire.body) == ("GET", None)
        assert wire.target == f"/api/v1/jobs/recordInfo?taskId={task_id}"


# --------------------------------------------------------- LiangXin: answers


@pytest.mark.parametrize("task_id", SEED_CREATED)
def test_read_create_success_examples(task_id: str) -> None:
    """The answers of all four seeds give their ids, in both spellings."""
    assert create(reply(SEED_CREATED[task_id])) == Accepted(task_id)


@pytest.mark.parametrize(
    ("body", "status", "kind", "words"),
    [
        (SEED_FORM_A, 400, BadRequestError, "input.prompt is required"),
        (SEED_FORM_B, 401, AuthenticationError, "invalid token"),
    ],
)
def test_read_error_examples(
    body: str, status: int, kind: type[ApiError], words: str
) -> None:
    """Both error bodies: the service's words, one class for creates and queries."""
    answered = reply(body, status)
    for error in (refusal(answered), query(answered)):
        assert type(error) is kind
        assert isinstance(error, ApiError)
        assert (error.http_status, error.message) == (status, words)
        assert error.charged == "no"
    assert verdict(answered) is Verdict.REFUSED


@pytest.mark.parametrize("body", [SEED_FORM_A, SEED_FORM_B])
def test_read_error_examples_inside_a_200(body: str) -> None:
    """The same bodies under a good status are no success."""
    assert isinstance(refusal(reply(body)), ApiError)
    assert isinstance(query(reply(body)), ApiError)


# ------------------------------------------------------- seed 003: example values

# The values that seed 003 prints beside its parameters, under the names of the same
# page's schema (the seed's text lost the names).
EVOLINK_BODY = """{
"model": "z-image-turbo",
"prompt": "a cute cat",
"size": "1:1",
"seed": 12345,
"nsfw_check": false,
"callback_url": "https://your-domain.com/webhooks/image-task-completed"
}"""


def test_write_create_is_the_evolink_example() -> None:
    """The example values in Python: one flat object, nothing added."""
    request = ZImageTurbo(
        "a cute cat",
        size="1:1",
        seed=12345,
        nsfw_check=False,
        callback_url="https://your-domain.com/webhooks/image-task-completed",
    )
    wire = EVOLINK.write_create(request, None)
    assert (wire.method, wire.target) == ("POST", "/v1/images/generations")
    assert body_of(wire) == json.loads(EVOLINK_BODY)


def test_write_create_of_the_evolink_example_by_value() -> None:
    """The same JSON comes from the model's value, with and without its class."""
    body = json.loads(EVOLINK_BODY)
    fields = {
        name: value
        for name, value in body.items()
        if name not in ("model", "callback_url")
    }
    callback = body["callback_url"]
    for made in (
        build("z-image-turbo", fields, callback_url=callback),
        Generic("z-image-turbo", fields, callback_url=callback),
    ):
        assert body_of(EVOLINK.write_create(made, None)) == body


def test_write_create_of_the_evolink_example_with_a_prompt_only() -> None:
    """Only model and prompt are required, so only they are sent when only they are set."""
    wire = EVOLINK.write_create(ZImageTurbo("a cute cat"), None)
    assert body_of(wire) == {"model": "z-image-turbo", "prompt": "a cute cat"}


def test_write_query_of_the_evolink_example() -> None:
    """The id that the seed shows stands in the path as it is."""
    wire = EVOLINK.write_query("task-unified-1757165031-uyujaw3d")
    assert wire.target == "/v1/tasks/task-unified-1757165031-uyujaw3d"


def test_read_evolink_example() -> None:
    """The task object of the seed's values, as a create and as a query answer."""
    answered = reply(evolink_samples.CREATED)
    accepted = evolink_samples.create(answered)
    assert isinstance(accepted, Accepted)
    assert accepted.task_id == "task-unified-1757165031-uyujaw3d"
    found = accepted.record
    assert found is not None
    assert (found.task_id, found.model) == (accepted.task_id, "z-image-turbo")
    assert (found.state, found.raw_state) == (TaskState.WAITING, "pending")
    assert found.progress == 0
    assert found.created_at == datetime(2025, 9, 6, 13, 23, 51, tzinfo=UTC)
    assert found.raw["object"] == "image.generation.task"
    assert found.raw["type"] == "image"
    assert found.raw["task_info"] == {"can_cancel": True, "estimated_time": 10}
    assert found.usage == {
        "billing_rule": "per_call",
        "credits_reserved": 0.026,
        "user_group": "default",
    }
    assert found.result_urls == ()
    assert EVOLINK.read_query(answered, accepted.task_id) == found
    # "Generated image links are valid for 24 hours"
    assert EVOLINK.expires_at(found) == found.created_at + timedelta(hours=24)
