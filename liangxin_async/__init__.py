"""Asyncio client for task-based image generation: LiangXin, its API family, EvoLink.

    from liangxin_async import Session, ZImage

    async with Session(api_key="...", base_url="https://...") as session:
        result = await session.generate(ZImage("a cafe terrace in Paris"), timeout=120)
        paths = await session.download(result, "out/")

Submits pass an adaptive gate per model, one poller follows all tasks, and a create is
never sent twice unless the service clearly refused it.
"""

import importlib
import logging
import typing

if typing.TYPE_CHECKING:
    from liangxin_async._public import *  # noqa: F403 - one list of names, and it is there
    from liangxin_async._public import __all__ as __all__
    from liangxin_async._public import __version__ as __version__

# Without it, Python prints warnings of unconfigured loggers to stderr.
logging.getLogger(__name__).addHandler(logging.NullHandler())

_NAMESPACES = ("bulk", "cli", "emulator", "models", "otel", "testing", "webhook")

if not typing.TYPE_CHECKING:  # a checker would take every misspelt name to be there

    def __getattr__(name: str) -> typing.Any:
        """Load the public names when the first of them is asked for.

        What needs none of them (`liangxin --version`, the emulator, the models alone)
        then does not wait for aiohttp.
        """
        is_ours = name in ("__all__", "__version__") or not name.startswith("_")
        if is_ours and name not in _NAMESPACES:
            public = importlib.import_module(f"{__name__}._public")
            names = {key: getattr(public, key) for key in ("__all__", *public.__all__)}
            globals().update(names)
            if name in names:
                return names[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
