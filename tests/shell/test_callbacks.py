"""Callbacks in virtual time: hints to the poller, trust, forgeries and rescue."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import pytest
from attrs import define, field

from liangxin_async import (
    CallbackTaken,
    ConnectionLostError,
    Flux2Pro,
    LiangxinError,
    Polling,
    SaturatedError,
    SessionClosedError,
    SubmitAccepted,
    SubmitUnknownError,
    TaskHandle,
    TaskLostError,
    TaskSettled,
    ZImage,
)
from liangxin_async._callbacks import _DOUBTS
from liangxin_async._core.schedule import Agenda
from liangxin_async._core.trust import LOOKS, Watch
from liangxin_async.dialects import CallbackNote

from .fakes import SATURATED, FakeService, reply, session_on
from .test_keeper import Notes

pytestmark = pytest.mark.anyio

CAT = ZImage("a cat")
HOST = "https://bot.example/liangxin"


@define(eq=False)
class Bot:
    """A session with a receiver, on a service that calls back `late` seconds after the
    end of a task (None: never), and everything that the observer was told."""

    service: FakeService = field(factory=FakeService)
    late: float | None = 0.01
    settings: dict[str, Any] = field(factory=dict)
    told: list[Any] = field(factory=list)
    urls: list[str] = field(factory=list)
    session: Any = None

    async def __aenter__(self) -> Bot:
        before = self.service.on_create

        def on_create(body: dict[str, Any]) -> Any:
            self.urls.append(body["callBackUrl"])
            made = len(self.service.ends)
            answer = before(body) or self.service._accept(body)
            if self.late is not None and len(self.service.ends) > made:
                at = self.service.ends[f"task_{made}"] + self.late
                loop = self.session._runtime.loop
                loop.call_at(at, self.call, body["callBackUrl"], f"task_{made}")
            return answer

        self.service.on_create = on_create
        self.session = session_on(
            self.service, callback_url=HOST, observer=self.told.append, **self.settings
        )
        self.session._settings.paths.is_received = True
        await self.session.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.aclose()

    def call(self, url: str, task_id: str, *, is_over: bool = True) -> None:
        """A callback comes on `url`."""
        key = self.session._settings.paths.read(url.rpartition("/")[2])
        assert key is not None
        self.session._runtime.called_back(key, CallbackNote(task_id, is_over))

    def told_of(self, kind: type) -> list[Any]:
        return [event for event in self.told if type(event) is kind]

    @property
    def counts(self) -> tuple[int, int, int]:
        stats = self.session.stats
        return stats.callback_hits, stats.callback_misses, stats.callback_forgeries

    @property
    def kept(self) -> int:
        return len(self.session._runtime.callbacks._expected)


async def run_tasks(bot: Bot, count: int) -> list[float]:
    """Run tasks all at once; return by how much each end was seen late, in order."""
    return await lags_of(bot.session, bot.service, count)


async def lags_of(session: Any, service: FakeService, count: int) -> list[float]:
    lags: list[float] = []
    async for outcome in session.map([ZImage(f"p{n}") for n in range(count)]):
        outcome.unwrap()
        lags.append(anyio.current_time() - service.ends[outcome.task_id])
    return sorted(lags)


# -------------------------------------------------------------------------- hints


async def test_callback_makes_the_poller_look_at_once() -> None:
    """The first task already ends when its callback comes, with one query."""
    async with Bot(FakeService(duration=0.7)) as bot:
        handle = await bot.session.submit(CAT)
        await handle
        end = bot.service.ends[handle.task_id]
        assert anyio.current_time() == pytest.approx(end + 0.02)
        assert bot.service.queries == {handle.task_id: 1}
        assert bot.counts == (1, 0, 0)
        (event,) = bot.told_of(CallbackTaken)
        assert (event.task_id, event.at) == (handle.task_id, pytest.approx(end + 0.01))
        assert bot.kept == 0


async def test_callback_paths_are_unguessable_and_one_for_each_create() -> None:
    """Below the URL that was given; a create that names its own has none of ours."""
    async with Bot(late=None) as bot:
        for _ in range(3):
            await bot.session.submit(CAT)
        own = ZImage("a dog", callback_url="https://mine.example/x")
        await bot.session.submit(own)
        *ours, given = bot.urls
        assert given == "https://mine.example/x"
        assert len(set(ours)) == 3
        assert all(url.startswith(HOST + "/") and len(url) == 73 for url in ours)
        assert bot.kept == 3


@pytest.mark.parametrize("status", [400, 500])
async def test_callback_path_repeated_by_the_service_is_masked(status: int) -> None:
    """Neither a refusal's words nor those of a create in doubt show the secret."""
    async with Bot(late=None) as bot:
        bot.service.on_create = lambda body: (
            bot.urls.append(body["callBackUrl"])
            or reply({"code": status, "msg": f"no: {body}", "data": None}, status)
        )
        with pytest.raises(LiangxinError) as caught:
            await bot.session.submit(CAT)
    (url,) = bot.urls
    shown = f"{caught.value!r} {caught.value} {vars(caught.value)} {bot.told}"
    assert url.rpartition("/")[2] not in shown
    assert f"{HOST}/[callback]" in shown


