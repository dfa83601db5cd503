"""What becomes of polling when recordInfo itself is limited.

In virtual time, the session's own decisions; and once in real time, a whole session
over sockets against the emulator.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterable, Mapping

from attrs import evolve

from benchmarks._polling_laws import Draw, lognormal
from benchmarks._polling_play import Play, Rule, Setting, play
from benchmarks._report import Options, Report, Row, Spread, progress
from liangxin_async import Event, PollComplete, PollFailed, Session, ZImage
from liangxin_async.emulator import Emulator, Lognormal, Scenario, TokenBucket

QUESTION = "what does polling lose when queries themselves are limited?"

SETUP = (
    "Queries above the limit are refused with 429, without Retry-After; nothing is "
    "known at the start. Way of a query 50 ms; durations lognormal.",
    "spaced: a second from each answered query to the next. bucket: 5 at once, then "
    "1 per second. window: 10 in any 10 s.",
    "one model: median 2 s, sigma 0.5. two models: half 2 s, half 30 s, sigma 0.4; one "
    "task in 50 of the '+ stuck' takes an hour.",
    "used: answered queries as a share of those that the limit allows meanwhile.",
    "lag: mean seconds from a task's end to the query that sees it. bound: that of "
    "one who is told each end and asks once about each, in order, as the limit allows.",
    "sockets: real time, a Session with default settings and the emulator, bucket.",
)

_WAY = 0.05


def spaced(rate: float) -> Rule:
    """No sooner than 1 / `rate` after the last that was answered."""
    free = float("-inf")

    def admits(now: float) -> bool:
        nonlocal free
        if now < free:
            return False
        free = now + 1 / rate
        return True

    return admits


def bucket(rate: float, size: float) -> Rule:
    tokens, filled = size, 0.0

    def admits(now: float) -> bool:
        nonlocal tokens, filled
        tokens, filled = min(size, tokens + (now - filled) * rate), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return admits


def window(count: int, span: float) -> Rule:
    taken: list[float] = []

    def admits(now: float) -> bool:
        taken[:] = [at for at in taken if at > now - span]
        if len(taken) >= count:
            return False
        taken.append(now)
        return True

    return admits


def _one(number: int) -> Draw:
    return lognormal(2, 0.5)


def _quick(number: int) -> Draw:
    return lognormal(2, 0.4)


def _slow(number: int) -> Draw:
    return lognormal(30, 0.4)


def _sticking(number: int) -> Draw:
    return _quick(number) if number % 50 else lognormal(3600, 0.0)


BURST = Setting(models=[_one], tasks=60, abreast=60, way=_WAY, admits=lambda: spaced(1))
STREAM = evolve(BURST, tasks=10_000, abreast=50, until=300.0)
_TWO = evolve(STREAM, models=[_quick, _slow], admits=lambda: bucket(5, 5))
# name: (setting, queries per second that it allows)
REGIMES: dict[str, tuple[Setting, float]] = {
    "G, 60 tasks, spaced": (BURST, 1),
    "G, 60 tasks, bucket": (evolve(BURST, admits=lambda: bucket(1, 5)), 1),
    "G, 60 tasks, window": (evolve(BURST, admits=lambda: window(10, 10)), 1),
    "G, 50 abreast, spaced": (STREAM, 1),
    "G, 50 abreast, bucket": (evolve(STREAM, admits=lambda: bucket(1, 5)), 1),
    "two models, 5/s": (_TWO, 5),
    "two models, 10/s": (evolve(_TWO, admits=lambda: bucket(10, 10)), 10),
    "two models + stuck, 5/s": (evolve(_TWO, models=[_sticking, _slow]), 5),
}


def run(options: Options, *, tasks: int = 40) -> Report:
    """Play all regimes; `tasks` are those of the run in real time."""
    repeats = options.choose_repeats(full=5, quick=2)
    rows = []
    for name, (setting, rate) in REGIMES.items():
        progress(f"rationed: {name}")
        plays = [play(setting, seed) for seed in range(repeats)]
        rows.append(Row((name,), _figures(plays, rate)))
    if not options.quick:
        progress(f"rationed: sockets, about {tasks * 1.2:.0f} s")
        rows.append(Row(("G over sockets",), asyncio.run(over_sockets(tasks))))
    return Report(
        name="rationed",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats; {tasks} tasks over sockets."),
        labels=("regime",),
        rows=tuple(rows),
    )


def bound(ends: Iterable[float], rate: float) -> float:
    """Mean lag when each end takes one query, in order, at most `rate` per second."""
    free, lags = float("-inf"), []
    for end in sorted(ends):
        free = max(end, free + 1 / rate)
        lags.append(free - end)
    return statistics.fmean(lags)


def _figures(plays: list[Play], rate: float) -> Mapping[str, Spread]:
    figures = {
        "used": Spread.of(p.answered / (rate * p.now) for p in plays),
        "refused/answered": Spread.of(p.refused / p.answered for p in plays),
        "queries/task": Spread.of(p.answered / len(p.seen) for p in plays),
        "lag s": Spread.of(statistics.fmean(s.lag for s in p.seen) for p in plays),
        "bound s": Spread.of(bound((s.ended for s in p.seen), rate) for p in plays),
        "greatest lag s": Spread.of(max(s.lag for s in p.seen) for p in plays),
    }
    for model in range(1, len(plays[0].setting.models)):
        figures["lag s, slow model"] = Spread.of(
            statistics.fmean(s.lag for s in p.seen if s.model == model) for p in plays
        )
    return figures


async def over_sockets(tasks: int) -> Mapping[str, Spread]:
    """One query per second, `tasks` tasks at once, a real session and the emulator."""
    key = "the-key-of-the-emulator"
    scenario = Scenario(
        seed=1, duration=Lognormal(2.0, 0.5), queries=TokenBucket(1, 1.0, burst=5)
    )
    answered = refused = 0

    def observe(event: Event) -> None:
        nonlocal answered, refused
        answered += isinstance(event, PollComplete)
        refused += isinstance(event, PollFailed)

    ends, lags = [], []
    async with Emulator(scenario=scenario, api_key=key) as emulator:
        began = time.time()  # the service's times are of the wall clock, too
        async with Session(
            key, base_url=emulator.base_url, observer=observe
        ) as session:
            batch = session.map(ZImage(f"picture {number}") for number in range(tasks))
            async for outcome in batch:
                end = outcome.unwrap().record.completed_at
                assert end is not None
                ends.append(end.timestamp())
                lags.append(time.time() - ends[-1])
        took = time.time() - began
    return {
        "used": Spread.of([answered / took]),
        "refused/answered": Spread.of([refused / answered]),
        "queries/task": Spread.of([answered / tasks]),
        "lag s": Spread.of([statistics.fmean(lags)]),
        "bound s": Spread.of([bound(ends, 1.0)]),
        "greatest lag s": Spread.of([max(lags)]),
    }
