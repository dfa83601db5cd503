"""From the text of a CSV cell or a setting to the value of a field.

A field that is known of a model is read by its type. Of any other field a text that is
JSON is sent as that, and all else as text; a prompt is text whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liangxin_async._errors import InvalidRequestError
from liangxin_async.models import FieldInfo, catalogue, describe, parse_field
from liangxin_async.models._parse import json_or_text

MODEL: Final = "model"
KEY: Final = "key"
CALLBACKS: Final = ("callBackUrl", "callback_url")  # LiangXin's name, and EvoLink's
_ASIDE: Final = (MODEL, *CALLBACKS)

_TABLES: Final[Mapping[str | None, Mapping[str, FieldInfo]]] = {
    info.model: {field.key: field for field in info.fields if field.name not in _ASIDE}
    for info in catalogue()
}


def has_table(model: object) -> bool:
    """Whether every field of this model is known, so that others are refused."""
    info = describe(model) if isinstance(model, str) else None
    return info is not None and info.request_type is not None


def known_fields(model: object) -> Mapping[str, FieldInfo]:
    """Return what is known of the inputs of a model, by wire name; may be empty."""
    return _TABLES.get(model, {}) if isinstance(model, str) else {}


def value_of(model: object, name: str, text: str) -> Any:
    """Return what `text` stands for as the field `name` of `model`.

    A text of the wrong type comes back as it is: the check of the request refuses it,
    and names what is allowed.
    """
    if name == "prompt":
        return text
    info = known_fields(model).get(name)
    if info is None:
        return json_or_text(text)
    try:
        return parse_field(info, text)
    except InvalidRequestError:
        return text
