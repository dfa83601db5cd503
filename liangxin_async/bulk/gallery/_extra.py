"""The packages of the extra `gallery`, loaded when they are needed.

A run without a gallery must work where they are missing, and `import liangxin_async`
must not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from liangxin_async._errors import ConfigurationError

_PACKAGES = {"jinja2": "Jinja2", "PIL": "Pillow"}


def load(module: str) -> Any:
    """Return a module of Jinja2 or Pillow.

    Raises:
        ConfigurationError: the package is not installed.
    """
    try:
        return import_module(module)
    except ImportError as exc:
        package = _PACKAGES[module.partition(".")[0]]
        raise ConfigurationError(
            f"the gallery needs {package}, which did not load ({exc}): "
            "pip install 'liangxin-async[gallery]'"
        ) from exc