@pytest.mark.parametrize("times", [1, 2, 100])
async def test_callback_repeated_costs_one_query(times: int) -> None:
    """Duplicates change nothing, before the end is seen and after it."""
    async with Bot(FakeService(duration=0.5), late=None) as bot:
        handle = await bot.session.submit(CAT)
        await anyio.sleep(0.6)
        for _ in range(times):
            bot.call(bot.urls[0], handle.task_id)
        await handle
        for _ in range(times):
            bot.call(bot.urls[0], handle.task_id)
        await anyio.sleep(5)
        assert bot.service.queries[handle.task_id] == 1
        assert bot.counts == (1, 0, 0)
        assert len(bot.told_of(CallbackTaken)) == 1


async def test_callback_that_comes_while_a_query_is_under_way_is_not_lost() -> None:
    """The answer of that query may be older than the callback: one more follows."""
    async with Bot(FakeService(duration=1.1, latency=0.4), late=None) as bot:
        handle = await bot.session.submit(CAT)
        accepted = anyio.current_time()
        await anyio.sleep(1.1)  # the first query left at 1.0 and is answered at 1.4
        bot.call(bot.urls[0], handle.task_id)
        await handle
        assert anyio.current_time() - accepted < 1.9
        assert bot.counts == (1, 0, 0)


async def test_callback_before_the_create_was_answered_is_kept() -> None:
    """It is looked at as soon as the task id is known."""
    service = FakeService(duration=0.05, latency=1.0)
    async with Bot(service) as bot:
        handle = await bot.session.submit(CAT)
        assert anyio.current_time() > bot.service.ends[handle.task_id] + 0.1
        start = anyio.current_time()
        await handle
        assert anyio.current_time() - start == pytest.approx(1.0)
        assert bot.counts == (1, 0, 0)


async def test_callback_after_the_end_has_no_effect() -> None:
    """The poll was first: that is a miss, and the late one costs nothing."""
    async with Bot(FakeService(duration=0.9), late=3.0) as bot:
        handle = await bot.session.submit(CAT)
        await handle
        await anyio.sleep(10)
        assert bot.service.queries[handle.task_id] == 1
        assert bot.counts == (0, 1, 0)
        assert bot.kept == 0


async def test_callback_on_a_path_of_another_process_has_no_effect() -> None:
    """Same key, same secret: the path is valid, the request unknown, nothing is kept."""
    async with Bot() as bot, Bot(late=None) as other:
        handle = await bot.session.submit(CAT)
        await other.session.submit(CAT)
        for _ in range(1000):
            bot.call(bot.session._settings.paths.url(new_token(other)), "task_9")
        assert bot.service.queries == {}
        assert bot.kept == 1
        assert bot.counts == (0, 0, 0)
        await handle


def new_token(bot: Bot) -> str:
    token: str = bot.session._settings.paths.new_token()
    return token


async def test_callback_for_an_attached_task_is_a_hint() -> None:
    """After a restart the path's key is unknown, and the task that it names is ours."""
    async with Bot(late=None) as bot:
        bot.service.ends["task_old"] = anyio.current_time() + 2.0
        handle = bot.session.attach("task_old")
        await anyio.sleep(2.0)
        bot.call(f"{HOST}/{new_token(bot)}", "task_old")
        start = anyio.current_time()
        await handle
        assert anyio.current_time() - start == pytest.approx(0.01)
        assert bot.counts == (1, 0, 0)


