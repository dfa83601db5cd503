"""Whether a record can be the one of a create whose answer was lost. Pure.

The proof is the path on which the task was named: nobody but the service knows it. The
record's echo of the request is the check on the proof, where a service echoes it:
LiangXin does (`param`, api/liangxin.md section 3), EvoLink does not. An echo may hold
more than was sent, such as defaults, and may leave things out.
"""

from __future__ import annotations

from collections.abc import Mapping


def contradicts(echo: object, model: str, fields: Mapping[str, object]) -> bool:
    """Return whether a record's echo says that it is about another request.

    Args:
        echo: `TaskRecord.param`: a mapping where the service echoes the request.
        model: the model asked for.
        fields: the input as it was sent, by wire name.
    """
    if not isinstance(echo, Mapping):
        return False
    told = echo.get("model")
    if isinstance(told, str) and told != model:
        return True
    given = echo.get("input")
    if not isinstance(given, Mapping):
        return False
    return any(given[name] != fields[name] for name in fields if name in given)
