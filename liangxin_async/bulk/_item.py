"""What a run tells about each of its requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from liangxin_async._errors import LiangxinError
    from liangxin_async._records import Result
    from liangxin_async.bulk._row import Row


@frozen(kw_only=True)
class Item:
    """How one request stands when the run is through with it.

    Attributes:
        row: what the journal holds about it now; `row.state` says how it stands.
        result: what was made, where this run saw it; None else.
        paths: its saved files, in the order of the result's URLs; empty where they are
            not in a folder.
        objects: its saved files in an object store, as "s3://bucket/name", in the same
            order; empty where they are in a folder.
        error: why it is not saved; None for a saved one, and for one that an earlier
            run left in doubt or failed (`row.error` has its words).
        earlier: whether an earlier run had brought it to where it stands.
    """

    row: Row
    result: Result | None = field(default=None, repr=False)
    paths: tuple[Path, ...] = ()
    objects: tuple[str, ...] = ()
    error: LiangxinError | None = None
    earlier: bool = False
