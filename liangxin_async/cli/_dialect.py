"""Which service a command talks to: as the line says, else as model or id show."""

from __future__ import annotations

from typing import Final

from liangxin_async.dialects import DIALECTS, EVOLINK, LIANGXIN, Dialect
from liangxin_async.models import describe

BY_NAME: Final = {dialect.name: dialect for dialect in DIALECTS}
_EVOLINK_ID: Final = "task-unified-"  # its query endpoint takes no others


def for_model(given: str | None, model: str | None) -> Dialect:
    """Return the dialect named `given`; None takes the one that has the model.

    Without a model, or for one that nobody knows, it is LiangXin's.
    """
    if given is not None:
        return BY_NAME[given]
    info = None if model is None else describe(model)
    return LIANGXIN if info is None else BY_NAME[info.provider]


def for_task(given: str | None, task_id: str) -> Dialect:
    """Return the dialect named `given`; None takes the one whose ids look like this."""
    if given is not None:
        return BY_NAME[given]
    return EVOLINK if task_id.startswith(_EVOLINK_ID) else LIANGXIN