async def test_callback_that_says_it_goes_on_is_ignored() -> None:
    """None is documented, and some service may send one."""
    async with Bot(late=None) as bot:
        handle = await bot.session.submit(CAT)
        bot.call(bot.urls[0], handle.task_id, is_over=False)
        await anyio.sleep(0.5)
        assert bot.service.queries == {}
        assert bot.counts == (0, 0, 0)


# ----------------------------------------------------------------------- forgeries


async def test_forged_end_is_denied_by_the_service_and_counted() -> None:
    """A look is made, a few times at most, and the task ends as it would have."""
    async with Bot(FakeService(duration=20.0)) as bot:
        handle = await bot.session.submit(CAT)
        for _ in range(30):
            bot.call(bot.urls[0], handle.task_id)
            await anyio.sleep(0.1)
        assert not handle.done
        assert bot.counts[2] == LOOKS
        await handle
        plain = FakeService(duration=20.0)
        async with session_on(plain) as session:
            await session.generate(CAT)
        extra = bot.service.queries[handle.task_id] - plain.queries["task_0"]
        assert extra <= LOOKS


async def test_forged_task_id_on_a_right_path_has_no_effect() -> None:
    """Another's task, ours or not, on a path that belongs to this one."""
    async with Bot(FakeService(duration=20.0), late=None) as bot:
        first = await bot.session.submit(CAT)
        second = await bot.session.submit(CAT)
        bot.call(bot.urls[0], second.task_id)
        bot.call(bot.urls[1], "task_of_nobody")
        bot.call(f"{HOST}/{new_token(bot)}", first.task_id)
        await anyio.sleep(0.5)
        assert bot.service.queries == {}
        assert bot.counts == (0, 0, 3)


async def test_forged_early_callback_gives_way_to_the_answer() -> None:
    """The create's own answer decides which task it is."""
    async with Bot(FakeService(latency=1.0, duration=5.0), late=None) as bot:
        bot.service.on_create = _calling(bot, "task_7")
        handle = await bot.session.submit(CAT)
        assert handle.task_id == "task_0"
        assert bot.counts == (0, 0, 2)
        assert bot.service.queries == {}


def _calling(bot: Bot, *ids: str) -> Callable[[dict[str, Any]], None]:
    """During the create, a callback for each id, and one more for a third task."""

    def on_create(body: dict[str, Any]) -> None:
        for task_id in (*ids, "task_8"):
            bot.call(body["callBackUrl"], task_id)

    return on_create


# --------------------------------------------------------------------------- trust


def lognormal(median: float, sigma: float = 0.5) -> Callable[[Any], float]:
    return lambda dice: median * dice.lognormvariate(0.0, sigma)


async def test_with_callbacks_500_tasks_cost_hardly_more_than_a_query_each() -> None:
    """Nothing known before: trust comes with the first that end."""
    async with Bot(FakeService(duration=lognormal(2.0))) as bot:
        lags = await run_tasks(bot, 500)
        assert sum(bot.service.queries.values()) <= 550
        assert lags[250] < 0.1
        hits, misses, forgeries = bot.counts
        assert hits + misses == 500
        assert misses < 10
        assert forgeries == 0
        assert bot.kept == 0


