"""How many queries a task costs for how little lag, beside the best that can be.

Virtual time: the session's own decisions (`_core.schedule`, `_core.pace`) play against
known laws of generation times. What happens when queries are limited: `rationed`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping

from benchmarks._plot import RESULTS, line_chart
from benchmarks._polling_laws import HELD_OUT, KNOWN, Draw, Times, lognormal
from benchmarks._polling_play import Interval, Seen, Setting, play
from benchmarks._report import Options, Report, Row, Spread, progress
from liangxin_async._config import Polling

QUESTION = "how many queries does a task cost, beside the best schedule with its lag?"

SETUP = (
    "Discrete-event simulation in virtual time, of the session's own decisions; "
    "nothing is known at the start.",
    "lag: mean time from a task's end to the query that sees it, as a share of the "
    "mean duration: mean(lag) / mean(duration).",
    "queries: per task, the one that sees the end included.",
    "optimal: the optimal inspection schedule for the law (Barlow and Proschan), which "
    "knows it, at the same lag; x optimal: queries as a multiple of its.",
    "session: default settings; tasks one after the other, by their number. "
    "50 abreast: tasks 200 to 500 of a run with 50 at a time, after a slow start.",
    "untold: the service does not tell when a task began and ended.",
    "fixed, geometric: rules that are told the law's mean (the latter also its first "
    "percentile, to begin there) and aim at the same lag.",
    "bimodal: 70 % lognormal around 2 s, 30 % around 10 s, sigma 0.2; fixed: 2 s, 1 %. "
    "Laws with a time in their name were held out while the schedule was made.",
)

_LAG = Polling().lag
_QUICK = Polling(floor=0.01, ceiling=1e4)  # no bound decides
_STRETCHES = {"session, 1-20": (0, 20), "session, 21-120": (20, 120)}
_CHANGES = ((2.0, 4.0), (2.0, 20.0), (20.0, 2.0))
_SETTLED = 300  # tasks before the law changes
_AFTER = ((0, 10), (10, 20), (20, 50), (50, 100), (100, 200))

Rows = Iterable[Seen]


def run(options: Options) -> Report:
    """Play everything, and draw what the README shows."""
    repeats = options.choose_repeats(full=20, quick=3)
    rows: list[Row] = []
    for name, law in {**KNOWN, **({} if options.quick else HELD_OUT)}.items():
        progress(f"polling: {name}")
        rows += _known(name, law, repeats)
    for change in _CHANGES:
        progress(f"polling: median from {change[0]:g} to {change[1]:g} s")
        rows += _changed(*change, repeats)
    if not options.quick:
        _draw_trade_off(repeats)
        _draw_change(repeats)
    return Report(
        name="polling",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats, each with its own seed."),
        labels=("durations", "schedule"),
        rows=tuple(rows),
    )


def figures(rows: Rows) -> tuple[float, float]:
    """Queries per task, and lag as a share of the mean duration."""
    found = list(rows)
    lag = sum(seen.lag for seen in found) / sum(seen.duration for seen in found)
    return statistics.fmean(seen.queries for seen in found), lag


def serial(
    law: Times,
    *,
    tasks: int = 120,
    tells: bool = True,
    interval: Interval | None = None,
) -> Setting:
    """Tasks one after the other."""
    return Setting(
        models=[lambda number: law.draw],
        tasks=tasks,
        tells=tells,
        interval=interval,
        polling=_QUICK,
    )


def _known(name: str, law: Times, repeats: int) -> list[Row]:
    learning = [play(serial(law), seed).seen for seed in range(repeats)]
    untold = [play(serial(law, tells=False), seed).seen for seed in range(repeats)]
    abreast = Setting(
        models=[lambda number: law.draw],
        tasks=550,
        abreast=50,
        slow_start=4,
        polling=_QUICK,
    )
    many = [play(abreast, seed).seen for seed in range(max(1, repeats // 4))]
    found = {
        stretch: [_numbered(seen, *bounds) for seen in learning]
        for stretch, bounds in _STRETCHES.items()
    }
    found["session, 50 abreast"] = [_numbered(seen, 200, 500) for seen in many]
    found["session, untold, 21-120"] = [_numbered(seen, 20, 120) for seen in untold]
    for rule, interval in _rules(law).items():
        found[rule] = [
            play(serial(law, interval=interval), seed).seen for seed in range(repeats)
        ]
    return [
        Row((name, schedule), _figures(law, each)) for schedule, each in found.items()
    ]


def _figures(law: Times, repeats: list[list[Seen]]) -> Mapping[str, Spread]:
    each = [figures(rows) for rows in repeats]
    # The optimum is for the lag of all repeats together: of one, it is mere luck.
    queries, lag = figures(seen for rows in repeats for seen in rows)
    best = law.least_queries(lag)
    return {
        "queries": Spread.of(queries for queries, _ in each),
        "lag": Spread.of(lag for _, lag in each),
        "optimal": Spread.of([best]),
        "x optimal, all": Spread.of([queries / best]),
    }


def _numbered(rows: Rows, begin: int, end: int) -> list[Seen]:
    return [seen for seen in rows if begin <= seen.number < end]


def _rules(law: Times, lag: float = _LAG) -> dict[str, Interval]:
    """Rules without learning that reach about `lag`."""
    step, growth = 2 * lag * law.mean, 2 * lag / (1 - lag)
    first = law.sample[len(law.sample) // 100]  # hardly any ends sooner

    def fixed(age: float) -> float:
        return step

    def geometric(age: float) -> float:
        return first if age == 0 else growth * age

    return {"fixed": fixed, "geometric": geometric}


# ---------------------------------------------------------------- the law changes


def _changing(before: float, after: float) -> Setting:
    old, new = lognormal(before, 0.5), lognormal(after, 0.5)

    def model(number: int) -> Draw:
        return old if number < _SETTLED else new

    return Setting(models=[model], tasks=_SETTLED + 200, polling=_QUICK)


def _changed(before: float, after: float, repeats: int) -> list[Row]:
    law = Times(lognormal(after, 0.5))
    plays = [play(_changing(before, after), seed).seen for seed in range(repeats)]
    rows = []
    for begin, end in _AFTER:
        found = [_numbered(seen, _SETTLED + begin, _SETTLED + end) for seen in plays]
        label = f"session, {begin + 1}-{end} after"
        rows.append(
            Row((f"from {before:g} to {after:g} s", label), _figures(law, found))
        )
    return rows


# --------------------------------------------------------------------- the charts


def _draw_trade_off(repeats: int) -> None:
    law, lags = KNOWN["lognormal 0.5"], (0.03, 0.05, 0.07, 0.09, 0.13, 0.18, 0.25, 0.35)

    def points(
        make: Callable[[float], Setting], begin: int
    ) -> list[tuple[float, float]]:
        found = []
        for lag in lags:
            plays = (play(make(lag), seed).seen for seed in range(repeats))
            queries, reached = figures(
                seen for rows in plays for seen in _numbered(rows, begin, 220)
            )
            found.append((reached, queries))
        return found

    def session(lag: float) -> Setting:
        return Setting(
            models=[lambda number: law.draw],
            tasks=220,
            polling=Polling(floor=0.01, lag=lag),
        )

    def rule(name: str) -> Callable[[float], Setting]:
        return lambda lag: serial(law, tasks=220, interval=_rules(law, lag)[name])

    series = {
        "fixed interval": points(rule("fixed"), 0),
        "geometric": points(rule("geometric"), 0),
        "session, 21-220": points(session, 20),
        "optimal": [
            (point.lag, point.queries)
            for point in law.optimum
            if lags[0] <= point.lag <= lags[-1]
        ],
    }
    line_chart(
        RESULTS / "polling.svg",
        "Generation times lognormal, sigma 0.5",
        "mean lag / mean generation time",
        "queries per task",
        series,
    )


def _draw_change(repeats: int) -> None:
    plays = [play(_changing(2.0, 20.0), seed).seen for seed in range(repeats)]
    step = 10
    series: dict[str, list[tuple[float, float]]] = {"queries": [], "lag, % of mean": []}
    for begin in range(0, _SETTLED + 200, step):
        rows = [
            seen for found in plays for seen in _numbered(found, begin, begin + step)
        ]
        queries, lag = figures(rows)
        series["queries"].append((begin + step / 2, queries))
        series["lag, % of mean"].append((begin + step / 2, 100 * lag))
    line_chart(
        RESULTS / "polling_learning.svg",
        f"From nothing; after {_SETTLED} tasks the median goes from 2 to 20 s",
        "tasks",
        "per task",
        series,
    )
