"""What an emulator plays: a frozen value, in Python or as JSON.

Every field has a default, so `Scenario()` is a service that works. `from_dict` takes
what a JSON file holds, and names the place of the first mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from attrs import field, frozen

from liangxin_async.emulator._callbacks import Callbacks, as_callbacks
from liangxin_async.emulator._capacity import (
    Rate,
    Rule,
    as_rate,
    as_rule,
)
from liangxin_async.emulator._checks import (
    ScenarioError,
    at,
    build,
    number,
    one_of,
    sequence,
    text,
)
from liangxin_async.emulator._durations import (
    Duration,
    Fixed,
    as_duration,
    as_durations,
)
from liangxin_async.emulator._family import (
    UNKNOWN_TASK,
    Family,
    as_family,
    with_preset,
)
from liangxin_async.emulator._faults import Fault, as_fault

if TYPE_CHECKING:
    from random import Random

T = TypeVar("T")


@frozen(kw_only=True)
class Failure:
    """Which accepted tasks fail, and what they say.

    Attributes:
        share: the chance of failing for a task that the rest fits, 0 to 1.
        match: only tasks whose prompt contains this text; None for all.
        model: only tasks of this model; None for all.
        code: code of the failure, as text: a number for LiangXin (None: "500"), a name
            such as content_policy_violation for EvoLink (None: "unknown_error").
        message: text of the failure.
    """

    share: float = field(default=1.0, validator=number(0, 1))
    match: str | None = field(default=None, validator=text(optional=True))
    model: str | None = field(default=None, validator=text(optional=True))
    code: str | None = field(default=None, validator=text(optional=True))
    message: str = field(default="upstream rejected the prompt", validator=text())

    def strikes(self, model: str, prompt: str, random: Random) -> bool:
        """Whether a new task is to fail in this way."""
        if self.model not in (None, model):
            return False
        if self.match is not None and self.match not in prompt:
            return False
        return self.share >= 1 or random.random() < self.share


Some: TypeAlias = Sequence[T | Mapping[str, Any]]  # each as a value or as an object


def _failure(value: Failure | Mapping[str, Any]) -> Failure:
    return value if isinstance(value, Failure) else build(Failure, value)


def _model(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ScenarioError(f"must be a model value, got {value!r}")
    return value


def _window(value: Any) -> tuple[float, float]:
    match value:
        case [int() | float() as first, int() | float() as last] if 0 <= first < last:
            return float(first), float(last)
    raise ScenarioError(f"must be [from, to] in seconds, got {value!r}")


def _as_duration(value: float | Duration | Mapping[str, Any]) -> Duration:
    return at("duration", as_duration, value)


def _as_durations(
    value: Mapping[str, float | Duration | Mapping[str, Any]],
) -> Mapping[str, Duration]:
    return at("durations", as_durations, value)


def _as_failures(value: Some[Failure]) -> tuple[Failure, ...]:
    return at("failures", sequence, value, _failure)


def _as_rules(value: Some[Rule]) -> tuple[Rule, ...]:
    return at("capacity", sequence, value, as_rule)


def _as_rate(value: Rate | Mapping[str, Any] | None) -> Rate | None:
    return None if value is None else at("queries", as_rate, value)


def _as_faults(value: Some[Fault]) -> tuple[Fault, ...]:
    return at("faults", sequence, value, as_fault)


def _as_models(value: Sequence[str]) -> tuple[str, ...]:
    return at("models", sequence, value, _model)


def _as_videos(value: Sequence[str]) -> tuple[str, ...]:
    return at("videos", sequence, value, _model)


def _as_windows(value: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    windows = tuple(sorted(at("closed", sequence, value, _window)))
    for (_, end), (start, _) in pairwise(windows):
        if start <= end:
            raise ScenarioError(f"closed: a window from {start} begins before {end}")
    return windows


@frozen(kw_only=True)
class Scenario:
    """How the emulated service behaves.

    Attributes:
        seed: seed of everything random: durations, failures, refusals, faults.
        duration: how long a task takes, in seconds: a number or a `Fixed`, `Uniform` or
            `Lognormal`.
        durations: the same for some models apart, by model value.
        failures: which tasks fail; the first that strikes counts.
        capacity: rules that refuse creates; all must agree to one.
        queries: how fast queries may come, or None for no limit.
        balance: creates that the account can pay for, or None for any number. After
            them a create is refused: with 403 by LiangXin, with 402 by EvoLink.
        revoke_after: accepted creates after which the key is no longer valid on any
            route, or None.
        faults: the fault plan.
        callbacks: how callbacks are sent; see `Callbacks`.
        family: habits of the service behind LiangXin's two routes; see `Family`.
        unknown_task: how recordInfo speaks of an id it does not know: "code_422",
            "http_404", "task_not_exist" or "bad_request".
        visible_after: seconds for which queries do not find a new task.
        closed: windows (from, to), in seconds since the scenario began, in which
            connections are refused.
        models: model values accepted besides the documented ones.
        videos: model values that make videos, besides the documented one; they are
            accepted too.
        pictures: result files of each task, 1 to 64; videos count alike.
        max_body_bytes: largest body of a create; a larger one meets 413. The
            service does not state its own limit.
        longest_side: pictures are drawn no larger than this many pixels a side.
    """

    seed: int = field(default=0, validator=number(-(2**63), whole=True))
    duration: Duration = field(default=Fixed(0.2), converter=_as_duration)
    durations: Mapping[str, Duration] = field(factory=dict, converter=_as_durations)
    failures: tuple[Failure, ...] = field(default=(), converter=_as_failures)
    capacity: tuple[Rule, ...] = field(default=(), converter=_as_rules)
    queries: Rate | None = field(default=None, converter=_as_rate)
    balance: int | None = field(
        default=None, validator=number(0, whole=True, optional=True)
    )
    revoke_after: int | None = field(
        default=None, validator=number(0, whole=True, optional=True)
    )
    faults: tuple[Fault, ...] = field(default=(), converter=_as_faults)
    callbacks: Callbacks = field(factory=Callbacks, converter=as_callbacks)
    family: Family = field(factory=Family, converter=as_family)
    unknown_task: str = field(default="code_422", validator=one_of(*UNKNOWN_TASK))
    visible_after: float = field(default=0.0, validator=number(0))
    closed: tuple[tuple[float, float], ...] = field(default=(), converter=_as_windows)
    models: tuple[str, ...] = field(default=(), converter=_as_models)
    videos: tuple[str, ...] = field(default=(), converter=_as_videos)
    pictures: int = field(default=1, validator=number(1, 64, whole=True))
    max_body_bytes: int = field(default=10 << 20, validator=number(1, whole=True))
    longest_side: int = field(default=512, validator=number(16, 4096, whole=True))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scenario:
        """Make a scenario from what a JSON file holds.

        Nested values are objects: `{"duration": {"kind": "lognormal", "median": 2}}`,
        `{"capacity": [{"kind": "in_flight", "limit": 7}]}`. The key "preset" lays a
        ready scenario under the rest: `{"preset": "market"}` is a service like kie.ai,
        with `message` for `msg`, refusals as codes inside HTTP 200, bare ids, progress,
        20 creates per 10 s and records that appear half a second late.

        Raises:
            ScenarioError: an unknown key, a wrong type or a value out of range.
        """
        return build(cls, with_preset(data))

    @property
    def extra_models(self) -> tuple[str, ...]:
        """All model values that are accepted besides the documented ones."""
        return self.models + self.videos

    def duration_of(self, model: str) -> Duration:
        """Return how long tasks of a model take."""
        return self.durations.get(model, self.duration)
