"""EvoLink's answers as the documents have them, written by hand (api/evolink.md)."""

from __future__ import annotations

from typing import Any

from liangxin_async._core.backoff import Verdict, judge_create
from liangxin_async._errors import ApiError, LiangxinError
from liangxin_async._records import Credits, TaskRecord
from liangxin_async.dialects import EVOLINK, Accepted, WireReply
from tests.dialects.samples import reply

ID = "task-unified-1757165031-uyujaw3d"

# The example values of seed 003, with the documented `task_info` and `usage`.
CREATED = """{
  "created": 1757165031,
  "id": "task-unified-1757165031-uyujaw3d",
  "model": "z-image-turbo",
  "object": "image.generation.task",
  "progress": 0,
  "status": "pending",
  "task_info": {"can_cancel": true, "estimated_time": 10},
  "type": "image",
  "usage": {"billing_rule":"per_call","credits_reserved":0.026,"user_group":"default"}
}"""

CREDITS = """{"data":{"token":{"remaining_credits":99416.4429,"unlimited_credits":false,"used_credits":583.5571},
         "user":{"remaining_credits":1095.3996,"used_credits":135.9048}},"message":"","success":true}"""

URL = "https://files.evolink.ai/a.png"
OTHER = "https://media.evolink.ai/b.png"


def task(status: Any = "pending", **members: Any) -> dict[str, Any]:
    """A task object about `ID` with what must be there, and these members."""
    return {"id": ID, "status": status, **members}


def error(
    code: Any = 400, message: Any = "words", kind: Any = None, **more: Any
) -> dict[str, Any]:
    """An error body of section 4; `type` is left out where it is None."""
    named = {} if kind is None else {"type": kind}
    return {"error": {"code": code, "message": message, **named, **more}}


def create(answered: WireReply) -> Accepted | LiangxinError:
    """What a create makes of an answer."""
    try:
        return EVOLINK.read_create(answered)
    except LiangxinError as exc:
        return exc


def query(answered: WireReply, task_id: str = ID) -> TaskRecord | LiangxinError:
    """What a query about a task makes of an answer."""
    try:
        return EVOLINK.read_query(answered, task_id)
    except LiangxinError as exc:
        return exc


def credits_of(answered: WireReply) -> Credits | LiangxinError:
    """What a question about credits makes of an answer."""
    try:
        return EVOLINK.read_credits(answered)
    except LiangxinError as exc:
        return exc


def refusal(answered: WireReply) -> ApiError:
    """The service's refusal of a create."""
    refused = create(answered)
    assert isinstance(refused, ApiError), f"no refusal: {refused!r}"
    return refused


def verdict(answered: WireReply) -> Verdict:
    """What is done after a create that was answered like this."""
    failed = create(answered)
    assert isinstance(failed, LiangxinError), f"accepted: {failed}"
    return judge_create(failed, left=True)


def record(status: Any = "pending", **members: Any) -> TaskRecord:
    """The record of a task object with these members."""
    return EVOLINK.read_query(reply(task(status, **members)), ID)
