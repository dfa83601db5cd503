"""The EvoLink dialect: flat requests, task objects without an envelope, credits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from attrs import evolve, field, frozen

from liangxin_async.emulator import _evolink_forms as forms
from liangxin_async.emulator import _evolink_models, _kinds_evolink
from liangxin_async.emulator._callbacks import Courtesy
from liangxin_async.emulator._dialect import Account, Change, Denial, Outline, Place
from liangxin_async.emulator._pictures import bounded, fitted, pair

if TYPE_CHECKING:
    from aiohttp import web

    from liangxin_async.emulator._answer import Answer
    from liangxin_async.emulator._kinds import Book
    from liangxin_async.emulator._report import Report
    from liangxin_async.emulator._scenario import Scenario

PREFIX: Final = "task-unified-"
_SIDE: Final = 1024  # longest side in pixels where only a ratio is asked for
_SIGNS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH: Final = 8
_SPREAD: Final = 1_298_701_987_399  # no factor in common with 36 ** 8: no id twice


@frozen
class EvoLink:
    """EvoLink's words for what the emulator does."""

    name: str = "evolink"
    title: str = "EvoLink"
    places: tuple[Place, ...] = (
        Place("create", "POST", "/v1/images/generations", "/v1/images/generations"),
        Place("query", "GET", "/v1/tasks/*", "/v1/tasks/{task_id}"),
        Place("credits", "GET", "/v1/credits", "/v1/credits"),
    )
    models: tuple[str, ...] = _evolink_models.MODELS
    videos: frozenset[str] = frozenset()
    book: Book = _kinds_evolink.BOOK
    words: Mapping[str, str] = field(factory=lambda: forms.WORDS)
    other_words: Mapping[str, str] = field(factory=lambda: forms.OTHER_WORDS)
    foreign_id: str = f"{PREFIX}1700000000-somebody"
    pages: Mapping[str, Callable[[Account], Answer]] = field(
        factory=lambda: {"credits": forms.credits_page}
    )
    courtesy: Courtesy = Courtesy(limit=10.0, waits=(1.0, 2.0, 4.0))  # noqa: RUF009  # frozen
    signs: bool = False

    # What comes in

    def outline(self, data: dict[str, Any]) -> Outline:
        """Return the parts of a create's body; the fields are the body itself."""
        asked = {name: v for name, v in data.items() if name != "callback_url"}
        callback = data.get("callback_url")
        return Outline(fields=data, asked=asked, callback=callback)

    def problem(
        self, data: dict[str, Any], extra: tuple[str, ...], urls: str
    ) -> Denial | None:
        """Return what is wrong with a create's body."""
        return _evolink_models.problem_with(data, extra, urls)

    def look(self, model: str, fields: Mapping[str, Any]) -> tuple[int, int, str]:
        """Return width, height and file ending; no page speaks of a file type."""
        size = fields.get("size")
        pixels, ratio = pair(size, "x"), pair(size, ":")
        width, height = pixels or (fitted(*ratio, _SIDE) if ratio else (_SIDE, _SIDE))
        return *bounded(width, height), "png"

    def asked_id(self, request: web.BaseRequest) -> str:
        """Return the last segment of the path."""
        path = request.raw_path.partition("?")[0]
        return unquote(path.rpartition("/")[2])

    def id_problem(self, task_id: str) -> Denial | None:
        """Return a refusal of an id that does not begin as all ids do."""
        if task_id.startswith(PREFIX):
            return None
        words = f"task_id must begin with {PREFIX}"
        return Denial(
            reason="invalid", message=words, field="task_id", code="invalid_task_id"
        )

    def new_id(self, model: str, number: int, scenario: Scenario) -> str:
        """Return an id of the documented shape."""
        rest, signs = number * _SPREAD % 36**_LENGTH, ""
        for _ in range(_LENGTH):
            rest, digit = divmod(rest, 36)
            signs += _SIGNS[digit]
        return f"{PREFIX}{number // 1000}-{signs}"

    # What goes out

    def deny(self, denial: Denial, scenario: Scenario) -> Answer:
        """Return the error that EvoLink has for a reason."""
        match denial.reason:
            case "auth":
                return forms.error(401, "invalid API key")
            case "too_large":
                words, hint = "request body too large", "keep images under 4 MB"
                return forms.error(413, words, hint=hint)
            case "saturated":
                assert denial.refusal is not None, "who is saturated says how to wait"
                return forms.saturated(denial.refusal)
            case "no_balance":
                return forms.error(402, "insufficient credits", hint=forms.BILLING)
            case "unknown_model":
                hint = _evolink_models.MODELS[0]
                return forms.error(404, denial.message, param="model", hint=hint)
            case "not_found":
                words = "task not found or expired"
                return forms.error(404, words, param="task_id")
            case "no_route":
                return forms.error(404, denial.message)
            case _:
                words, name = denial.message, denial.field
                return forms.error(400, words, code=denial.code, param=name)

    def refuse(
        self, form: str, status: int, code: Any, message: str, hint: Any
    ) -> Answer:
        """Return any error; the form "untyped" has no type."""
        answer = forms.error(status, message, hint=hint)
        assert answer.payload is not None, "an error has a body"
        told = answer.payload["error"]
        if code != "":
            told["code"] = code
        if form == "untyped":
            del told["type"]
        return answer

    def signed(self, answer: Answer, number: int) -> Answer:
        """Return the refusal as it is: no page speaks of a request id."""
        return answer

    def tell(self, report: Report, scenario: Scenario) -> Answer:
        """Return the task object."""
        return forms.task_object(report)

    def edited(self, answer: Answer, change: Change) -> Answer:
        """Change the task object, which is the body."""
        body = dict(answer.payload or {})
        change(body)
        return evolve(answer, payload=body)


EVOLINK: Final = EvoLink()
