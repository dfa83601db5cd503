"""Where public classes say that they come from: the door, not the module behind it."""

from __future__ import annotations

from typing import Final

_DOOR: Final = "liangxin_async"


def name_publicly(*kinds: type) -> None:
    """Have classes shown where they are imported from, so that errors and pickles read
    well. Called by the module that defines them: it may be loaded before the door."""
    for kind in kinds:
        kind.__module__ = _DOOR
