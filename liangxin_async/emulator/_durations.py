"""How long a task takes, in seconds, from a seeded source of randomness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
from attrs import frozen

from liangxin_async.emulator._checks import ScenarioError, at, choose, number

if TYPE_CHECKING:
    from random import Random


@frozen
class Fixed:
    """Every task takes the same `seconds`."""

    seconds: float = attrs.field(validator=number(0))

    def sample(self, _: Random) -> float:
        """Return the seconds of the next task."""
        return self.seconds


@frozen
class Uniform:
    """Any time from `low` to `high` seconds is equally likely."""

    low: float = attrs.field(validator=number(0))
    high: float = attrs.field(validator=number(0))

    def __attrs_post_init__(self) -> None:
        """Refuse an empty range."""
        if self.high < self.low:
            raise ScenarioError(f"high {self.high!r} is below low {self.low!r}")

    def sample(self, random: Random) -> float:
        """Return the seconds of the next task."""
        return random.uniform(self.low, self.high)


@frozen
class Lognormal:
    """Half of the tasks take under `median` seconds; `sigma` is the long tail.

    `sigma` is the standard deviation of the logarithm: with 0.5, one task in twenty
    takes more than 2.3 times the median.
    """

    median: float = attrs.field(validator=number(0.000_001))
    sigma: float = attrs.field(default=0.3, validator=number(0, 5))

    def sample(self, random: Random) -> float:
        """Return the seconds of the next task."""
        return random.lognormvariate(math.log(self.median), self.sigma)


Duration: TypeAlias = Fixed | Uniform | Lognormal

_KINDS: Mapping[str, type[Duration]] = {
    "fixed": Fixed,
    "uniform": Uniform,
    "lognormal": Lognormal,
}


def as_duration(value: float | Duration | Mapping[str, Any]) -> Duration:
    """Take a duration, a number of seconds, or `{"kind": "lognormal", ...}`."""
    if isinstance(value, Duration):
        return value
    if isinstance(value, int | float):
        return Fixed(value)
    return choose(_KINDS, value)


def as_durations(
    value: Mapping[str, float | Duration | Mapping[str, Any]],
) -> Mapping[str, Duration]:
    """Take a mapping of model value to anything that `as_duration` takes."""
    if not isinstance(value, Mapping):
        raise ScenarioError(f"must map model values to durations, got {value!r}")
    return {model: at(str(model), as_duration, item) for model, item in value.items()}
