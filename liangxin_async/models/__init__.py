"""Requests: one class per model whose fields are known, and `Generic` for the rest.

A request is checked when it is made and is immutable afterwards:

    from liangxin_async.models import Generic, ZImage

    ZImage("a cafe terrace in Paris", seed=7)
    Generic("some-new-model", input={"prompt": "a cafe terrace in Paris"})

Each class belongs to one service: `ZImageTurbo` and `NanoBanana2Lite` to EvoLink, the
others to LiangXin. `Generic` fits both, and `catalogue()` tells of every known model.

What the documents of the service state is checked; what they do not state is passed on.
"""

from __future__ import annotations

from liangxin_async import _naming
from liangxin_async.models._base import Request
from liangxin_async.models._build import build
from liangxin_async.models._catalogue import catalogue, describe, kind_of
from liangxin_async.models._evolink import NanoBanana2Lite, ZImageTurbo
from liangxin_async.models._field import FieldInfo
from liangxin_async.models._flux import Flux2Pro
from liangxin_async.models._generic import Generic
from liangxin_async.models._imagen import Imagen4Ultra
from liangxin_async.models._info import ModelInfo
from liangxin_async.models._nano_banana import NanoBananaPro, NanoBananaProFlash
from liangxin_async.models._parse import parse_field
from liangxin_async.models._seedream import SeedreamV45
from liangxin_async.models._z_image import ZImage

__all__ = [
    "FieldInfo",
    "Flux2Pro",
    "Generic",
    "Imagen4Ultra",
    "ModelInfo",
    "NanoBanana2Lite",
    "NanoBananaPro",
    "NanoBananaProFlash",
    "Request",
    "SeedreamV45",
    "ZImage",
    "ZImageTurbo",
    "build",
    "catalogue",
    "describe",
    "kind_of",
    "parse_field",
]

_naming.name_publicly(
    Flux2Pro,
    Generic,
    Imagen4Ultra,
    NanoBananaPro,
    NanoBananaProFlash,
    Request,
    SeedreamV45,
    ZImage,
    ZImageTurbo,
)
