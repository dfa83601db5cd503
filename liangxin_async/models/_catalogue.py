"""The models that are known.

The tables of the typed models are read off their classes. Of the other models the
sources give a name and a purpose only (`_listed`).
"""

from __future__ import annotations

from typing import Final

from liangxin_async.models._base import Kind, TypedRequest
from liangxin_async.models._evolink import NanoBanana2Lite, ZImageTurbo
from liangxin_async.models._flux import Flux2Pro
from liangxin_async.models._imagen import Imagen4Ultra
from liangxin_async.models._info import ModelInfo, of_class
from liangxin_async.models._listed import (
    EVOLINK_BY_NAME,
    LIANGXIN_BY_NAME,
    LIANGXIN_BY_TITLE,
)
from liangxin_async.models._nano_banana import NanoBananaPro, NanoBananaProFlash
from liangxin_async.models._seedream import SeedreamV45
from liangxin_async.models._z_image import ZImage

_LIANGXIN: Final[tuple[type[TypedRequest], ...]] = (
    ZImage,
    SeedreamV45,
    Imagen4Ultra,
    NanoBananaPro,
    NanoBananaProFlash,
    Flux2Pro,
)
_EVOLINK: Final[tuple[type[TypedRequest], ...]] = (ZImageTurbo, NanoBanana2Lite)

# By model value; no two services share one.
TYPED: Final = {cls.model: cls for cls in (*_LIANGXIN, *_EVOLINK)}

_CATALOGUE: Final = (
    *map(of_class, _LIANGXIN),
    *LIANGXIN_BY_NAME,
    *map(of_class, _EVOLINK),
    *EVOLINK_BY_NAME,
    *LIANGXIN_BY_TITLE,
)
_BY_MODEL: Final = {info.model: info for info in _CATALOGUE if info.model is not None}


def catalogue() -> tuple[ModelInfo, ...]:
    """Return everything that is known of the models of both services.

    Returns:
        LiangXin's models, then EvoLink's, each with those that have a table first and
        those known by name after them. At the end come the titles without a model
        value (`ModelInfo.model` is None): LiangXin lists them, and nobody found the
        value, so no request for them can be made.
    """
    return _CATALOGUE


def describe(model: str) -> ModelInfo | None:
    """Return what is known about a model value, or None for one nobody described.

    None does not mean that the service lacks it: its list grows, and `build` and
    `Generic` make requests for any value.
    """
    return _BY_MODEL.get(model)


def kind_of(model: str | None) -> Kind | None:
    """Return what a model value makes: "image", "video", or None if nobody knows."""
    info = None if model is None else _BY_MODEL.get(model)
    return None if info is None else info.kind
