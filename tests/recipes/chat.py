"""What the two chat services of the tests have in common: a book of what a bot says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import define, field, frozen


@frozen
class Said:
    """Something that the bot answered to a request."""

    request: str
    kind: str
    text: str | None
    files: tuple[bytes, ...]
    private: bool
    creates: int  # that the service of pictures had received by then

    @property
    def is_progress(self) -> bool:
        """Whether it tells of a picture that is not there yet."""
        return self.text is not None and self.text.startswith("Working on it:")


@define
class Chat:
    """A chat service on loopback.

    Attributes:
        creates: how many creates were received; written beside each answer.
        base: address of the service.
        said: all answers, in the order of their arrival.
        refuse_edits: edits with text that are refused from now on.
    """

    creates: Callable[[], int]
    base: str = ""
    said: list[Said] = field(factory=list)
    refuse_edits: int = 0

    async def ask(self, user: int, prompt: str) -> str:
        """Let a user send the command; return what names this request."""
        raise NotImplementedError

    def hear(
        self,
        request: str,
        kind: str,
        text: str | None,
        *,
        files: Iterable[bytes] = (),
        private: bool = False,
    ) -> bool:
        """Write down what the bot says, unless it is to be refused."""
        if kind == "edit" and text and self.refuse_edits:
            self.refuse_edits -= 1
            return False
        said = Said(request, kind, text, tuple(files), private, self.creates())
        self.said.append(said)
        return True

    def answers(self, request: str) -> list[Said]:
        """Return what was said to one request."""
        return [said for said in self.said if said.request == request]

    def progress(self, request: str) -> list[Said]:
        """Return what was said to it of a picture that was not there yet."""
        return [said for said in self.answers(request) if said.is_progress]

    def ended(self, request: str) -> bool:
        """Whether it has got what it waited for, or why it has not."""
        later = self.answers(request)[1:]
        return any(not said.is_progress for said in later)


@asynccontextmanager
async def listening(chat: Chat, routes: Iterable[web.RouteDef]) -> AsyncIterator[None]:
    """Serve `chat` at its `base`."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        chat.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield
    finally:
        await runner.cleanup()
