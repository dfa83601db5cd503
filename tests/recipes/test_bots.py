"""The recipes for discord.py and python-telegram-bot, on chat services of the tests."""

from __future__ import annotations

import anyio
import pytest

from liangxin_async._gate import Ticket
from liangxin_async.emulator import Emulator, Failure, Fixed, InFlight, Scenario

from .bots import RUN
from .conftest import Start
from .serving import finish, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("name", RUN),
    # discord.py's voice part imports the first, up to Python 3.12; to aiohttp it speaks
    # as one did before 3.11, up to discord.py 2.7.0.
    pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings(
        "ignore:parameter 'timeout' of type 'float':DeprecationWarning"
    ),
]

LIVELY = Scenario.from_dict({"preset": "market", "duration": 8, "visible_after": 0})


async def test_bot_answers_with_the_picture(
    name: str, start: Start, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acknowledged before the create, then the file itself; one create, one picture."""
    async with RUN[name](start, emulator, monkeypatch) as bot:
        fox = await bot.chat.ask(1, "a fox")
        await until(lambda: bot.chat.ended(fox))
        first, *_, last = bot.chat.answers(fox)
        assert first.creates == 0
        assert last.files[0].startswith(b"\x89PNG")
        assert not last.text
    assert emulator.ledger.accepted_by_prompt == {"a fox": 1}
    assert "closed" in repr(bot.session)


async def test_bot_edits_at_its_pace_and_never_after_the_end(
    name: str, start: Start, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many changes, few edits; one that the chat refuses costs no picture."""
    await emulator.play(LIVELY)
    pace = 0.6
    async with RUN[name](start, emulator, monkeypatch) as bot:
        bot.recipe.set(pace=pace)
        bot.chat.refuse_edits = 1
        began = anyio.current_time()
        fox = await bot.chat.ask(1, "a fox")
        await until(lambda: len(bot.chat.progress(fox)) >= 4)
        edits = len(bot.chat.progress(fox)) + 1  # with the refused
        assert (edits - 1) * pace <= anyio.current_time() - began
        finish(emulator)
        await until(lambda: bot.chat.ended(fox))
        said = bot.chat.answers(fox)
        await anyio.sleep(2 * pace)
        assert bot.chat.answers(fox) == said
        texts = [news.text for news in bot.chat.progress(fox)]
        assert len(set(texts)) == len(texts)
        assert all(text and text.endswith("%") for text in texts[-2:])
        assert not any("success" in (text or "") for text in texts)


async def test_bot_forty_requests_do_not_hold_up_another_user(
    name: str,
    start: Start,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    granted: list[Ticket],
) -> None:
    """All are acknowledged though nothing is free; then the users take turns."""
    room = InFlight(3)
    await emulator.play(Scenario(duration=Fixed(60), capacity=(room,)))
    async with RUN[name](start, emulator, monkeypatch) as bot:
        bot.recipe.set(grace=0)
        for number in range(40):
            await bot.chat.ask(1, f"mine {number}")
        await until(lambda: bot.session.stats.accepted == 3)
        await until(lambda: len({said.request for said in bot.chat.said}) == 40)
        before = set(granted)
        theirs = await bot.chat.ask(2, "theirs")
        await until(lambda: bot.chat.answers(theirs))
        await emulator.play(Scenario(duration=Fixed(0.02), capacity=(room,)))
        finish(emulator)
        await until(lambda: bot.chat.ended(theirs))
        new = [ticket.key for ticket in granted if ticket not in before]
        assert 2 in new[:2]
        assert len(bot.drawing) > 5
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}


async def test_bot_bounds_the_open_requests_of_each_user(
    name: str, start: Start, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many is refused, another user's is not; room comes back at the end."""
    await emulator.play(Scenario(duration=Fixed(60)))
    async with RUN[name](start, emulator, monkeypatch) as bot:
        bot.recipe.set(most=1, grace=0)
        first = await bot.chat.ask(1, "one")
        await until(lambda: len(bot.session.pending) == 1)
        refused = await bot.chat.ask(1, "two")
        await until(lambda: bot.chat.answers(refused))
        assert "first" in (bot.chat.answers(refused)[0].text or "")
        await bot.chat.ask(2, "three")
        await until(lambda: len(bot.session.pending) == 2)
        finish(emulator)
        await until(lambda: bot.chat.ended(first) and not bot.drawing)
        await bot.chat.ask(1, "four")
        await until(lambda: len(bot.session.pending) == 1)
    assert sorted(emulator.ledger.accepted_by_prompt) == ["four", "one", "three"]


async def test_bot_tells_errors_in_plain_words(
    name: str, start: Start, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad prompt, a failed task, a dead key: of our account no word."""
    failing = Failure(match="forbidden", message="upstream said: secret sauce")
    await emulator.play(Scenario(duration=Fixed(0.05), failures=(failing,)))
    async with RUN[name](start, emulator, monkeypatch) as bot:

        async def told(prompt: str) -> str:
            request = await bot.chat.ask(1, prompt)
            await until(lambda: bot.chat.ended(request))
            return bot.chat.answers(request)[-1].text or ""

        assert "prompt" in await told("")
        assert "Try other words" in await told("forbidden things")
        emulator.revoke_key()
        words = await told("a fox")
        assert "our side" in words
        assert "key" not in words
    assert not any("secret" in (said.text or "") for said in bot.chat.said)


async def test_bot_tells_who_still_waits_when_it_ends(
    name: str, start: Start, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture's number is said before the connection goes; nothing is left."""
    await emulator.play(Scenario(duration=Fixed(60), capacity=(InFlight(1),)))
    async with RUN[name](start, emulator, monkeypatch) as bot:
        bot.recipe.set(grace=0)
        made = await bot.chat.ask(1, "a fox")
        await until(lambda: bot.session.pending)
        waits = await bot.chat.ask(2, "an owl")
        await until(lambda: bot.chat.answers(waits) and len(bot.drawing) == 2)
    [task] = emulator.tasks
    assert task.task_id in (bot.chat.answers(made)[-1].text or "")
    assert "restart" in (bot.chat.answers(waits)[-1].text or "")
    assert not bot.drawing
