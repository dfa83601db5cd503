"""What a request is once made: a value that can be compared, kept and sent."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest

from liangxin_async.models import (
    Flux2Pro,
    Generic,
    Imagen4Ultra,
    NanoBanana2Lite,
    NanoBananaPro,
    NanoBananaProFlash,
    Request,
    SeedreamV45,
    ZImage,
    ZImageTurbo,
    build,
)

PNG = "https://host.example/a.png"
CALLBACK = "https://bot.example/done"

EXAMPLES: list[Request] = [
    ZImage("a cafe", seed=7, enable_safety_checker=False, callback_url=CALLBACK),
    SeedreamV45("a cafe", aspect_ratio="1:1"),
    Imagen4Ultra("a cafe", compression_quality=80),
    NanoBananaPro("a cafe", image_input=[PNG], reference_images=(PNG,)),
    NanoBananaProFlash("a cafe", use_google_search_tool=True),
    Flux2Pro("a cafe", width=512, height=512, reference_images=[PNG, PNG]),
    ZImageTurbo("a cafe", size="1024x768", nsfw_check=True, callback_url=CALLBACK),
    NanoBanana2Lite("a cafe", image_urls=[PNG], model_params={"b": {"c": [1]}, "a": 2}),
    Generic("kling-v3-pro", input={"prompt": "a cafe", "shots": [{"s": 1.5}, None]}),
]

# The bodies of the curl examples in the seed documents, word for word.
SEED_BODIES = [
    """{
"model": "z-image",
"input": {
"prompt": "Generate a photorealistic image of a cafe terrace in Paris on a crisp spring morning"
}
}""",
    """{
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
}""",
    """{
"model": "imagen4-ultra",
"input": {
"prompt": "A realistic aerial photo of a futuristic green city beside the sea"
}
}""",
    """{
"model": "seedream-v4-5",
"input": {
"prompt": "A cinematic product photo of a premium tea bottle on a stone table, natural morning light"
}
}""",
]

every_example = pytest.mark.parametrize("request_", EXAMPLES, ids=lambda r: r.model)


@pytest.mark.parametrize("text", SEED_BODIES)
def test_request_of_a_seed_example_is_that_example(text: str) -> None:
    """Model, callback and input come out as documented, in order, nothing added."""
    body = json.loads(text)
    callback = body.get("callBackUrl")
    for request in (
        build(body["model"], body["input"], callback_url=callback),
        Generic(body["model"], body["input"], callback_url=callback),
    ):
        assert request.model == body["model"]
        assert request.callback_url == callback
        assert json.dumps(request.fields()) == json.dumps(body["input"])


def test_request_of_the_first_example_by_hand() -> None:
    """The documented call in Python: prompt by position, the rest by name."""
    request = ZImage("a cafe terrace in Paris", seed=7)
    assert request.model == "z-image"
    assert request.prompt == "a cafe terrace in Paris"
    assert request.provider == "liangxin"
    assert request.callback_url is None
    assert request.fields() == {"prompt": "a cafe terrace in Paris", "seed": 7}


@every_example
def test_request_compares_by_value_and_can_be_a_key(request_: Request) -> None:
    """Equal requests are equal and hash alike; another callback makes another one."""
    again = pickle.loads(pickle.dumps(request_))
    assert again == request_
    assert hash(again) == hash(request_)
    assert len({request_, again}) == 1
    other = build(request_.model, request_.fields(), callback_url=CALLBACK + "/2")
    assert other != request_


@every_example
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_request_survives_pickle(request_: Request, protocol: int) -> None:
    """Every protocol brings back the same request with the same fields."""
    again = pickle.loads(pickle.dumps(request_, protocol))
    assert again == request_
    assert again.fields() == request_.fields()
    assert again.callback_url == request_.callback_url
    assert again.model == request_.model


@every_example
def test_request_survives_copy(request_: Request) -> None:
    """Shallow and deep copies are equal to the original."""
    assert copy.copy(request_) == request_
    assert copy.deepcopy(request_) == request_


@every_example
def test_request_cannot_be_changed(request_: Request) -> None:
    """No attribute can be set, added or deleted."""
    for name in ("prompt", "model", "callback_url", "seed", "anything"):
        with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
            setattr(request_, name, "x")
    with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
        del request_.callback_url
    assert not hasattr(request_, "__dict__")


@every_example
def test_fields_are_new_each_time(request_: Request) -> None:
    """Changing what `fields()` gave changes nothing in the request."""
    before = json.dumps(request_.fields())
    given = request_.fields()
    for value in given.values():
        if isinstance(value, list):
            value.append("more")
        if isinstance(value, dict):
            value["b"]["c"].append("more")
            value["more"] = 1
    given["prompt"] = "other"
    assert json.dumps(request_.fields()) == before


def test_fields_keep_false_zero_and_empty_values() -> None:
    """Only None means unset: false, 0, "" and [] are values and are sent."""
    request = ZImage("p", seed=0, image_size="", enable_safety_checker=False)
    assert request.fields() == {
        "prompt": "p",
        "image_size": "",
        "seed": 0,
        "enable_safety_checker": False,
    }
    assert NanoBananaPro("pp", image_input=[]).fields() == {
        "prompt": "pp",
        "image_input": [],
    }


def test_fields_come_in_the_order_of_the_table() -> None:
    """The order of the arguments does not matter to the body."""
    request = NanoBananaProFlash(
        "pp", output_format="png", use_google_search_tool=True, resolution="4K"
    )
    names = ["prompt", "resolution", "use_google_search_tool", "output_format"]
    assert list(request.fields()) == names


def test_list_is_copied_when_the_request_is_made() -> None:
    """A list is kept as a tuple, so changing the caller's list changes nothing."""
    images = [PNG]
    request = NanoBananaPro("pp", image_input=images)
    images.append("ruined")
    assert request.image_input == (PNG,)
    assert request.fields()["image_input"] == [PNG]


