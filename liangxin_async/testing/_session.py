"""`FakeSession`: a real session on a made-up service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liangxin_async._arguments import check_task_id
from liangxin_async._config import Polling
from liangxin_async._errors import ConfigurationError
from liangxin_async._session import Session
from liangxin_async._telling import Teller
from liangxin_async.dialects import LIANGXIN, TellsCredits
from liangxin_async.testing._answers import Fails, Hangs, Makes
from liangxin_async.testing._service import (
    FakeDialect,
    FakeDialectWithCredits,
    FakeDownloader,
    FakeService,
)

if TYPE_CHECKING:
    from liangxin_async._records import Credits
    from liangxin_async._transport import Transport
    from liangxin_async.dialects import Dialect
    from liangxin_async.models import Request
    from liangxin_async.testing._service import Script

QUICK = Polling(first=0.0, floor=0.001, ceiling=0.05)


class FakeSession(Session):
    """A `Session` without network, for tests of code that takes one.

    It is one: whatever a session does, this does, with the same errors, events and
    statistics. Only the service is made up, and says what the script tells it to. Times
    pass as they do: a refusal with `SaturatedError` is waited out, for about half a
    second.

    Args:
        script: what becomes of the creates. One answer for all, an iterable of answers
            in the order in which creates arrive (every one after its end succeeds), or
            a callable that gets the request and returns an answer. An answer is a
            `Makes`, `Fails` or `Hangs`, or an error that the create meets. None lets
            everything succeed at once.
        dialect: whose rules for requests hold, `LIANGXIN` or `EVOLINK`.
        credits: what `credits()` tells, where the dialect tells credits.
        polling: as in `Session`; None asks at once, and then at short intervals.
        settings: other arguments of `Session`, such as `observer`, `max_in_flight` or
            `timeouts`. Key and address are made up.

    Raises:
        ConfigurationError: the script, or a setting, cannot work.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        dialect: Dialect = LIANGXIN,
        credits: Credits | None = None,  # noqa: A002 - as the method is called
        polling: Polling | None = None,
        **settings: Any,
    ) -> None:
        self._service = FakeService(script, credits)
        tells = isinstance(dialect, TellsCredits)
        kind = FakeDialectWithCredits if tells else FakeDialect
        super().__init__(
            "a-key-that-is-none",
            base_url="https://api.fake.invalid",
            dialect=kind(dialect, self._service),
            polling=QUICK if polling is None else polling,
            **settings,
        )

    @property
    def requests(self) -> tuple[Request, ...]:
        """What was asked for, one for each create that arrived, refused ones too."""
        return tuple(self._service.requests)

    def add_task(
        self, task_id: str, answer: Makes | Fails | Hangs | None = None
    ) -> None:
        """Let the service know a task that was made elsewhere, for `attach`, `record`.

        Args:
            task_id: its id.
            answer: how it stands; None is a success. Any `after` is over.

        Raises:
            ConfigurationError: not such an answer.
        """
        given = Makes() if answer is None else answer
        if not isinstance(given, (Makes, Fails, Hangs)):
            raise ConfigurationError(
                f"answer: got {type(given).__name__}; "
                "allowed: Makes, Fails, Hangs, None"
            )
        self._service.add(check_task_id(task_id), given, None)

    def _make_transport(self) -> Transport:
        service: object = self._service
        return service  # type: ignore[return-value]  # it has what a Runtime uses

    def _make_downloader(self) -> FakeDownloader:
        return FakeDownloader(self._service, Teller(self._settings.observers))
