"""The README's Python blocks: programs, and recipes that need something to serve.

A recipe is a block below a line `<!-- recipe: name -->`. It is tested in
`tests/recipes/`, as the file `name.py`; every other block runs by itself.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

_BLOCK = re.compile(
    r"^(?:<!-- recipe: (\w+) -->\n)?```python\n(.*?)^```", re.MULTILINE | re.DOTALL
)

BLOCKS = [match[2] for match in _BLOCK.finditer(README) if match[1] is None]
RECIPES = {match[1]: match[2] for match in _BLOCK.finditer(README) if match[1]}
