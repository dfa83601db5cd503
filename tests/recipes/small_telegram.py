"""As much of Telegram's Bot API as a bot with one command meets, on loopback.

Written from its public documentation (https://core.telegram.org/bots/api).
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import anyio
from aiohttp import web
from attrs import define, field

from .chat import Chat

BOT = {"id": 1, "is_bot": True, "first_name": "painter", "username": "painter_bot"}
POLL = 0.5  # seconds that getUpdates waits at most


@define
class SmallTelegram(Chat):
    """A Telegram with one bot. Each request comes from a chat of its own."""

    _updates: asyncio.Queue[Any] = field(factory=asyncio.Queue)
    _numbers: count[int] = field(factory=lambda: count(100))

    async def ask(self, user: int, prompt: str) -> str:
        number = next(self._numbers)
        text = f"/draw {prompt}".rstrip()
        message = {
            **self._message(number),
            "from": {"id": user, "is_bot": False, "first_name": f"user{user}"},
            "text": text,
            "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
        }
        self._updates.put_nowait({"update_id": number, "message": message})
        return str(number)

    @property
    def routes(self) -> list[web.RouteDef]:
        """What a bot calls."""
        return [web.post("/bot{token}/{method}", self.serve)]

    async def serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        form = await request.post()
        chat = str(form.get("chat_id", ""))
        text = None if "text" not in form else str(form["text"])
        result: Any = True
        match method:
            case "getMe":
                result = BOT
            case "getUpdates":
                result = await self._poll(float(str(form.get("timeout", 0))))
            case "sendMessage":
                self.hear(chat, "message", text)
                result = {**self._message(int(chat)), "text": text}
            case "sendPhoto":
                upload = form["photo"]
                assert isinstance(upload, web.FileField)
                self.hear(chat, "photo", None, files=[upload.file.read()])
                result = {**self._message(int(chat)), "photo": []}
            case "editMessageText":
                if not self.hear(chat, "edit", text):
                    return self._refusal()
                result = {**self._message(int(chat)), "text": text}
            case "deleteMessage" | "deleteWebhook":
                pass
            case _:
                raise AssertionError(method)
        return web.json_response({"ok": True, "result": result})

    async def _poll(self, timeout: float) -> list[Any]:
        updates: list[Any] = []
        with anyio.move_on_after(min(timeout, POLL)):
            updates.append(await self._updates.get())
        while not self._updates.empty():
            updates.append(self._updates.get_nowait())
        return updates

    def _refusal(self) -> web.Response:
        body = {"ok": False, "error_code": 400, "description": "Bad Request: no"}
        return web.json_response(body, status=400)

    def _message(self, chat: int) -> dict[str, Any]:
        return {
            "message_id": next(self._numbers),
            "date": 1_735_689_600,
            "chat": {"id": chat, "type": "private", "first_name": "somebody"},
        }
