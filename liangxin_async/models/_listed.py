"""The models of which the services give a name and no table.

Some are known by their model value: `Generic` serves them, and checks no field. Of
others LiangXin lists the title alone, so nobody can ask for them by this library until
the value is found: they are listed for people, and no value is guessed.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from liangxin_async.models._base import Kind, model_field
from liangxin_async.models._field import (
    CALL_BACK_URL,
    EVOLINK_CALLBACK_URL,
    FieldInfo,
)
from liangxin_async.models._info import ModelInfo

# ---------------------------------------------------------------------- LiangXin

_NO_VALUE: Final = FieldInfo(
    "model",
    "string",
    required=True,
    notes="Model value not found.",
    source="name only",
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
_TITLE_ONLY: Final = "Listed by title; the model value was not found."


def _liangxin(
    model: str | None, title: str, kind: Kind, notes: str, hint: str
) -> ModelInfo:
    return ModelInfo(
        model=model,
        title=title,
        kind=kind,
        provider="liangxin",
        source="name only",
        fields=(
            _NO_VALUE if model is None else model_field(model, "name only"),
            evolve(CALL_BACK_URL, source="name only"),
            _IMAGE_PROMPT if kind == "image" else _VIDEO_PROMPT,
        ),
        notes=f"{notes} {_NO_TABLE}".strip(),
        upstream_hint=hint,
    )


def _by_name(
    model: str, title: str, kind: Kind = "image", notes: str = "", hint: str = ""
) -> ModelInfo:
    return _liangxin(model, title, kind, notes, hint)


def _by_title(
    title: str, kind: Kind = "video", notes: str = "", hint: str = ""
) -> ModelInfo:
    return _liangxin(None, title, kind, f"{notes} {_TITLE_ONLY}".strip(), hint)


_UPSTREAM_RATIOS: Final = (
    "square_1_1, widescreen_16_9, social_story_9_16, classic_4_3, traditional_3_4, "
    "standard_3_2, portrait_2_3, cinematic_21_9"
)

# LiangXin's listing and the text of its query page name these; no table was found.
LIANGXIN_BY_NAME: Final = (
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

# The same listing, newer than the query page: the pages behind these were not found.
LIANGXIN_BY_TITLE: Final = (
    _by_title(
        "Seedream5.0 Lite - Edit Image",
        kind="image",
        hint=(
            "prompt: string, required, at most 4096 characters; reference_images: "
            "string[] (URL or base64), 1 to 5, each at least 256x256 and at most 10 "
            f"MB, JPG/JPEG/PNG; aspect_ratio: {_UPSTREAM_RATIOS}"
        ),
    ),
    _by_title("Kling 3 Standard - Generate Video"),
    _by_title("Kling 3 Omni Pro - Generate Video"),
    _by_title("Kling 3 Omni Pro - Video Reference"),
    _by_title("Kling 3 Omni Standard - Generate Video"),
    _by_title(
        "Kling 3 Omni Standard - Video Reference",
        notes="Video-to-video with a reference video that guides motion and style.",
        hint=(
            "video_url: string, required; 3-10 s, 720-2160 px, at most 200 MB, 24-60 "
            "fps, mp4 or mov; prompt: string, at most 2500 characters"
        ),
    ),
    _by_title("Kling 3 Motion Control Pro - Generate Video"),
    _by_title("Kling 3 Motion Control Standard - Generate Video"),
    _by_title("WAN 2.7 - Text to Video"),
    _by_title("WAN 2.7 - Image to Video"),
    _by_title("WAN 2.7 - Reference to Video"),
    _by_title("WAN 2.6 - Image to Video"),
    _by_title("WAN 2.6 - Text to Video"),
    _by_title("Seedance 1.5 Pro - Text to Video"),
    _by_title("Seedance 1.5 Pro - Image to Video"),
    _by_title("Google - Veo 3.1 Text to Video"),
    _by_title("Google - Veo 3.1 Fast Text to Video"),
    _by_title("Google - Veo 3.1 Image to Video"),
    _by_title("Google - Veo 3.1 Fast Image to Video"),
    _by_title("Google - Veo 3.1 Reference to Video"),
    _by_title("Runway Gen 4.5 - Text to Video"),
    _by_title("Runway Gen 4.5 - Image to Video"),
    _by_title("Runway Gen4 Turbo - Image to Video"),
    _by_title("Runway Act Two - Character Performance"),
)

# ----------------------------------------------------------------------- EvoLink


def _evolink(model: str, title: str) -> ModelInfo:
    return ModelInfo(
        model=model,
        title=title,
        kind="image",
        provider="evolink",
        source="name only",
        fields=(
            model_field(model, "name only"),
            FieldInfo("prompt", "string", required=True, source="name only"),
            FieldInfo(
                "size", "string", notes="Values differ by model.", source="name only"
            ),
            evolve(EVOLINK_CALLBACK_URL, source="name only"),
        ),
        notes=(
            "Published EvoLink image model; its table was not collected. Pass other "
            "fields through unchecked."
        ),
    )


EVOLINK_BY_NAME: Final = (
    _evolink("gemini-2.5-flash-image", "Nano Banana"),
    _evolink("gemini-3.1-flash-image-preview", "Nano Banana 2"),
    _evolink("gemini-3-pro-image-preview", "Gemini 3 Pro Image"),
    _evolink("doubao-seedream-4.5", "Seedream 4.5"),
    _evolink("doubao-seedream-5.0-lite", "Seedream 5.0 Lite"),
    _evolink("gpt-image-2", "GPT Image 2"),
    _evolink("gpt-image-1.5", "GPT Image 1.5"),
)
