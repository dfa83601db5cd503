"""The LiangXin dialect: createTask and recordInfo, and the family that speaks alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from liangxin_async.emulator import _kinds_liangxin, _liangxin_models
from liangxin_async.emulator import _liangxin_forms as forms
from liangxin_async.emulator._callbacks import Courtesy
from liangxin_async.emulator._dialect import Account, Change, Denial, Outline, Place
from liangxin_async.emulator._liangxin_look import asked_size, extension

if TYPE_CHECKING:
    from aiohttp import web

    from liangxin_async.emulator._answer import Answer
    from liangxin_async.emulator._kinds import Book
    from liangxin_async.emulator._report import Report
    from liangxin_async.emulator._scenario import Scenario

CREATE: Final = "/api/v1/jobs/createTask"
QUERY: Final = "/api/v1/jobs/recordInfo"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
_NO_FIELDS: Final[Mapping[str, Any]] = {}
# The business code of a refusal, where it is not the HTTP status that it has else.
_CODES: Final = {"no_balance": 402}


@frozen
class LiangXin:
    """LiangXin's words for what the emulator does."""

    name: str = "liangxin"
    title: str = "LiangXin"
    places: tuple[Place, ...] = (
        Place("create", "POST", CREATE, CREATE),
        Place("query", "GET", QUERY, f"{QUERY}?taskId=..."),
    )
    models: tuple[str, ...] = _liangxin_models.MODELS
    videos: frozenset[str] = _liangxin_models.VIDEOS
    book: Book = _kinds_liangxin.BOOK
    words: Mapping[str, str] = field(factory=lambda: forms.WORDS)
    other_words: Mapping[str, str] = field(factory=lambda: forms.OTHER_WORDS)
    foreign_id: str = "task_of_somebody_else_1"
    pages: Mapping[str, Callable[[Account], Answer]] = field(factory=dict)
    # Not stated. The limit and the number are the family's, the spacing is ours.
    courtesy: Courtesy = Courtesy(limit=15.0, waits=(1.0, 1.0, 1.0))  # noqa: RUF009  # frozen
    signs: bool = True

    # What comes in

    def outline(self, data: dict[str, Any]) -> Outline:
        """Return the parts of a create's body; the fields are those of `input`."""
        fields = data.get("input")
        asked = {"input": fields, "model": data.get("model")}
        callback = data.get("callBackUrl")
        given = fields if isinstance(fields, dict) else _NO_FIELDS
        return Outline(fields=given, asked=asked, callback=callback)

    def problem(
        self, data: dict[str, Any], extra: tuple[str, ...], urls: str
    ) -> Denial | None:
        """Return what is wrong with a create's body: HTTP 400 in every case."""
        words = _liangxin_models.problem_with(data, extra, urls)
        return None if words is None else Denial(reason="invalid", message=words)

    def look(self, model: str, fields: Mapping[str, Any]) -> tuple[int, int, str]:
        """Return width, height and file ending of a picture."""
        return *asked_size(model, fields), extension(fields)

    def asked_id(self, request: web.BaseRequest) -> str:
        """Return the task id of the query string."""
        return request.query.get("taskId", "")

    def id_problem(self, task_id: str) -> Denial | None:
        """Return a refusal for a missing id; any other text may be one."""
        words = "taskId parameter is required"
        return None if task_id else Denial(reason="invalid", message=words)

    def new_id(self, model: str, number: int, scenario: Scenario) -> str:
        """Return an id in either of the two spellings that the seeds show."""
        if scenario.family.bare_ids:
            return blake2b(f"{model} {number}".encode(), digest_size=16).hexdigest()
        name = _UNSAFE.sub("_", model)
        return f"task_{name.replace('-', '_') if number % 2 else name}_{number}"

    # What goes out

    def deny(self, denial: Denial, scenario: Scenario) -> Answer:
        """Return the refusal in the form that LiangXin uses for its reason."""
        family = scenario.family
        answer = _denied(denial, scenario)
        if family.refusals_in_200 and answer.status != 200:
            answer = forms.in_200(_CODES.get(denial.reason, answer.status), answer)
        return forms.with_message(answer) if family.message_for_msg else answer

    def refuse(
        self, form: str, status: int, code: Any, message: str, _hint: Any
    ) -> Answer:
        """Return any refusal in form A, B, C or D; B is the usual one."""
        return forms.in_form(form, status, code, message)

    def signed(self, answer: Answer, number: int) -> Answer:
        """Give a refusal the gateway's request id, as its family does."""
        mark = {"X-Oneapi-Request-Id": f"emulated{number:08d}"}
        return evolve(answer, headers={**answer.headers, **mark})

    def tell(self, report: Report, scenario: Scenario) -> Answer:
        """Return createTask's or recordInfo's answer."""
        family = scenario.family
        answer = (forms.created if report.is_new else forms.record)(report, family)
        return forms.with_message(answer) if family.message_for_msg else answer

    def edited(self, answer: Answer, change: Change) -> Answer:
        """Change `data`, where there is an object."""
        payload = answer.payload
        if payload is None or not isinstance(payload["data"], dict):
            return answer
        data = dict(payload["data"])
        change(data)
        return evolve(answer, payload={**payload, "data": data})


def _denied(denial: Denial, scenario: Scenario) -> Answer:
    match denial.reason:
        case "auth":
            return forms.form_b(401, "invalid token")
        case "too_large":
            code = "read_request_body_failed"
            return forms.form_b(413, "request body too large", code)
        case "saturated":
            assert denial.refusal is not None, "who is saturated says how to wait"
            return forms.saturated(denial.refusal)
        case "no_balance":
            message, code = "user quota is not enough", "insufficient_user_quota"
            return forms.form_b(403, message, code)
        case "not_found":
            return forms.NOT_FOUND[denial.form or scenario.unknown_task]()
        case "no_route":
            return forms.form_b(404, denial.message, kind="invalid_request_error")
        case _:
            return forms.form_a(400, 400, denial.message)


LIANGXIN: Final = LiangXin()
