"""`python -m liangxin_async` is the command `liangxin`."""

from __future__ import annotations

import sys

from liangxin_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
