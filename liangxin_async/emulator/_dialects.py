"""The dialects of the emulator: a further one is one more line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from liangxin_async.emulator._evolink import EVOLINK
from liangxin_async.emulator._liangxin import LIANGXIN

if TYPE_CHECKING:
    from liangxin_async.emulator._dialect import Dialect

_ALL: Final[tuple[Dialect, ...]] = (LIANGXIN, EVOLINK)

DIALECTS: Final[Mapping[str, Dialect]] = {dialect.name: dialect for dialect in _ALL}

# Only LiangXin's gateway is known to answer a path that no dialect has.
FOR_UNKNOWN_PATHS: Final[Dialect] = LIANGXIN
