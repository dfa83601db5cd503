"""What the emulator asks of a dialect: where its routes are, and how things are said.

A dialect decides nothing. It reads the body of a create, and it turns three neutral
values into answers: a `Denial` (why not), a `Report` (how a task stands) and an
`Account`. Everything else - keys, capacity, faults, books - is common to all dialects.
A third one is a set of modules like the others and one line in `_dialects`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from aiohttp import web

    from liangxin_async.emulator._answer import Answer
    from liangxin_async.emulator._callbacks import Courtesy
    from liangxin_async.emulator._capacity import Refusal
    from liangxin_async.emulator._kinds import Book
    from liangxin_async.emulator._report import Report
    from liangxin_async.emulator._scenario import Scenario


@frozen
class Place:
    """One route of a dialect.

    Attributes:
        route: the name that faults and books use: "create", "query" or "credits".
        method: HTTP method.
        path: path on the server; a last segment `*` stands for any one segment.
        shown: the path as people read it.
    """

    route: str
    method: str
    path: str
    shown: str


@frozen(kw_only=True)
class Denial:
    """Why a call is refused.

    Attributes:
        reason: the word of the books: "auth", "invalid", "unknown_model", "too_large",
            "saturated", "no_balance", "not_found" or "no_route".
        message: what is wrong, where `reason` alone does not say it.
        field: name of the field that is wrong, or None.
        code: the dialect's own name for the fault, or None for its usual code.
        refusal: how to say "slow down", where that is the reason.
        form: how to say "not found", where that is the reason; "" for the dialect's
            usual form.
    """

    reason: str
    message: str = ""
    field: str | None = None
    code: str | None = None
    refusal: Refusal | None = None
    form: str = ""


@frozen
class Account:
    """What a balance page tells.

    Attributes:
        left: creates that can still be paid for, or None for any number.
        used: creates paid for so far.
    """

    left: int | None
    used: int


@frozen(kw_only=True)
class Outline:
    """Where a dialect keeps the parts of a create's body.

    Attributes:
        fields: the model's own fields, the prompt among them.
        asked: what makes two creates equal: everything but the callback.
        callback: the callback URL as it came, of any type, or None.
    """

    fields: Mapping[str, Any]
    asked: Mapping[str, Any]
    callback: Any = None


@frozen(kw_only=True)
class Draft:
    """A create as it was read, before anything was decided.

    Attributes:
        is_object: whether the body was a JSON object at all.
        model: the model value, or "".
        prompt: the prompt, or "".
        key: canonical JSON of what was asked, or "".
        param: the body as compact JSON, or "".
        callback_url: where to call back, or None.
        extension: ending of the result files: png, jpg or mp4.
        size: width and height in pixels that the body asks for.
        seed: the seed as it came, or None.
        denial: the refusal that the body itself deserves, or None.
    """

    is_object: bool = False
    model: str = ""
    prompt: str = ""
    key: str = ""
    param: str = ""
    callback_url: str | None = None
    extension: str = "png"
    size: tuple[int, int] = (1024, 1024)
    seed: Any = None
    denial: Denial | None = None


Change: TypeAlias = Callable[[dict[str, Any]], object]


class Dialect(Protocol):
    """One way to speak of tasks over HTTP."""

    @property
    def name(self) -> str:
        """A lower-case word, such as "liangxin"."""

    @property
    def title(self) -> str:
        """The name for people."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The routes."""

    @property
    def models(self) -> tuple[str, ...]:
        """The model values that are documented."""

    @property
    def videos(self) -> frozenset[str]:
        """Those of them that make videos."""

    @property
    def book(self) -> Book:
        """The fault kinds that only this dialect can play."""

    @property
    def words(self) -> Mapping[str, str]:
        """The dialect's word for each state of a `Report`."""

    @property
    def other_words(self) -> Mapping[str, str]:
        """Another word for each state, that a client should know too."""

    @property
    def foreign_id(self) -> str:
        """A well-formed id that this emulator never gives out."""

    @property
    def pages(self) -> Mapping[str, Callable[[Account], Answer]]:
        """What the routes besides "create" and "query" say, by route."""

    @property
    def courtesy(self) -> Courtesy:
        """How patiently callbacks are delivered."""

    @property
    def signs(self) -> bool:
        """Whether callbacks can be signed."""

    def outline(self, data: dict[str, Any]) -> Outline:
        """Return the parts of a create's body, however odd it is."""

    def problem(
        self, data: dict[str, Any], extra: tuple[str, ...], urls: str
    ) -> Denial | None:
        """Return why the documentation forbids this body, or None.

        `extra` are model values that are allowed besides the documented ones, and
        `urls` says which callback URLs are, in the words of `Callbacks.urls`.
        """

    def look(self, model: str, fields: Mapping[str, Any]) -> tuple[int, int, str]:
        """Return width, height and file ending that a body without fault asks for."""

    def asked_id(self, request: web.BaseRequest) -> str:
        """Return the task id that a query asks for, or ""."""

    def id_problem(self, task_id: str) -> Denial | None:
        """Return why this cannot be a task id, or None."""

    def new_id(self, model: str, number: int, scenario: Scenario) -> str:
        """Return an id; `number` is the Unix time in milliseconds, never repeated."""

    def deny(self, denial: Denial, scenario: Scenario) -> Answer:
        """Say no."""

    def refuse(
        self, form: str, status: int, code: Any, message: str, hint: Any
    ) -> Answer:
        """Return any refusal; an unknown `form` is the dialect's usual one.

        `code` "" is the usual code, and `hint` advice, where the dialect has any.
        """

    def signed(self, answer: Answer, number: int) -> Answer:
        """Return a refusal with the request id that belongs to the `number`-th."""

    def tell(self, report: Report, scenario: Scenario) -> Answer:
        """Say how a task stands."""

    def edited(self, answer: Answer, change: Change) -> Answer:
        """Return a good answer after a change of where the task's fields stand."""
