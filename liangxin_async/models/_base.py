"""What all requests have in common, and how they are checked when made.

A request class is its own table: each attribute carries a `FieldInfo` in its metadata,
and everything else (checks, wire form, the catalogue) is read from there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, cast

from attrs import evolve, field, fields, frozen

from liangxin_async._errors import InvalidRequestError
from liangxin_async.models._check import check
from liangxin_async.models._field import (
    CALL_BACK_URL,
    MODEL_NOTES,
    WIRE,
    FieldInfo,
    Source,
)
from liangxin_async.models._json import JsonObject
from liangxin_async.models._shown import shown

if TYPE_CHECKING:
    from liangxin_async._errors import Problem

Kind: TypeAlias = Literal["image", "video"]

_PROMPT_SHOWN = 60  # characters of a prompt in a repr


@frozen
class About:
    """What is known about a model beside its fields.

    Attributes:
        title: the service's name for it.
        source: where the facts are from.
        kind: what it makes.
        rules: rules over several fields, in words.
        upstream_rules: rules of the upstream's own API; never enforced.
        notes: remarks; may be empty.
    """

    title: str
    source: Source
    kind: Kind = "image"
    rules: tuple[str, ...] = ()
    upstream_rules: tuple[str, ...] = ()
    notes: str = ""


@frozen(repr=False)
class Request(ABC):
    """One picture or video to be made; checked when it is made, immutable afterwards.

    Base of all request classes. Requests compare by value, can be keys of a dict and
    can be pickled.

    Attributes:
        callback_url: where the service shall report the end of this one task (an
            `https://` URL), or None to use the session's own callback, if it has one.
            `http://` to this machine is for a session whose service runs here too, as
            the emulator does; any other one refuses the request before it is sent.
            Not part of `fields()`, whatever the service calls it and wherever it puts
            it, and not shown in the `repr`.

    Raises:
        InvalidRequestError: when made of values that the service's documents rule
            out. It lists every problem.
    """

    callback_url: str | None = field(
        default=None, kw_only=True, metadata={WIRE: CALL_BACK_URL}
    )

    @property
    @abstractmethod
    def model(self) -> str:
        """The model value, as it is sent."""

    @property
    @abstractmethod
    def provider(self) -> str | None:
        """The service whose model this is, or None if it fits any."""

    @property
    def kind(self) -> Kind | None:
        """What is made: "image", "video", or None where nobody knows."""
        return None

    @property
    @abstractmethod
    def prompt(self) -> str | None:
        """The prompt, or None where the request has none."""

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Return the fields that are set, by wire name, ready for JSON.

        Returns:
            A new dict each time, in the order of the model's table. Fields that were
            not set are left out.
        """


@frozen(repr=False)
class TypedRequest(Request):
    """Base of the classes whose fields are known."""

    model: ClassVar[str]
    provider: ClassVar[str] = "liangxin"
    about: ClassVar[About]
    prompt: str

    def __attrs_post_init__(self) -> None:
        problems = (*self._field_problems(), *self._rule_problems())
        if problems:
            raise InvalidRequestError.of(f"the request for {self.model}", problems)

    @property
    def kind(self) -> Kind:
        """What is made: "image" or "video"."""
        return self.about.kind

    def fields(self) -> dict[str, Any]:
        """Return the fields that are set, by wire name, ready for JSON."""
        given = ((info.key, getattr(self, name)) for name, info in inputs(type(self)))
        return {key: _plain(value) for key, value in given if value is not None}

    def _field_problems(self) -> Iterator[Problem]:
        for name, info in attributes(type(self)):
            # Where the service runs only a session knows, which checks that again.
            yield from check(info, getattr(self, name), is_local=True)

    def _rule_problems(self) -> Iterator[Problem]:
        """Yield what is wrong between fields, any of which may be of a wrong type."""
        yield from ()

    def __repr__(self) -> str:
        """Return the call that makes this request, cut short, without callback URL."""
        given = self.fields()
        prompt = shown(given.pop("prompt", None), _PROMPT_SHOWN)
        others = (f", {name}={shown(value)}" for name, value in given.items())
        return f"{type(self).__name__}({prompt}{''.join(others)})"


@cache
def attributes(cls: type[TypedRequest]) -> tuple[tuple[str, FieldInfo], ...]:
    """Return the attributes of `cls` and their table entries, in declared order."""
    return tuple(
        (attribute.name, _with_source(attribute.metadata[WIRE], cls.about.source))
        for attribute in fields(cls)
    )


@cache
def inputs(cls: type[TypedRequest]) -> tuple[tuple[str, FieldInfo], ...]:
    """Return the attributes that `cls.fields()` sends: all but the callback URL."""
    return tuple(pair for pair in attributes(cls) if pair[0] != "callback_url")


@cache
def table(cls: type[TypedRequest]) -> tuple[FieldInfo, ...]:
    """Return the whole table of `cls`, with `model` first."""
    infos = tuple(info for _, info in attributes(cls))
    return (model_field(cls.model, cls.about.source), *infos)


def model_field(model: str, source: Source) -> FieldInfo:
    """Return the entry for `model`, whose one value is fixed."""
    return FieldInfo(
        "model",
        "string",
        required=True,
        enum=(model,),
        notes=MODEL_NOTES,
        source=source,
    )


def as_tuple(value: list[str] | tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return a list as a tuple, and anything else as it is, for the check to judge."""
    return tuple(value) if isinstance(value, list) else cast("Any", value)


def _plain(value: Any) -> Any:
    """Return the value of an attribute as JSON's own types."""
    match value:
        case tuple():
            return list(value)
        case JsonObject():
            return value.plain()
    return value


def _with_source(info: FieldInfo, source: Source) -> FieldInfo:
    return evolve(info, source=source)
