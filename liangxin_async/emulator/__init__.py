"""A local service for tests and trials: real HTTP, made-up pictures, chosen trouble.

It imports nothing of the client, so that a misreading of the documentation cannot hide
in both.
"""

from liangxin_async.emulator._callbacks import Callbacks
from liangxin_async.emulator._capacity import (
    InFlight,
    RandomRefusal,
    Refusal,
    Schedule,
    Sine,
    SlidingWindow,
    TokenBucket,
)
from liangxin_async.emulator._checks import ScenarioError
from liangxin_async.emulator._delivery import Attempt, Delivery
from liangxin_async.emulator._durations import Fixed, Lognormal, Uniform
from liangxin_async.emulator._family import Family
from liangxin_async.emulator._faults import Fault, fault_kinds
from liangxin_async.emulator._ledger import Leak, Ledger
from liangxin_async.emulator._scenario import Failure, Scenario
from liangxin_async.emulator._serve import serve
from liangxin_async.emulator._server import Emulator
from liangxin_async.emulator._tasks import Task

__all__ = [
    "Attempt",
    "Callbacks",
    "Delivery",
    "Emulator",
    "Failure",
    "Family",
    "Fault",
    "Fixed",
    "InFlight",
    "Leak",
    "Ledger",
    "Lognormal",
    "RandomRefusal",
    "Refusal",
    "Scenario",
    "ScenarioError",
    "Schedule",
    "Sine",
    "SlidingWindow",
    "Task",
    "TokenBucket",
    "Uniform",
    "fault_kinds",
    "serve",
]
