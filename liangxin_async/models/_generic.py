"""Requests for models whose fields nobody described here.

The input goes out as it was given. Checked is only what would keep it from being
written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import frozen

from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.models._base import Kind, Request
from liangxin_async.models._catalogue import kind_of
from liangxin_async.models._check import check
from liangxin_async.models._field import CALL_BACK_URL
from liangxin_async.models._json import JsonObject, check_sendable, freeze
from liangxin_async.models._shown import shown


@frozen(repr=False, init=False)
class Generic(Request):
    """A request for any model value, sent as it is given.

    For models outside the catalogue, models of which only the name is known, and
    fields that are newer than this library.

    Args:
        model: the model value; not empty.
        input: the model's fields by their wire names, `prompt` among them. Copied, so
            changing it later changes nothing here. Any JSON values, 100 levels deep at
            most; None is sent as null.
        callback_url: public `https://` URL for the end of this task.
        kind: what the model makes, "image" or "video", where you know better than the
            catalogue; None to ask the catalogue, which knows its own models only.
            Never sent: it tells how long the task may take.

    Raises:
        InvalidRequestError: something could not be sent: an empty model, a value that
            JSON does not have (NaN, bytes, a set, a key that is no text).
    """

    provider: ClassVar[None] = None

    model: str
    kind: Kind | None
    _input: JsonObject

    def __init__(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 -- the service's own word
        *,
        callback_url: str | None = None,
        kind: Kind | None = None,
    ) -> None:
        problems = _model_problems(model)
        # Which service this is for decides whether it refuses more than that.
        problems += check(CALL_BACK_URL, callback_url, is_local=True)
        copied = _copied_input(input, problems)
        if kind not in (None, "image", "video"):
            problems.append(Problem("kind", shown(kind), "image, video or None"))
        if problems:
            raise InvalidRequestError.of("the request", problems)
        self.__attrs_init__(
            model=model,
            kind=kind_of(model) if kind is None else kind,
            input=copied,
            callback_url=callback_url,
        )

    @property
    def input(self) -> dict[str, Any]:
        """The input, as a new dict each time."""
        return self.fields()

    @property
    def prompt(self) -> str | None:
        """`prompt` of the input if that is text, else None."""
        prompt = self.fields().get("prompt")
        return prompt if isinstance(prompt, str) else None

    def fields(self) -> dict[str, Any]:
        """Return the input, ready for JSON, as a new dict each time."""
        return self._input.plain()

    def __repr__(self) -> str:
        """Return the call that makes this request, cut short, without callback URL."""
        kind = "" if self.kind == kind_of(self.model) else f", kind={self.kind!r}"
        return f"Generic({shown(self.model)}, input={shown(self.fields())}{kind})"


def _model_problems(model: object) -> list[Problem]:
    if not isinstance(model, str) or not model.strip():
        return [Problem("model", shown(model), "a model value: text, not empty")]
    return list(check_sendable("model", model))


def _copied_input(value: object, problems: list[Problem]) -> JsonObject:
    if not isinstance(value, Mapping):
        problems.append(Problem("input", shown(value), "a mapping of field names"))
        value = {}
    return freeze(value, "input", problems)
