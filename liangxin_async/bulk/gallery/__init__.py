"""Looking at a run: a page and a contact sheet, made from rows and pictures on disk.

Both are derived: they can be made again from the journal and the folder at any time.
They need the extra `gallery` (Jinja2 and Pillow), which is loaded on first use.
"""

from __future__ import annotations

from liangxin_async.bulk.gallery._page import write_gallery
from liangxin_async.bulk.gallery._sheet import write_contact_sheet

__all__ = ["write_contact_sheet", "write_gallery"]