def test_object_is_copied_when_the_request_is_made() -> None:
    """Neither the caller's mapping nor what is read back leads into the request."""
    inner = [1]
    given: dict[str, Any] = {"a": {"b": inner}}
    request = NanoBanana2Lite("p", model_params=given)
    before = hash(request)
    given["more"] = 1
    inner.append(2)
    read = request.model_params
    assert read is not None
    read["a"]["b"].append(3)
    read["a"]["more"] = 1
    with pytest.raises(TypeError):
        read["a"] = 1  # type: ignore[index]
    assert read == {"a": {"b": [1]}}
    assert dict(read) == request.fields()["model_params"] == {"a": {"b": [1]}}
    assert (len(read), list(read), "a" in read) == (1, ["a"], True)
    assert hash(request) == before
    assert repr(read) == "{'a': {'b': [1]}}"


def test_object_compares_by_value_and_not_by_order() -> None:
    """Like the input of `Generic`: order is nothing, and 1 is neither 1.0 nor true."""
    one = NanoBanana2Lite("p", model_params={"a": 1, "b": {"c": 1, "d": None}})
    two = NanoBanana2Lite("p", model_params={"b": {"d": None, "c": 1}, "a": 1})
    assert one == two
    assert hash(one) == hash(two)
    for other in (1.0, True, "1", None, [1]):
        params = {"a": other, "b": {"c": 1, "d": None}}
        assert NanoBanana2Lite("p", model_params=params) != one
    assert one.model_params != "text"
    assert NanoBanana2Lite("p", model_params={}) != NanoBanana2Lite("p")
    assert NanoBanana2Lite("p", model_params={}).fields()["model_params"] == {}


def test_evolve_makes_a_checked_variation() -> None:
    """`attrs.evolve` gives another request, and checks it like a new one."""
    request = Imagen4Ultra("p", seed=7)
    assert attrs.evolve(request, seed=8) == Imagen4Ultra("p", seed=8)
    with pytest.raises(ValueError, match=r"input\.seed"):
        attrs.evolve(request, seed=0)
    lite = NanoBanana2Lite("p", model_params={"a": [1]})
    assert attrs.evolve(lite, size="1:1").fields()["model_params"] == {"a": [1]}


def test_requests_of_different_models_are_never_equal() -> None:
    """The same fields for another model are another request."""
    requests: list[Request] = [
        NanoBananaPro("pp"),
        NanoBananaProFlash("pp"),
        ZImage("pp"),
        Generic("z-image", {"prompt": "pp"}),
    ]
    assert len(set(requests)) == len(requests)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (ZImage("a cafe", seed=7), "ZImage('a cafe', seed=7)"),
        (
            Imagen4Ultra("a cafe", enhance_prompt=True, language="en"),
            "Imagen4Ultra('a cafe', enhance_prompt=True, language='en')",
        ),
        (
            NanoBananaPro("pp", image_input=[PNG + "?sig=canary"]),
            "NanoBananaPro('pp', image_input=['https://host.example/a.png?…'])",
        ),
        (
            NanoBanana2Lite("a cafe", model_params={"a": {"b": "x" * 200}}),
            "NanoBanana2Lite('a cafe', model_params={'a': {'b': '" + "x" * 80 + "'…}})",
        ),
        (
            Generic("m", {"prompt": "p", "n": 1}, kind="video"),
            "Generic('m', input={'n': 1, 'prompt': 'p'}, kind='video')",
        ),
        (
            Generic("m", {"prompt": "p", "n": 1}),
            "Generic('m', input={'n': 1, 'prompt': 'p'})",
        ),
    ],
)
def test_repr_is_the_call(request_: Request, text: str) -> None:
    """The repr reads like the call that makes the request."""
    assert repr(request_) == text


@pytest.mark.parametrize(
    "model", ["z-image", "flux-2-pro", "z-image-turbo", "model-of-next-year"]
)
def test_repr_is_short_and_without_secrets(model: str) -> None:
    """A page of prompt is cut to one line, and no callback URL is shown."""
    prompt = "Line one.\nLine two. " * 90
    request = build(model, {"prompt": prompt}, callback_url=CALLBACK + "/canary")
    assert len(repr(request)) < 200
    assert "\n" not in repr(request)
    assert "canary" not in repr(request)


def test_repr_of_a_data_uri_is_short() -> None:
    """Megabytes of base64 stay out of log lines."""
    image = "data:image/png;base64," + "A" * 1_000_000
    assert len(repr(NanoBananaPro("pp", image_input=[image] * 3))) < 400
    assert len(repr(Flux2Pro("p", input_image=image))) < 200


def test_kind_of_a_class_of_the_users_own_is_unknown() -> None:
    """A request class need not say what it makes."""

    class Mine(Request):
        model = "model-of-mine"
        provider = None
        prompt = None

        def fields(self) -> dict[str, Any]:
            return {}

    assert Mine().kind is None


def test_request_base_cannot_be_made() -> None:
    """`Request` is a type to annotate with, not a request."""
    base: Any = Request
    with pytest.raises(TypeError):
        base()
    assert all(isinstance(example, Request) for example in EXAMPLES)
