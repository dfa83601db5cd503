"""As much of Discord as a bot with one command meets: REST and the gateway, on loopback.

Written from Discord's public documentation (https://discord.com/developers/docs).
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web
from attrs import define, field

from .chat import Chat

APPLICATION = "1000"
BOT = {"id": "1001", "username": "painter", "discriminator": "0", "avatar": None}


def _json(value: object, status: int = 200) -> web.Response:
    """As Discord does, without a charset: discord.py reads no other kind."""
    headers = {"Content-Type": "application/json"}
    return web.Response(body=json.dumps(value).encode(), status=status, headers=headers)


@define
class SmallDiscord(Chat):
    """A Discord with one application, whose command `ask` uses.

    Attributes:
        commands: names of the commands that the bot registered.
    """

    commands: list[str] = field(factory=list)
    gateways: list[web.WebSocketResponse] = field(factory=list)
    _numbers: count[int] = field(factory=lambda: count(2000))

    async def ask(self, user: int, prompt: str) -> str:
        number = next(self._numbers)
        option = {"name": "prompt", "type": 3, "value": prompt}
        await self._dispatch(
            "INTERACTION_CREATE",
            {
                "id": str(number),
                "application_id": APPLICATION,
                "type": 2,
                "data": {"id": "77", "name": "draw", "type": 1, "options": [option]},
                "channel": {"id": "88", "type": 1, "last_message_id": None},
                "user": {**BOT, "id": str(user), "username": f"user{user}"},
                "token": f"token{number}",
                "version": 1,
                "app_permissions": "0",
                "locale": "en-US",
                "attachment_size_limit": 10_485_760,
            },
        )
        return f"token{number}"

    async def _dispatch(self, event: str, data: object) -> None:
        message = {"op": 0, "t": event, "s": next(self._numbers), "d": data}
        await self.gateways[-1].send_json(message)

    @property
    def routes(self) -> list[web.RouteDef]:
        """What a bot with one command calls."""
        return [
            web.get("/gateway/", self.gateway),
            web.get("/users/@me", self.me),
            web.get("/oauth2/applications/@me", self.application),
            web.put("/applications/{application}/commands", self.register),
            web.post("/interactions/{id}/{token}/callback", self.callback),
            web.patch("/webhooks/{id}/{token}/messages/@original", self.edit),
        ]

    # -------------------------------------------------------------------- the gateway

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 40_000}})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._hear(socket, json.loads(message.data)["op"])
        return socket

    async def _hear(self, socket: web.WebSocketResponse, op: int) -> None:
        if op == 1:
            await socket.send_json({"op": 11, "d": None})
        elif op == 2:
            self.gateways.append(socket)
            ready = {
                "v": 10,
                "user": BOT,
                "guilds": [],
                "session_id": "made-up",
                "resume_gateway_url": str(self.base),
                "application": {"id": APPLICATION, "flags": 0},
            }
            await self._dispatch("READY", ready)

    # ------------------------------------------------------------------------- REST

    async def me(self, request: web.Request) -> web.Response:
        return _json({**BOT, "bot": True})

    async def application(self, request: web.Request) -> web.Response:
        facts = {"id": APPLICATION, "name": "painter", "description": "", "icon": None}
        flags = {"bot_public": False, "bot_require_code_grant": False, "flags": 0}
        return _json({**facts, **flags, "owner": BOT, "verify_key": "", "team": None})

    async def register(self, request: web.Request) -> web.Response:
        commands = await request.json()
        self.commands = [command["name"] for command in commands]
        kept = {"id": "77", "application_id": APPLICATION, "version": "1"}
        return _json(
            [{**kept, "default_member_permissions": None, **c} for c in commands]
        )

    async def callback(self, request: web.Request) -> web.Response:
        token, body = request.match_info["token"], await request.json()
        data = body.get("data") or {}
        kind = {4: "message", 5: "defer"}[body["type"]]
        private = bool(data.get("flags", 0) & 64)
        self.hear(token, kind, data.get("content"), private=private)
        if request.query.get("with_response") != "1":
            return web.Response(status=204)
        done = {"id": request.match_info["id"], "type": 2}
        resource = {"type": body["type"], "message": self._message(data.get("content"))}
        return _json({"interaction": done, "resource": resource})

    async def edit(self, request: web.Request) -> web.Response:
        files: list[bytes] = []
        if request.content_type == "application/json":
            body = await request.json()
        else:
            form = await request.post()
            body = json.loads(str(form["payload_json"]))
            uploads = (form[name] for name in form if name.startswith("files["))
            files = [u.file.read() for u in uploads if isinstance(u, web.FileField)]
        content = body.get("content")
        if not self.hear(request.match_info["token"], "edit", content, files=files):
            return _json({"code": 50027, "message": "no"}, status=400)
        return _json(self._message(content))

    def _message(self, content: str | None) -> dict[str, Any]:
        empty: dict[str, Any] = {
            name: []
            for name in (
                "attachments",
                "embeds",
                "mentions",
                "mention_roles",
                "components",
            )
        }
        return {
            **empty,
            "id": str(next(self._numbers)),
            "channel_id": "88",
            "author": BOT,
            "content": content or "",
            "timestamp": "2025-01-01T00:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "pinned": False,
            "type": 0,
            "flags": 0,
        }
