"""What polling costs, in virtual time: a margin above what is reached today.

Lag is mean(lag) / mean(duration). Each comment says what was reached when the bound
was set; `python -m benchmarks polling rationed` has the whole picture.
"""

from __future__ import annotations

import pytest

from benchmarks._polling_laws import KNOWN, lognormal
from benchmarks._polling_play import Play, Seen, Setting, play
from benchmarks.polling import figures, serial
from benchmarks.rationed import BURST, REGIMES, bound
from liangxin_async._config import Polling


def known(name: str, *, tells: bool = True) -> list[Seen]:
    """Tasks 21 to 100, one after the other, of ten plays."""
    setting = serial(KNOWN[name], tasks=100, tells=tells)
    return [seen for seed in range(10) for seen in play(setting, seed).seen[20:]]


@pytest.mark.parametrize(
    ("name", "queries", "lag", "optimal"),
    [
        ("lognormal 0.3", 3.5, 0.1, 1.15),  # 3.2, 0.092, 1.07
        ("lognormal 0.5", 4.8, 0.1, 1.18),  # 4.5, 0.093, 1.11
        ("lognormal 1.0", 6.4, 0.11, 1.22),  # 5.8, 0.099, 1.13
        ("bimodal", 4.4, 0.1, 1.3),  # 3.9, 0.083, 1.19
        ("fixed", 1.02, 0.05, 1.02),  # 1.0, 0.036, 1.0
    ],
)
def test_polling_with_20_tasks_known(
    name: str, queries: float, lag: float, optimal: float
) -> None:
    """Few queries for little lag, and near the best that can be had for that lag."""
    made, late = figures(known(name))
    assert made <= queries
    assert late <= lag
    assert made / KNOWN[name].least_queries(late) <= optimal


def test_polling_without_the_services_times() -> None:
    """Where a service does not tell when a task ended, hardly more is needed."""
    made, late = figures(known("lognormal 0.5", tells=False))
    assert made <= 5.1  # 4.7
    assert late <= 0.1  # 0.092


def test_polling_from_nothing() -> None:
    """The first 200 tasks of a model, begun as the gate lets them."""
    setting = Setting(
        models=[lambda number: lognormal(2, 0.5)], tasks=200, abreast=50, slow_start=4
    )
    made, late = figures(seen for seed in range(3) for seen in play(setting, seed).seen)
    assert made <= 5.2  # 4.6
    assert late <= 0.12  # 0.097


@pytest.mark.parametrize(
    ("before", "after", "queries", "lag"),
    [
        (2.0, 20.0, 7.5, 0.11),  # 6.3, 0.084
        (20.0, 2.0, 4.5, 0.25),  # 2.9, 0.17
    ],
)
def test_polling_after_a_change(
    before: float, after: float, queries: float, lag: float
) -> None:
    """20 to 60 tasks after a model became ten times slower or faster."""

    def model(number: int) -> object:
        return lognormal(before if number < 200 else after, 0.5)

    setting = Setting(models=[model], tasks=260, polling=Polling(floor=0.01))  # type: ignore[list-item]
    made, late = figures(
        seen for seed in range(4) for seen in play(setting, seed).seen[220:]
    )
    assert made <= queries
    assert late <= lag


def rationed(name: str) -> Play:
    return play(REGIMES[name][0], 1)


def test_rationed_queries_lose_no_task() -> None:
    """At one query a second all 60 tasks are seen, hardly later than they must be."""
    played = play(BURST, 1)
    assert len(played.seen) == 60
    assert not played.open
    assert played.answered <= 66  # 61
    assert played.refused <= 20  # 12
    least = bound((seen.ended for seen in played.seen), 1.0)
    late = sum(seen.lag for seen in played.seen) / 60
    assert late <= 1.45 * least  # 1.3


def test_rationed_stream_uses_the_allowed_rate() -> None:
    """Most of what the service would answer is asked, with few refusals."""
    played = rationed("G, 50 abreast, spaced")
    assert played.answered >= 0.83 * 300  # 0.89
    assert played.refused <= 0.1 * played.answered  # 0.06


def test_rationed_likely_ones_first() -> None:
    """Quick tasks do not wait behind slow ones that are hardly over, nor behind some
    that never end; and the slow ones are seen too."""
    played = rationed("two models + stuck, 5/s")
    quick = [seen.lag for seen in played.seen if seen.model == 0]
    slow = [seen.lag for seen in played.seen if seen.model == 1]
    assert sum(quick) / len(quick) <= 1.5  # 1.1; 2.4 in order of the dates
    assert sum(slow) / len(slow) <= 7.0  # 5.0
    assert max(slow) <= 40.0
