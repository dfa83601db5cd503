"""When a create is refused as "saturated": rules of a scenario, and their meters.

A rule is a frozen value; `meter` starts it. A meter answers `is_full` without using
anything up, and `take` counts an accepted create, so that several rules combine: a
create that one rule refuses costs the others nothing. Instants are seconds on the
emulator's clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import define, field, frozen

from liangxin_async.emulator import _checks
from liangxin_async.emulator._checks import ScenarioError, number, one_of, text

if TYPE_CHECKING:
    from random import Random


class Load(Protocol):
    """What a meter may ask about the tasks that run."""

    def in_flight(self, model: str | None, now: float) -> int:
        """Return how many tasks of `model`, or of all models, have not ended."""


class Meter(Protocol):
    """A started rule."""

    def is_full(self, now: float, load: Load) -> bool:
        """Whether a create must be refused now."""

    def take(self, now: float) -> None:
        """Count an accepted create."""


@frozen(kw_only=True)
class Refusal:
    """How a refused call is told to slow down.

    Attributes:
        form: "B", the gateway form (the default); "C", its task form; "A", the business
            form under HTTP 429; "A200", the same under HTTP 200; "empty", no body at
            all; "quota", an empty balance dressed as a 429.
        retry_after: text of a Retry-After header, or None for none.
        data_retry_after: seconds in `data.retryAfter` of forms A and A200, or None.
    """

    form: str = field(
        default="B", validator=one_of("B", "C", "A", "A200", "empty", "quota")
    )
    retry_after: str | None = field(default=None, validator=text(optional=True))
    data_retry_after: float | None = field(
        default=None, validator=number(-math.inf, optional=True)
    )


def as_refusal(value: Refusal | str | Mapping[str, Any]) -> Refusal:
    """Take a refusal, the name of a form, or an object of its fields."""
    if isinstance(value, Refusal):
        return value
    data = {"form": value} if isinstance(value, str) else value
    return _checks.at("refusal", _checks.build, Refusal, data)


@frozen
class _Rule:
    """What all rules share.

    Attributes:
        model: the model that the rule counts, or None for all models together.
        refusal: how a create is refused by this rule.
    """

    model: str | None = field(default=None, kw_only=True, validator=text(optional=True))
    refusal: Refusal = field(factory=Refusal, kw_only=True, converter=as_refusal)


@frozen
class InFlight(_Rule):
    """At most `limit` tasks that have not ended; 0 refuses every create."""

    limit: int = field(validator=number(0, whole=True))

    def meter(self, _: float, __: Random) -> Meter:
        """Start the rule."""
        return _Cap(self.model, lambda _age: self.limit)


def _step(item: Any) -> tuple[float, int]:
    match item:
        case [int() | float() as after, int() as cap] if after >= 0 and cap >= 0:
            return float(after), cap
    raise ScenarioError(f"must be [after_seconds, cap], got {item!r}")


def _as_steps(value: Sequence[Sequence[float]]) -> tuple[tuple[float, int], ...]:
    return tuple(sorted(_checks.at("steps", _checks.sequence, value, _step)))


@frozen
class Schedule(_Rule):
    """An in-flight limit that changes at set times; a cap of 0 is an outage.

    Attributes:
        steps: pairs of (seconds since the scenario began, cap from then on). Before the
            first step there is no limit.
    """

    steps: tuple[tuple[float, int], ...] = field(converter=_as_steps)

    def cap(self, age: float) -> float:
        """Return the cap at `age` seconds since the scenario began."""
        now = math.inf
        for after, cap in self.steps:
            if after > age:
                break
            now = cap
        return now

    def meter(self, start: float, _: Random) -> Meter:
        """Start the rule."""
        return _Cap(self.model, self.cap, start)


@frozen
class Sine(_Rule):
    """An in-flight limit that swings between `mean - swing` and `mean + swing`."""

    mean: float = field(validator=number(0))
    swing: float = field(validator=number(0))
    period: float = field(validator=number(0.001))

    def cap(self, age: float) -> float:
        """Return the cap at `age` seconds since the scenario began."""
        cap = self.mean + self.swing * math.sin(2 * math.pi * age / self.period)
        return math.floor(cap + 1e-9)  # else sin(pi), a hair above 0, adds a place

    def meter(self, start: float, _: Random) -> Meter:
        """Start the rule."""
        return _Cap(self.model, self.cap, start)


@frozen
class TokenBucket(_Rule):
    """`calls` per `seconds` on average, in bursts of up to `burst` (None: `calls`)."""

    calls: int = field(validator=number(1, whole=True))
    seconds: float = field(validator=number(0.001))
    burst: int | None = field(
        default=None, validator=number(1, whole=True, optional=True)
    )

    def meter(self, start: float, _: Random) -> Meter:
        """Start the rule with a full bucket."""
        size = float(self.burst or self.calls)
        return _Bucket(size, self.calls / self.seconds, size, start)


@frozen
class SlidingWindow(_Rule):
    """At most `calls` accepted within any `seconds`."""

    calls: int = field(validator=number(1, whole=True))
    seconds: float = field(validator=number(0.001))

    def meter(self, _: float, __: Random) -> Meter:
        """Start the rule."""
        return _Window(self.calls, self.seconds)


@frozen
class RandomRefusal(_Rule):
    """Each create is refused with `probability`, whatever else is going on."""

    probability: float = field(validator=number(0, 1))

    def meter(self, _: float, random: Random) -> Meter:
        """Start the rule."""
        return _Dice(self.probability, random)


@define
class _Cap:
    model: str | None
    cap: Callable[[float], float]
    start: float = 0.0

    def is_full(self, now: float, load: Load) -> bool:
        return load.in_flight(self.model, now) >= self.cap(now - self.start)

    def take(self, now: float) -> None:
        """Nothing to count: the tasks themselves are the count."""


@define
class _Bucket:
    size: float
    rate: float  # tokens per second
    tokens: float
    filled: float  # instant of the last refill

    def is_full(self, now: float, _: Load) -> bool:
        self.tokens = min(self.size, self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        # A token that is whole but for the rounding of its many small refills counts.
        return self.tokens < 1 - 1e-9

    def take(self, _: float) -> None:
        self.tokens -= 1


@define
class _Window:
    calls: int
    seconds: float
    taken: deque[float] = field(factory=deque)

    def is_full(self, now: float, _: Load) -> bool:
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        return len(self.taken) >= self.calls

    def take(self, now: float) -> None:
        self.taken.append(now)


@define
class _Dice:
    probability: float
    random: Random

    def is_full(self, _: float, __: Load) -> bool:
        return self.random.random() < self.probability

    def take(self, now: float) -> None:
        """Nothing to count: dice have no memory."""


Rate: TypeAlias = TokenBucket | SlidingWindow
Rule: TypeAlias = (
    InFlight | Schedule | Sine | TokenBucket | SlidingWindow | RandomRefusal
)

_RATES: Mapping[str, type[Rate]] = {
    "token_bucket": TokenBucket,
    "sliding_window": SlidingWindow,
}
_RULES: Mapping[str, type[Rule]] = {
    "in_flight": InFlight,
    "schedule": Schedule,
    "sine": Sine,
    "random": RandomRefusal,
    **_RATES,
}


def as_rule(value: Rule | Mapping[str, Any]) -> Rule:
    """Take a rule, or `{"kind": "in_flight", "limit": 7}`."""
    return value if isinstance(value, Rule) else _checks.choose(_RULES, value)


def as_rate(value: Rate | Mapping[str, Any]) -> Rate:
    """Take a token bucket, a sliding window, or an object that names one."""
    return value if isinstance(value, Rate) else _checks.choose(_RATES, value)


@define
class Gauge:
    """All started rules of a scenario."""

    meters: list[tuple[Rule, Meter]]

    @classmethod
    def start(cls, rules: tuple[Rule, ...], now: float, random: Random) -> Gauge:
        """Start every rule at the instant `now`."""
        return cls([(rule, rule.meter(now, random)) for rule in rules])

    def refusal(self, model: str, now: float, load: Load) -> Refusal | None:
        """Return how to refuse a create of `model`, or None after counting it."""
        concerned = [m for m in self.meters if m[0].model in (None, model)]
        for rule, meter in concerned:
            if meter.is_full(now, load):
                return rule.refusal
        for _, meter in concerned:
            meter.take(now)
        return None
