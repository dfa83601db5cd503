"""What is known about one model, for people and for the command line."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from liangxin_async.models._base import (
    Kind,
    Request,
    TypedRequest,
    model_field,
    table,
)
from liangxin_async.models._field import CALL_BACK_URL, FieldInfo, Source


@frozen(kw_only=True)
class ModelInfo:
    """What is known about one model.

    Attributes:
        model: the model value.
        title: the service's name for it.
        kind: "image" or "video".
        provider: whose model value this is, for example "liangxin".
        source: where the facts are from: "seed", "docs" or "name only".
        fields: the fields of its request body, in the order of the source's table:
            `model`, `callBackUrl`, then the input. For "name only" just the common
            ones; there may be more.
        rules: rules over several fields, in words.
        upstream_rules: rules of the upstream's own API; never enforced.
        notes: remarks; may be empty.
        upstream_hint: what the upstream says of fields that the service's own
            documents do not list; may be empty, never enforced.
        request_type: the class for requests to it, or None where `Generic` serves.
    """

    model: str
    title: str
    kind: Kind
    provider: str
    source: Source
    fields: tuple[FieldInfo, ...]
    rules: tuple[str, ...] = ()
    upstream_rules: tuple[str, ...] = ()
    notes: str = ""
    upstream_hint: str = ""
    request_type: type[Request] | None = None


def of_class(cls: type[TypedRequest]) -> ModelInfo:
    """Return what the class of a model says about it."""
    return ModelInfo(
        model=cls.model,
        title=cls.about.title,
        kind=cls.about.kind,
        provider=cls.provider,
        source=cls.about.source,
        fields=table(cls),
        rules=cls.about.rules,
        upstream_rules=cls.about.upstream_rules,
        notes=cls.about.notes,
        request_type=cls,
    )


_IMAGE_PROMPT: Final = FieldInfo(
    "input.prompt",
    "string",
    required=True,
    min_length=1,
    notes="Must not be empty (general rule of the image models).",
    source="name only",
)
_VIDEO_PROMPT: Final = FieldInfo(
    "input.prompt",
    "string",
    required=None,
    notes="Whether the prompt is always required is not known for this video model.",
    source="name only",
)
_NO_TABLE: Final = (
    "Field table not found: only the fields common to all models are listed. Extra "
    "input fields must be passed through unchecked."
)


def _by_name(
    model: str, title: str, kind: Kind = "image", notes: str = "", hint: str = ""
) -> ModelInfo:
    return ModelInfo(
        model=model,
        title=title,
        kind=kind,
        provider="liangxin",
        source="name only",
        fields=(
            model_field(model, "name only"),
            evolve(CALL_BACK_URL, source="name only"),
            _IMAGE_PROMPT if kind == "image" else _VIDEO_PROMPT,
        ),
        notes=f"{notes} {_NO_TABLE}".strip(),
        upstream_hint=hint,
    )


_UPSTREAM_RATIOS: Final = (
    "square_1_1, widescreen_16_9, social_story_9_16, classic_4_3, traditional_3_4, "
    "standard_3_2, portrait_2_3, cinematic_21_9"
)

# LiangXin's listing and the text of its query page name these; no table was found.
KNOWN_BY_NAME: Final = (
    _by_name(
        "gemini-2.5-flash-image-preview",
        "Google - Gemini 2.5 Flash Image Preview",
        notes="Generation and image editing.",
        hint=(
            "prompt: string, required; reference_images: string[] (URL or base64), at "
            "most 3. The upstream model has no aspect ratio field."
        ),
    ),
    _by_name(
        "imagen4-fast",
        "Google - imagen4-fast",
        hint=(
            "The upstream model takes the same fields and values as imagen4-ultra; "
            "LiangXin's table for it was not found."
        ),
    ),
    _by_name(
        "seedream-v5-lite",
        "Seedream5.0 Lite - Text to Image",
        hint=(
            "prompt: string, required, at most 4096 characters; "
            f"aspect_ratio: {_UPSTREAM_RATIOS}; seed: integer 0..4294967295"
        ),
    ),
    _by_name(
        "seedream-v4-5-edit",
        "Seedream4.5 - Edit Image",
        notes=(
            "Editing with text guidance and up to 5 reference images. LiangXin's field "
            "name for the references was not found."
        ),
        hint=(
            "prompt: string, required; reference_images: string[] (URL or base64), 1 "
            f"to 5; aspect_ratio: {_UPSTREAM_RATIOS}; seed: integer; "
            "enable_safety_checker: boolean"
        ),
    ),
    _by_name(
        "kling-v3-pro",
        "Kling 3 Pro - Generate Video",
        kind="video",
        notes="Text-to-video, image-to-video and multi-shot.",
    ),
)
