"""Answers as the documents have them, written by hand, and how to make replies.

The seed examples are word for word what the seed documents print.
"""

from __future__ import annotations

import json
from typing import Any

from multidict import CIMultiDict

from liangxin_async._core.backoff import Verdict, judge_create
from liangxin_async._errors import LiangxinError
from liangxin_async._records import TaskRecord
from liangxin_async.dialects import LIANGXIN, Accepted, WireReply

SEED_FORM_A = """{
"code": 400,
"msg": "input.prompt is required",
"data": null
}"""

SEED_FORM_B = """{
"error": {
"message": "invalid token",
"type": "new_api_error",
"code": ""
}
}"""

SEED_CREATED = {
    "task_z-image_1777600000000": """{
"code": 200,
"msg": "success",
"data": {
"taskId": "task_z-image_1777600000000"
}
}""",
    "task_z_image_1765166238716": """{
  "code": 200,
  "msg": "success",
  "data": {
    "taskId": "task_z_image_1765166238716"
  }
}""",
    "task_imagen4-ultra_1777600000000": """{
"code": 200,
"msg": "success",
"data": {
"taskId": "task_imagen4-ultra_1777600000000"
}
}""",
    "task_seedream-v4-5_1777600000000": """{
"code": 200,
"msg": "success",
"data": {
"taskId": "task_seedream-v4-5_1777600000000"
}
}""",
}

WAITING = r"""{"code":200,"msg":"success","data":{"taskId":"T","model":"z-image","state":"generating",
 "param":"{\"model\":\"z-image\",\"input\":{\"prompt\":\"p\"}}","resultJson":"","failCode":"","failMsg":""}}"""

SUCCESS = r"""{"code":200,"msg":"success","data":{"taskId":"T","model":"z-image","state":"success",
 "param":"{…}","resultJson":"{\"resultUrls\":[\"https://host/a.png\"]}","failCode":"","failMsg":"",
 "costTime":15000,"createTime":1777600000000,"updateTime":1777600015000,"completeTime":1777600015000}}"""

FAILURE = r"""{"code":200,"msg":"success","data":{"taskId":"T","model":"z-image","state":"fail",
 "param":"{…}","resultJson":"","failCode":"500","failMsg":"upstream rejected the prompt"}}"""

SATURATED_EN = (
    "Current group upstream load is saturated, please try again later "
    "(request id: 2026050114343515)"
)
SATURATED_ZH = "当前分组上游负载已饱和，请稍后再试"
HTML = "<html><head><title>Bad gateway</title></head><body>nginx</body></html>"


def reply(body: Any, status: int = 200, **headers: str) -> WireReply:
    """Make an answer: text and bytes go as they are, anything else as JSON."""
    if not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else body.encode()
    return WireReply(status, CIMultiDict(named), content)


def form_a(code: Any, msg: Any = "words", data: Any = None) -> dict[str, Any]:
    return {"code": code, "msg": msg, "data": data}


def form_b(message: Any, code: Any = "", kind: Any = "new_api_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}


def form_c(code: Any, message: Any = "words") -> dict[str, Any]:
    return {"code": code, "message": message, "data": None}


def form_d(message: Any, **more: Any) -> dict[str, Any]:
    return {"success": False, "message": message, **more}


def answer(**data: Any) -> dict[str, Any]:
    """A good recordInfo answer about task T."""
    return {"code": 200, "msg": "success", "data": {"taskId": "T", **data}}


def create(answered: WireReply) -> Accepted | LiangxinError:
    """What a create makes of an answer."""
    try:
        return LIANGXIN.read_create(answered)
    except LiangxinError as exc:
        return exc


def query(answered: WireReply) -> TaskRecord | LiangxinError:
    """What a query about task T makes of an answer."""
    try:
        return LIANGXIN.read_query(answered, "T")
    except LiangxinError as exc:
        return exc


def refusal(answered: WireReply) -> LiangxinError:
    """The error of a create that brought no task."""
    error = create(answered)
    assert isinstance(error, LiangxinError), f"accepted: {error}"
    return error


def verdict(answered: WireReply) -> Verdict:
    """What is done after a create that was answered like this."""
    return judge_create(refusal(answered), left=True)


def record(**data: Any) -> TaskRecord:
    """The record of a good answer with these members."""
    return LIANGXIN.read_query(reply(answer(**data)), "T")
