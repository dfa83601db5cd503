"""The bots of the recipes, with their real libraries, each on its chat service.

Each is opened in one asyncio task and closed in another, as its library does it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from attrs import frozen
from yarl import URL

from liangxin_async import Session
from liangxin_async.emulator import Emulator

from .chat import Chat, listening
from .conftest import Recipe, Start
from .serving import until
from .small_discord import SmallDiscord
from .small_telegram import SmallTelegram


@frozen
class Bot:
    """A bot at work: its recipe, its session, whom it draws for, and where it chats."""

    recipe: Recipe
    session: Session
    drawing: Collection[Any]
    chat: Chat


@asynccontextmanager
async def discord_bot(
    start: Start, emulator: Emulator, patch: pytest.MonkeyPatch
) -> AsyncIterator[Bot]:
    """discord.py: `setup_hook` runs in the client's asyncio task, `close` in ours."""
    import discord
    import discord.gateway
    import discord.http

    served: list[tuple[Any, str]] = []
    patch.setattr(discord.Client, "run", lambda *given: served.append(given))
    patch.setenv("DISCORD_TOKEN", "made-up")
    chat = SmallDiscord(lambda: emulator.ledger.posts)
    async with listening(chat, chat.routes):
        patch.setattr(discord.http.Route, "BASE", chat.base)
        gateway = URL(chat.base) / "gateway/"
        patch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
        recipe = start("discord")
        [(client, token)] = served
        # It waits for guilds, of which there are none, and forgets that when it closes.
        client._connection.guild_ready_timeout = 0.0
        async with anyio.create_task_group() as group:
            group.start_soon(client.start, token)
            try:
                await until(lambda: client.is_ready())
                assert chat.commands == ["draw"]
                yield Bot(recipe, client.session, client.drawing, chat)
            finally:
                with anyio.fail_after(20):
                    await client.close()
                    await client.close()  # as after `async with`


@asynccontextmanager
async def telegram_bot(
    start: Start, emulator: Emulator, patch: pytest.MonkeyPatch
) -> AsyncIterator[Bot]:
    """python-telegram-bot: the steps of `run_polling`, each a run of its own there."""
    from telegram.ext import Application, ApplicationBuilder

    async def in_its_own_task(*steps: Callable[[], Any]) -> None:
        for step in steps:
            await asyncio.create_task(step())

    served: list[Any] = []
    patch.setattr(Application, "run_polling", lambda app: served.append(app))
    patch.setenv("TELEGRAM_TOKEN", "1:made-up")
    chat = SmallTelegram(lambda: emulator.ledger.posts)
    async with listening(chat, chat.routes):
        here = ApplicationBuilder().base_url(f"{chat.base}/bot")
        patch.setattr(Application, "builder", lambda: here)
        recipe = start("telegram")
        [app] = served
        begin, end = app.post_init, app.post_stop
        await in_its_own_task(
            app.initialize, lambda: begin(app), app.updater.start_polling, app.start
        )
        try:
            yield Bot(recipe, recipe.session, recipe.drawing, chat)
        finally:
            with anyio.fail_after(20):
                await in_its_own_task(
                    app.updater.stop, app.stop, lambda: end(app), app.shutdown
                )


RUN = {"discord": discord_bot, "telegram": telegram_bot}