@pytest.mark.parametrize("median", [0.3, 2.0, 20.0, 120.0])
async def test_with_trust_every_pace_costs_about_a_query(median: float) -> None:
    """Known from a run before; long tasks are asked about at the ceiling too."""
    async with Bot(FakeService(duration=lognormal(median))) as bot:
        await run_tasks(bot, 50)
        bot.service.queries.clear()
        lags = await run_tasks(bot, 200)
        queries = sum(bot.service.queries.values()) / 200
        # Beyond the ceiling of 30 s each is asked about, so that none is lost for long.
        assert queries <= 1.05 + (0.25 if median == 20 else median // 30)
        assert lags[100] < 0.1


async def test_without_callbacks_nothing_is_later_than_without_a_receiver() -> None:
    """A URL whose callbacks never come: the same queries at the same times."""
    async with Bot(FakeService(duration=lognormal(3.0)), late=None) as bot:
        start = anyio.current_time()
        await run_tasks(bot, 100)
        times = [at - start for at in bot.service.query_times]
        assert bot.counts == (0, 100, 0)
    plain = FakeService(duration=lognormal(3.0))
    async with session_on(plain) as session:
        start = anyio.current_time()
        await lags_of(session, plain, 100)
        assert times == pytest.approx([at - start for at in plain.query_times])


async def test_when_callbacks_stop_the_trust_is_lost_quickly() -> None:
    """The first few overdue tasks show it, and all others are asked about at once:
    when 98 of 100 would have ended, by an estimate that is some 7 seconds here."""
    async with Bot(FakeService(duration=lognormal(2.0))) as bot:
        await run_tasks(bot, 100)
        bot.late = None
        lags = await run_tasks(bot, 100)
        assert bot.counts[1] >= 98
        assert lags[-1] < 8.0
        lags = await run_tasks(bot, 100)
        assert lags[50] < 1.0  # the usual lag again


async def test_single_lost_callback_is_found_in_bounded_time() -> None:
    """Trust holds, and the one that waits in vain is asked about in the end."""
    async with Bot(FakeService(duration=2.0)) as bot:
        await run_tasks(bot, 50)
        bot.late = None
        handle = await bot.session.submit(CAT)
        await handle
        assert anyio.current_time() - bot.service.ends[handle.task_id] < 2.0
        bot.late = 0.01
        await run_tasks(bot, 20)
        assert bot.counts == (70, 1, 0)


async def test_unknown_model_with_trust_waits_no_longer_than_the_ceiling() -> None:
    """Trust was won with another model; of this one nothing is known."""
    settings = {"polling": Polling(ceiling=8.0)}
    async with Bot(FakeService(duration=1.0), settings=settings) as bot:
        await run_tasks(bot, 20)
        bot.late, bot.service.duration = None, 30.0
        handle = await bot.session.submit(Flux2Pro("a cat"))
        bot.service.query_times.clear()
        await handle
        gaps = [0.0, *bot.service.query_times]
        gaps[0] = bot.service.ends[handle.task_id] - 30.0
        spaces = [b - a for a, b in pairwise(gaps)]
        assert len(spaces) <= 6
        assert max(spaces) <= 8.2


async def test_callbacks_teach_the_pace_of_a_model() -> None:
    """The age at the callback is how long the task took, though nobody had asked."""
    async with Bot(FakeService(duration=4.0)) as bot:
        await run_tasks(bot, 30)
        pace = bot.session._runtime.poller._paces["z-image"]
        assert pace.age_by(0.5) == pytest.approx(4.0, rel=0.15)


HELD_UP: dict[str, tuple[bool, Any]] = {  # whether a query is under way, its answer
    "too early": (True, None),
    "lost": (True, ConnectionLostError("reset")),
    "lost look": (False, ConnectionLostError("reset")),
}


@pytest.mark.parametrize(("under_way", "answer"), HELD_UP.values(), ids=HELD_UP)
async def test_hint_goes_first_until_a_query_answers_it(
    under_way: bool, answer: Any
) -> None:
    """Also where queries are rationed and the query at hand came too early or failed:
    a round of all others takes 50 seconds here."""
    service = FakeService(latency=0.4)
    async with session_on(service, polling=Polling(max_rate=2.0)) as session:
        for number in range(100):
            service.ends[f"task_{number}"] = anyio.current_time() + 1e6
            session.attach(f"task_{number}", model="z-image")
        await anyio.sleep(60.6)
        poller = session._runtime.poller
        open_ = poller._open.values()
        handle = next(t.handle for t in open_ if t.asking is under_way)
        service.ends[handle.task_id] = start = anyio.current_time()
        answers = [answer or service.record(handle.task_id, state="generating")]
        service.on_query = lambda asked: (
            answers.pop() if answers and asked == handle.task_id else None
        )
        assert poller.hint(handle.task_id)
        await handle
        assert anyio.current_time() - start < 3.0


class Counting(Agenda):
    """An agenda that counts how often the earliest date is looked for."""

    looks = 0

    def next_due(self) -> float | None:
        self.looks += 1
        return super().next_due()


async def test_when_trust_ends_all_tasks_are_planned_in_one_go() -> None:
    """The earliest of many dates is looked for once, and not for each task: with
    thousands of tasks the loop would stand still meanwhile."""
    async with Bot(late=None) as bot:
        poller = bot.session._use().poller
        for number in range(300):
            handle = TaskHandle(f"other_{number}", model="z-image")
            watch = Watch(is_expected=True)
            poller.follow(handle, permit=None, watch=watch)
        poller._agenda = counting = Counting()
        poller._idle.append(poller._loop.create_future())  # somebody waits for a date
        poller._catch_up(anyio.current_time())
        assert len(counting) == 300
        assert counting.looks == 1


# -------------------------------------------------------------------------- rescue


def lose_answers(service: FakeService) -> None:
    """Every create is accepted, and its answer is lost."""

    def on_create(body: dict[str, Any]) -> Any:
        service._accept(body)
        return ConnectionLostError("reset")

    service.on_create = on_create


class LosesLate(FakeService):
    """Accepts a create, and breaks the connection 3 seconds later."""

    async def create(self, request: Any, departure: Any) -> Any:
        departure.left = True
        self.on_create(json.loads(request.body))
        await anyio.sleep(3)
        raise ConnectionLostError("reset")


def losing_bot(service: FakeService | None = None, **how: Any) -> Bot:
    """A bot whose creates' answers are lost, and whose tasks call back all the same."""
    service = FakeService() if service is None else service
    lose_answers(service)
    return Bot(service, **how)


async def lost(bot: Bot) -> SubmitUnknownError:
    with pytest.raises(SubmitUnknownError) as caught:
        await bot.session.submit(CAT)
    return caught.value


async def test_rescue_gives_the_handle_of_a_lost_create() -> None:
    """The callback names the task, a query confirms it, and the wait ends."""
    async with losing_bot() as bot:
        error = await lost(bot)
        assert error.rescue is not None
        handle = await error.rescue(60)
        assert handle.task_id == "task_0"
        assert handle.request == CAT
        assert (await handle).urls
        assert bot.session.stats.accepted == 1
        assert bot.counts == (1, 0, 0)
        assert bot.session.stats.in_flight == 0
        assert await error.rescue(0) is handle
        order = [SubmitAccepted, CallbackTaken, TaskSettled]
        assert [type(e) for e in bot.told if type(e) in order] == order
        assert bot.kept == 0


async def test_rescue_happens_though_nobody_waits() -> None:
    """The task appears in `pending` and at the observer, and can be had later."""
    async with losing_bot() as bot:
        error = await lost(bot)
        await anyio.sleep(60)
        (event,) = bot.told_of(SubmitAccepted)
        assert event.detached
        assert event.task_id == "task_0"
        assert error.rescue is not None
        assert (await (await error.rescue(0))).urls


async def test_rescue_by_itself_within_submit_and_generate() -> None:
    """`rescue_timeout` turns the lost create into the task that it made."""
    async with losing_bot() as bot:
        handle = await bot.session.submit(CAT, rescue_timeout=60)
        assert handle.task_id == "task_0"
        result = await bot.session.generate(CAT, rescue_timeout=60)
        assert result.task_id == "task_1"


async def test_rescue_in_vain_raises_the_error_again() -> None:
    """After the time that was given; it can be tried once more."""
    async with losing_bot(late=None) as bot:
        error = await lost(bot)
        assert error.rescue is not None
        start = anyio.current_time()
        with pytest.raises(SubmitUnknownError) as caught:
            await error.rescue(30)
        assert anyio.current_time() - start == pytest.approx(30)
        again = caught.value
        assert again is not error
        assert (str(again), again.__cause__) == (str(error), error.__cause__)
        bot.call(bot.urls[0], "task_0")
        assert again.rescue is not None
        assert (await again.rescue(30)).task_id == "task_0"


async def test_rescue_shows_how_it_stands() -> None:
    """In a debugger or a log, without prompt and path: not as an object at 0x7f..."""
    async with losing_bot(late=None) as bot:
        error, other = await lost(bot), await lost(bot)
        shown = "<rescue of a create for z-image: in doubt>"
        assert repr(error.rescue) == repr(other.rescue) == shown
        bot.call(bot.urls[0], "task_0")
        await anyio.sleep(1)
        told = "<rescue of a create for z-image: it made task task_0>"
        assert repr(error.rescue) == told
    assert repr(other.rescue) == shown.replace("in doubt", "over")


async def test_rescue_is_not_there_without_a_receiver() -> None:
    """Nor in a copy: there is nothing that could wait in another process."""
    async with losing_bot(late=None) as bot:
        error = await lost(bot)
        for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert other.rescue is None
            assert str(other) == str(error)
        bot.session._settings.paths.is_received = False
        assert (await lost(bot)).rescue is None
        with pytest.raises(SubmitUnknownError):
            await bot.session.submit(CAT, rescue_timeout=1000)
        assert bot.kept == 1


async def test_rescue_waiters_are_independent() -> None:
    """Cancelling one touches no other, and closing ends all with the error."""
    async with losing_bot(late=None) as bot:
        error = await lost(bot)
        ended: list[str] = []

        async def wait() -> None:
            assert error.rescue is not None
            try:
                await error.rescue(1000)
            except SubmitUnknownError:
                ended.append("unknown")

        async with anyio.create_task_group() as group:
            inner = anyio.CancelScope()

            async def cancelled() -> None:
                with inner:
                    await wait()

            for call in (wait, cancelled, wait):
                group.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            inner.cancel()
            await anyio.wait_all_tasks_blocked()
            assert ended == []
            await bot.session.aclose()
        assert ended == ["unknown"] * 2
        with pytest.raises(SubmitUnknownError):
            await wait_raw(error)


async def wait_raw(error: SubmitUnknownError) -> TaskHandle:
    assert error.rescue is not None
    return await error.rescue(5)


@pytest.mark.parametrize(
    ("param", "fits"),
    [
        ({"model": "z-image", "input": {"prompt": "a cat"}}, True),
        ({"model": "z-image", "input": {"prompt": "a cat", "steps": 8}}, True),
        ("", True),
        ("not JSON", True),
        ({"model": "z-image", "input": {"prompt": "a dog"}}, False),
        ({"model": "flux-2-pro", "input": {"prompt": "a cat"}}, False),
    ],
)
async def test_rescue_is_checked_against_the_echo(param: Any, fits: bool) -> None:
    """A record that echoes another request is another's task: no rescue, a forgery."""
    async with losing_bot() as bot:
        text = param if isinstance(param, str) else json.dumps(param)
        bot.service.on_query = lambda task_id: bot.service.record(task_id, param=text)
        error = await lost(bot)
        if fits:
            assert (await wait_raw(error)).task_id == "task_0"
            return
        with pytest.raises(SubmitUnknownError):
            await wait_raw(error)
        assert bot.counts == (0, 0, 1)
        assert bot.session.pending == ()


async def test_rescue_by_another_requests_task_is_refused() -> None:
    """A task id belongs to one request only."""
    async with Bot(FakeService(duration=50.0), late=None) as bot:
        handle = await bot.session.submit(CAT)
        lose_answers(bot.service)
        url: list[str] = []
        before = bot.service.on_create

        def on_create(body: dict[str, Any]) -> Any:
            url.append(body["callBackUrl"])
            return before(body)

        bot.service.on_create = on_create
        error = await lost(bot)
        bot.call(url[0], handle.task_id)
        with pytest.raises(SubmitUnknownError):
            await wait_raw(error)
        assert bot.counts[2] == 1
        bot.call(url[0], "task_1")
        assert (await wait_raw(error)).task_id == "task_1"


async def test_rescue_looks_are_bounded() -> None:
    """Ids that do not fit cost a few queries for each lost create, however many come."""
    async with losing_bot(late=None) as bot:
        bot.service.on_query = lambda task_id: bot.service.record(
            "task_0", taskId=task_id, model="z-image", param='{"model":"other"}'
        )
        error = await lost(bot)
        for number in range(50):
            bot.call(bot.urls[0], f"task_{number}")
            await anyio.sleep(0.1)
        assert sum(bot.service.queries.values()) == LOOKS
        assert error.rescue is not None


async def test_rescue_survives_queries_that_fail() -> None:
    """The service will not call again, so we ask again."""
    async with losing_bot() as bot:
        answers = [ConnectionLostError("reset"), reply({"code": 500}, 500)]
        bot.service.on_query = lambda task_id: answers.pop() if answers else None
        error = await lost(bot)
        assert error.rescue is not None
        assert (await error.rescue(60)).task_id == "task_0"


async def test_rescue_by_a_callback_that_came_before_the_answer_was_lost() -> None:
    """Kept while the create was under way, and used the moment it is in doubt."""
    async with Bot(LosesLate(duration=0.1)) as bot:
        start = anyio.current_time()
        error = await lost(bot)
        assert anyio.current_time() - start == 3.0
        assert error.rescue is not None
        assert (await (await error.rescue(5))).task_id == "task_0"
        assert bot.counts == (1, 0, 0)


async def test_rescue_after_the_deadline_takes_the_answer_or_the_callback() -> None:
    """The create was under way when the time ran out: its own answer is the rescue."""
    async with Bot(FakeService(latency=4.0)) as bot:
        with pytest.raises(SubmitUnknownError) as caught:
            await bot.session.submit(CAT, timeout=1)
        assert (await wait_raw(caught.value)).task_id == "task_0"
        handle = await bot.session.submit(CAT, timeout=1, rescue_timeout=10)
        assert handle.task_id == "task_1"
        bot.service.on_create = lambda body: SATURATED
        with pytest.raises(SaturatedError):
            await bot.session.submit(CAT, timeout=1, rescue_timeout=10)
        lose_answers(bot.service)
        with pytest.raises(SubmitUnknownError):
            await bot.session.submit(CAT, timeout=1, rescue_timeout=10)


async def test_rescue_writes_the_row_before_anybody_is_told() -> None:
    """In doubt, then accepted: the one step that an unknown may take."""
    async with losing_bot() as bot:
        notes = Notes(slow=1.0)
        submitter = bot.session._use().submitter
        with pytest.raises(SubmitUnknownError) as caught:
            await submitter.submit(CAT, timeout=None, priority=0, keeper=notes)
        handle = await caught.value.rescue(60)
        steps = ["sending", "written", "doubt SubmitUnknownError"]
        assert notes.seen == [*steps, f"accepted {handle.task_id}"]


async def test_rescued_task_that_is_lost_again_was_charged_for() -> None:
    """It was shown once, so that it exists for certain."""
    async with losing_bot() as bot:
        handle = await wait_raw(await lost(bot))
        gone = reply({"code": 422, "msg": "recordInfo is null", "data": None})
        bot.service.on_query = lambda task_id: gone
        with pytest.raises(TaskLostError) as caught:
            await handle
        assert caught.value.charged == "yes"


async def test_rescue_ends_with_the_session_though_its_row_is_not_written() -> None:
    """A keeper that hangs holds up nobody's wait beyond the session's end."""
    async with losing_bot() as bot:
        notes = Notes()
        submitter = bot.session._use().submitter
        with pytest.raises(SubmitUnknownError) as caught:
            await submitter.submit(CAT, timeout=None, priority=0, keeper=notes)
        notes.slow = 1e6
        start = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(close_after, bot.session, 4.0)
            handle = await caught.value.rescue(1e5)
        assert anyio.current_time() - start == pytest.approx(4)
        assert (await handle).task_id == "task_0"


async def close_after(session: Any, delay: float) -> None:
    await anyio.sleep(delay)
    await session.aclose()


async def test_rescue_keeps_a_bounded_number_of_creates() -> None:
    """Of many in doubt the oldest are forgotten; whoever waits for one is told."""
    async with losing_bot(late=None) as bot:
        errors = [await lost(bot) for _ in range(_DOUBTS + 5)]
        assert bot.kept == _DOUBTS
        with pytest.raises(SubmitUnknownError):
            await wait_raw(errors[0])
        bot.call(bot.urls[0], "task_0")
        assert bot.service.queries == {}
        bot.call(bot.urls[-1], f"task_{_DOUBTS + 4}")
        assert (await wait_raw(errors[-1])).task_id == f"task_{_DOUBTS + 4}"


async def test_refused_and_unsent_creates_leave_nothing_behind() -> None:
    """Only what may become a task is kept."""
    answers: list[Any] = [SATURATED, SATURATED, reply({"code": 400, "msg": "no"}, 400)]
    async with Bot(late=None) as bot:
        bot.service.on_create = lambda body: answers.pop(0)
        with pytest.raises(Exception, match="no"):
            await bot.session.submit(CAT)
        bot.service.connecting = 5.0
        with anyio.move_on_after(1):
            await bot.session.submit(CAT)
        await anyio.sleep(10)
        assert bot.kept == 0


async def test_session_without_a_receiver_keeps_nothing() -> None:
    """The path is sent all the same, and no query is put off."""
    async with Bot(FakeService(duration=0.5), late=None) as bot:
        bot.session._settings.paths.is_received = False
        await run_tasks(bot, 20)
        assert bot.counts == (0, 0, 0)
        assert bot.kept == 0
        assert len(set(bot.urls)) == 20


async def test_callbacks_after_closing_have_no_effect() -> None:
    """A late delivery meets a closed session, and nothing is raised."""
    async with Bot(late=None) as bot:
        handle = await bot.session.submit(CAT)
        await bot.session.aclose()
        bot.call(bot.urls[0], handle.task_id)
        with pytest.raises(SessionClosedError):
            await handle
