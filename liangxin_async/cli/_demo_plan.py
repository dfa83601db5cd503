"""What the demo asks for, and how its service behaves.

A service that takes less than it is asked for, with times short enough to watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from liangxin_async.emulator import InFlight, Lognormal, Scenario
from liangxin_async.models import (
    Flux2Pro,
    Imagen4Ultra,
    NanoBananaPro,
    NanoBananaProFlash,
    Request,
    SeedreamV45,
    ZImage,
)

_PROMPTS = (
    "a cafe terrace in Paris, morning light",
    "a lighthouse on a basalt cliff, long exposure",
    "a paper boat in a puddle, macro",
    "an old tram climbing a hill in Lisbon",
    "a green city beside the sea, watercolour",
    "a tea bottle on a stone table, studio light",
    "a fox asleep under ferns",
    "a night market in the rain, neon",
    "a glass greenhouse full of orchids",
    "a steam engine crossing a viaduct",
    "a map of an island that does not exist",
)  # eleven: with six models, no pair repeats before the 67th picture

# The model, how many tasks of it the service runs at once, their median time (s).
_SERVICE = (
    (ZImage.model, 3, 1.4),
    (SeedreamV45.model, 2, 1.8),
    (Imagen4Ultra.model, 2, 2.2),
    (NanoBananaPro.model, 2, 2.0),
    (NanoBananaProFlash.model, 3, 1.2),
    (Flux2Pro.model, 2, 1.6),
)
MODELS = tuple(model for model, _, _ in _SERVICE)

_MAKERS: tuple[Callable[[str, int], Request], ...] = (
    lambda prompt, seed: ZImage(prompt, seed=seed, image_size="landscape_4_3"),
    lambda prompt, seed: SeedreamV45(prompt, seed=seed, aspect_ratio="16:9"),
    lambda prompt, seed: Imagen4Ultra(prompt, seed=seed, aspect_ratio="1:1"),
    lambda prompt, _: NanoBananaPro(prompt, aspect_ratio="3:2", resolution="1K"),
    lambda prompt, _: NanoBananaProFlash(prompt, aspect_ratio="2:3"),
    lambda prompt, seed: Flux2Pro(prompt, seed=seed, width=1024, height=768),
)


def scenario(count: int) -> Scenario:
    """Return a service that takes less of each model than `count` pictures ask for."""
    most = max(1, count // len(_SERVICE) - 1)  # else a small demo would meet no 429
    return Scenario(
        seed=7,
        durations={model: Lognormal(median, 0.25) for model, _, median in _SERVICE},
        capacity=tuple(
            InFlight(min(limit, most), model=model) for model, limit, _ in _SERVICE
        ),
    )


def requests(count: int) -> Iterator[Request]:
    """Yield `count` requests, the models in turn."""
    for index in range(count):
        prompt = _PROMPTS[index % len(_PROMPTS)]
        yield _MAKERS[index % len(_MAKERS)](prompt, index + 1)
