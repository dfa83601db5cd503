"""What LiangXin's pages say of the fields of a create, as tables to check by.

Typed by hand from the field tables of the six models that have one. Only what the
documentation itself states is refused: ranges and word lists that belong to the
upstream are not. Words of the messages beyond "... is required" are the emulator's own;
no source gives them. Whether null may stand for "not given" is not stated; it is
refused here, because the pages ask to leave such fields out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from liangxin_async.emulator._callbacks import is_let_through
from liangxin_async.emulator._field_checks import Check, flag, text, texts, whole

Rule: TypeAlias = Callable[[Mapping[str, Any]], str | None]

_NAMED_ONLY: Final = (
    "gemini-2.5-flash-image-preview",
    "imagen4-fast",
    "seedream-v5-lite",
    "seedream-v4-5-edit",
    "kling-v3-pro",
)
_RATIO_NAMES: Final = {
    "1:1": "square_1_1",
    "16:9": "widescreen_16_9",
    "9:16": "social_story_9_16",
    "4:3": "classic_4_3",
    "3:4": "traditional_3_4",
    "3:2": "standard_3_2",
    "2:3": "portrait_2_3",
    "21:9": "cinematic_21_9",
}


def _ratios(*ratios: str) -> Check:
    return text(*ratios, *(_RATIO_NAMES[ratio] for ratio in ratios))


def _together(limit: int, *names: str) -> Rule:
    """Return a rule that these fields hold at most `limit` items between them."""

    def rule(fields: Mapping[str, Any]) -> str | None:
        given = [fields[name] for name in names if name in fields]
        count = sum(len(item) if isinstance(item, list) else 1 for item in given)
        if count <= limit:
            return None
        joined = " and ".join(f"input.{name}" for name in names)
        return f"{joined} together hold at most {limit} images"

    return rule


_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".webp")
_DATA_TYPES: Final = tuple(
    f"data:image/{kind}" for kind in ("png", "jpeg", "jpg", "webp")
)


def _references(fields: Mapping[str, Any]) -> str | None:
    """Check that reference images are URLs of the four types, or data URIs of them."""
    for name in ("image_input", "reference_images"):
        for url in fields.get(name, ()):
            low = url.lower()
            path = low.partition("?")[0].partition("#")[0]
            is_url = low.startswith(("http://", "https://")) and path.endswith(_ENDINGS)
            if not is_url and not low.startswith(_DATA_TYPES):
                return f"input.{name} must end in .png, .jpg, .jpeg or .webp"
    return None


def _both_sides(fields: Mapping[str, Any]) -> str | None:
    if ("width" in fields) == ("height" in fields):
        return None
    return "input.width and input.height must be given together"


_BANANA_RATIOS: Final = (
    "1:1", "2:3", "3:2", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "21:9",
)  # fmt: skip

# "Further aliases are accepted; they are not listed": a word is as good as a ratio,
# so only ratios outside the list are known to be wrong.


def _banana_ratio(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if ":" in value and value not in _BANANA_RATIOS:
        return f"must be one of {', '.join(_BANANA_RATIOS)}"
    return None


_BANANA: Final[dict[str, Check]] = {
    "prompt": text(low=2, high=3000),
    "image_input": texts(),
    "reference_images": texts(),
    "aspect_ratio": _banana_ratio,
    "resolution": text("1K", "2K", "4K", "low", "medium", "high"),
    "output_format": text("png"),
}
_BANANA_RULES: Final = (_together(3, "image_input", "reference_images"), _references)
_FLUX_IMAGES: Final = (
    "input_image",
    "input_image_2",
    "input_image_3",
    "input_image_4",
)

_FIELDS: Final[dict[str, dict[str, Check]]] = {
    "z-image": {
        "prompt": text(),
        "image_size": text(),
        "aspect_ratio": text(),
        "seed": whole(),
        "num_inference_steps": whole(),
        "output_format": text(),
        "enable_safety_checker": flag,
    },
    "seedream-v4-5": {
        "prompt": text(),
        "aspect_ratio": _ratios(*_RATIO_NAMES),
        "seed": whole(),
        "enable_safety_checker": flag,
    },
    "imagen4-ultra": {
        "prompt": text(),
        "aspect_ratio": _ratios("1:1", "9:16", "16:9", "3:4", "4:3"),
        "person_generation": text("dont_allow", "allow_adult", "allow_all"),
        "safety_settings": text(
            "block_low_and_above",
            "block_medium_and_above",
            "block_only_high",
            "block_none",
        ),
        "seed": whole(1),
        "enhance_prompt": flag,
        "language": text("auto", "en", "zh", "zh-CN", "hi", "ja", "ko", "pt", "es"),
        "output_format": text("png", "jpeg", "jpg", "image/png", "image/jpeg"),
        "compression_quality": whole(1, 100),
    },
    "nano-banana-pro": _BANANA,
    "nano-banana-pro-flash": {**_BANANA, "use_google_search_tool": flag},
    "flux-2-pro": {
        "prompt": text(),
        "width": whole(256, 1440),
        "height": whole(256, 1440),
        "aspect_ratio": text(*_RATIO_NAMES),
        **dict.fromkeys(_FLUX_IMAGES, text()),
        "reference_images": texts(),
        "seed": whole(),
        "prompt_upsampling": flag,
    },
    **{model: {"prompt": text()} for model in _NAMED_ONLY},
}
_RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "nano-banana-pro": _BANANA_RULES,
    "nano-banana-pro-flash": _BANANA_RULES,
    "flux-2-pro": (_both_sides, _together(4, *_FLUX_IMAGES, "reference_images")),
}
_ANY_MODEL: Final[dict[str, Check]] = {"prompt": text()}

MODELS: Final = tuple(_FIELDS)
VIDEOS: Final = frozenset({"kling-v3-pro"})


def problem_with(
    data: Any, extra_models: tuple[str, ...] = (), urls: str = "documented"
) -> str | None:
    """Return what is wrong with a create's body, or None.

    `urls` says which callback URLs are let through, in the words of `Callbacks.urls`.
    Fields that the tables do not name are let through; what becomes of them is not
    stated.
    """
    if not isinstance(data, dict):
        return "invalid request body"
    model, fields = data.get("model"), data.get("input")
    if "model" not in data or model == "":
        return "model is required"
    if not isinstance(model, str):
        return "model must be a string"
    checks = _FIELDS.get(model)
    if checks is None:
        if model not in extra_models:
            return f"unsupported model: {model}"
        checks = _ANY_MODEL
    if "input" not in data:
        return "input.prompt is required"
    if not isinstance(fields, dict):
        return "input must be an object"
    return (
        _prompt_problem(fields)
        or _field_problem(fields, checks)
        or _rule_problem(fields, _RULES.get(model, ()))
        or _callback_problem(data, urls)
    )


def _prompt_problem(fields: Mapping[str, Any]) -> str | None:
    prompt = fields.get("prompt")
    missing = prompt is None or (isinstance(prompt, str) and not prompt.strip())
    return "input.prompt is required" if missing else None


def _field_problem(
    fields: Mapping[str, Any], checks: Mapping[str, Check]
) -> str | None:
    for name, value in fields.items():
        if name in checks and (problem := checks[name](value)) is not None:
            return f"input.{name} {problem}"
    return None


def _rule_problem(fields: Mapping[str, Any], rules: tuple[Rule, ...]) -> str | None:
    return next((p for rule in rules if (p := rule(fields)) is not None), None)


def _callback_problem(data: Mapping[str, Any], urls: str) -> str | None:
    if "callBackUrl" not in data:
        return None
    url = data["callBackUrl"]
    if is_let_through(url, urls):
        return None
    fits = isinstance(url, str) and url.lower().startswith("https://") and len(url) > 8
    return None if fits else "callBackUrl must be a public HTTPS URL"
