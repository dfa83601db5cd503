"""How a whole service of LiangXin's API family differs from LiangXin, as settings.

The same contract is spoken by several services, each with its own habits: other names,
errors inside HTTP 200, records that are visible late. A `Family` is those habits for
all answers of the two LiangXin routes; a fault does the like to single calls. EvoLink's
routes know nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from liangxin_async.emulator._checks import (
    ScenarioError,
    at,
    build,
    flag,
    one_of,
    text,
)

TIMES: Final = ("milliseconds", "seconds", "text", "absent")
UNKNOWN_TASK: Final = ("code_422", "http_404", "task_not_exist", "bad_request")
_FAILURE_CODES: Final = (501, 408)


def _failure_code(_: Any, __: Any, value: Any) -> None:
    if value is not None and value not in _FAILURE_CODES:
        raise ScenarioError(f"failure_in_code must be null, 501 or 408, got {value!r}")


@frozen(kw_only=True)
class Family:
    """The habits of a service; the defaults are LiangXin's own.

    Attributes:
        message_for_msg: whether every envelope says `message` for `msg`.
        refusals_in_200: whether every refusal is HTTP 200 with its code in form A.
        bare_ids: whether task ids are 32 hexadecimal digits and nothing else.
        snake_names: whether names of `data` are spelled task_id, result_json, ...
        result_name: name of the list of URLs within resultJson.
        text_results: whether resultJson holds `resultObject`, as for text results,
            and no URLs. What is in the object is the emulator's own; no source says.
        failure_in_code: 501 or 408, if a failed task is told by this code of the
            envelope under HTTP 200, with data null; None if by the state `fail`.
        fail_code_number: whether failCode is an integer.
        progress: whether records have a progress, 0 to 100.
        times: how a successful record writes its times: "milliseconds", "seconds",
            "text" (of milliseconds) or "absent".
    """

    message_for_msg: bool = field(default=False, validator=flag)
    refusals_in_200: bool = field(default=False, validator=flag)
    bare_ids: bool = field(default=False, validator=flag)
    snake_names: bool = field(default=False, validator=flag)
    result_name: str = field(default="resultUrls", validator=text())
    text_results: bool = field(default=False, validator=flag)
    failure_in_code: int | None = field(default=None, validator=_failure_code)
    fail_code_number: bool = field(default=False, validator=flag)
    progress: bool = field(default=False, validator=flag)
    times: str = field(default="milliseconds", validator=one_of(*TIMES))


def as_family(value: Family | Mapping[str, Any]) -> Family:
    """Take a family, or an object of its fields."""
    return value if isinstance(value, Family) else at("family", build, Family, value)


# The contract as the best-known service of the family is documented: texts under
# `message`, codes inside HTTP 200, bare ids, 20 creates in 10 s and no queue for more,
# and records that a query right after the create does not find.
_MARKET: Final[Mapping[str, Any]] = {
    "family": {
        "message_for_msg": True,
        "refusals_in_200": True,
        "bare_ids": True,
        "progress": True,
    },
    "capacity": [{"kind": "sliding_window", "calls": 20, "seconds": 10}],
    "visible_after": 0.5,
    "unknown_task": "code_422",
}
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {"market": _MARKET}


def with_preset(data: object) -> object:
    """Return `data` with the scenario that its key "preset" names laid under it.

    What `data` itself says wins; within "family" field by field.
    """
    if not isinstance(data, Mapping) or "preset" not in data:
        return data
    rest = dict(data)
    name = rest.pop("preset")
    if not isinstance(name, str) or name not in PRESETS:
        raise ScenarioError(f"preset must be one of {', '.join(PRESETS)}; got {name!r}")
    preset = PRESETS[name]
    own = rest.get("family", {})
    if isinstance(own, Mapping):
        rest["family"] = {**preset["family"], **own}
    return {**preset, **rest}
