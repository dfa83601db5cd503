"""An accepted task ended badly, or its files could not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liangxin_async._errors._base import Charged, LiangxinError

if TYPE_CHECKING:
    from liangxin_async._records import TaskRecord


class TaskError(LiangxinError):
    """An accepted task did not end in a result.

    Attributes:
        task_id: the task. `session.attach(task_id)` or `session.record(task_id)`
            look at it again, also from another process.
        record: the last status that was seen, or None.
    """

    charged: Charged = "yes"
    task_id: str
    record: TaskRecord | None

    def __init__(
        self, message: str, *, task_id: str, record: TaskRecord | None = None
    ) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.record = record


class TaskFailedError(TaskError):
    """The service reports that the task failed.

    `charged` is "unknown": no source states whether failed tasks are paid back.

    Attributes:
        fail_code: the service's code, as text, or None.
        fail_message: the service's words, or None.
    """

    charged: Charged = "unknown"
    fail_code: str | None
    fail_message: str | None

    def __init__(
        self,
        message: str,
        *,
        task_id: str,
        record: TaskRecord | None = None,
        fail_code: str | None = None,
        fail_message: str | None = None,
    ) -> None:
        super().__init__(message, task_id=task_id, record=record)
        self.fail_code = fail_code
        self.fail_message = fail_message


class TaskTimeoutError(TaskError, TimeoutError):
    """We stopped waiting; the task itself goes on. Attach to wait again."""


class TaskLostError(TaskError):
    """The service says that it does not know an id which it should know."""


class EmptyResultError(TaskError):
    """The task succeeded and its record names no usable result URL."""


class DownloadError(LiangxinError):
    """A result file could not be had whole. Nothing partial is left behind.

    Attributes:
        url: the result URL without its query, or None.
        task_id: the task that the file belongs to, or None.
        reason: "expired", "refused", "too large", "incomplete", "not a picture",
            "address", "disk" or "transport".
        http_status: status of the answer, or None.
    """

    charged: Charged = "yes"
    url: str | None
    task_id: str | None
    reason: str
    http_status: int | None

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        task_id: str | None = None,
        reason: str = "transport",
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.task_id = task_id
        self.reason = reason
        self.http_status = http_status


class JournalError(LiangxinError):
    """The journal of a bulk run cannot be used, or could not be written.

    No create is sent without its row, so that a run stops here.

    Attributes:
        path: the journal.
        reason: a word for programs: "locked", "foreign", "newer", "damaged",
            "missing", "network", "disk", "conflict" or "closed".
        task_id: a task that was accepted and could not be written down, or None. Keep
            it: `session.attach(task_id)` waits for it.
    """

    path: str
    reason: str
    task_id: str | None

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        reason: str = "",
        task_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.reason = reason
        self.task_id = task_id
        self.charged = "no" if task_id is None else "yes"


class StoreError(LiangxinError):
    """The object store that a bulk run saves into cannot be used, or takes no more.

    Files that were made stay in the work folder; the next run puts them into the store.

    Attributes:
        url: bucket and name of what was to be stored, "s3://bucket/name".
        reason: a word for programs: "bucket" (there is none of that name), "denied",
            "credentials", "connection", "changed" (what is there is not what was put)
            or "refused".
        http_status: status of the answer, or None.
        task_id: the task that the file belongs to, or None.
    """

    url: str
    reason: str
    http_status: int | None
    task_id: str | None

    def __init__(
        self,
        message: str,
        *,
        url: str = "",
        reason: str = "refused",
        http_status: int | None = None,
        task_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.reason = reason
        self.http_status = http_status
        self.task_id = task_id
        self.charged = "no" if task_id is None else "yes"
