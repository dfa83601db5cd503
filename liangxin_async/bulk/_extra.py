"""The packages of the extras `gallery` and `s3`, loaded when they are needed.

A run must work where those that it does not use are missing, and
`import liangxin_async` must not pay for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from liangxin_async._errors import ConfigurationError

# What a module's package is called, what needs it, and the extra that brings it.
_PACKAGES = {
    "jinja2": ("Jinja2", "the gallery", "gallery"),
    "obstore": ("obstore", "an s3:// destination", "s3"),
    "PIL": ("Pillow", "the gallery", "gallery"),
}


def load(module: str) -> Any:
    """Return a module of an extra's package.

    Raises:
        ConfigurationError: the package is not installed.
    """
    try:
        return import_module(module)
    except ImportError as exc:
        package, what, extra = _PACKAGES[module.partition(".")[0]]
        raise ConfigurationError(
            f"{what} needs {package}, which did not load ({exc}): "
            f"pip install 'liangxin-async[{extra}]'"
        ) from exc
