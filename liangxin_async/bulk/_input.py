"""The lines of an input, each made into the entries that it asks for.

Lazy from end to end: a line is read when its first entry is wanted. What grows with the
input is the set of keys (see `Keys`), nothing else.

What counts, from strong to weak: a field of the line; a setting of the run; nothing,
which leaves the field to the service. A line that gives null keeps the setting away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from attrs import define, field

from liangxin_async._arguments import check_callback_url
from liangxin_async._errors import (
    ConfigurationError,
    InvalidRequestError,
    Problem,
    shorten,
)
from liangxin_async.bulk._csv import csv_drafts
from liangxin_async.bulk._drafts import Draft, json_drafts, text_drafts
from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._keys import Keys, key_problem
from liangxin_async.bulk._lines import lines_of
from liangxin_async.bulk._stems import stem_of
from liangxin_async.bulk._values import (
    CALLBACKS,
    KEY,
    MODEL,
    has_table,
    known_fields,
    value_of,
)
from liangxin_async.models import Request, build, describe
from liangxin_async.models._check import check as check_value
from liangxin_async.models._field import CALL_BACK_URL
from liangxin_async.models._shown import member, shown

if TYPE_CHECKING:
    from liangxin_async.bulk._entry import Checked
    from liangxin_async.bulk._lines import Source

Form: TypeAlias = Literal["jsonl", "csv", "text"]

_FORMS: Final[Mapping[str, Form]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".txt": "text",
}
_SEED: Final = "seed"
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_SHOWN: Final = 100  # characters of a model value


def form_of(name: str) -> Form | None:
    """Return the form that the end of a file name tells, or None where it tells none.

    `.jsonl` and `.ndjson`, `.csv`, and `.txt`, in any case.
    """
    return _FORMS.get(PurePath(name).suffix.lower())


def read_lines(
    source: Source,
    *,
    form: Form,
    model: str | None = None,
    settings: Mapping[str, Any] = _NONE,
    repeat: int = 1,
    provider: str | None = None,
    callback_url: str | None = None,
) -> Iterator[Entry | BadLine]:
    """Yield what an input asks for, line by line, in its order.

    A good line gives `repeat` items, its copies; a copy whose seed or key cannot be is
    a `BadLine` among them. A line that is bad in itself gives one `BadLine`, and a
    blank line gives nothing.

    Args:
        source: a binary file, which is best (UTF-8 is checked line by line); a text
            file; or any iterable of lines. Neither opened nor closed here.
        form: "jsonl", "csv" or "text".
        model: the model of lines that name none; None where each line names its own.
        settings: fields for every line that does not set them itself, by wire name
            with or without `input.`. Text is read as a CSV cell is: by the type of the
            field; other values are taken as they are.
        repeat: how many requests each line gives, 1 or more. From 2 on they get
            seeds that count up from the line's or the settings' seed, or else from 1.
            With 1 no seed is set.
        provider: the service of the run, whose models only may be asked for; None for
            any. A model of nobody's table passes.
        callback_url: callback for lines that give none, or None.

    Raises:
        ConfigurationError: the arguments cannot be right. Raised at once.
        InvalidRequestError: the settings do not fit the run's model. Raised at once.
    """
    _check_arguments(form, model, repeat)
    run = _Run(
        model=model,
        settings=_by_name(settings),
        repeat=repeat,
        provider=provider,
        # Where the service runs the run knows, which checks each request again.
        callback_url=check_callback_url(callback_url, CALL_BACK_URL, is_local=True),
    )
    run.check_settings()
    lines = lines_of(source)
    if form == "csv":
        return run.items(csv_drafts(lines, model=model))
    return run.items(json_drafts(lines) if form == "jsonl" else text_drafts(lines))


def _check_arguments(form: object, model: object, repeat: object) -> None:
    if form not in get_args(Form):
        allowed = ", ".join(get_args(Form))
        raise ConfigurationError(f"form: got {form!r}; allowed: {allowed}")
    if model is not None and (not isinstance(model, str) or not model.strip()):
        raise ConfigurationError(f"model: got {model!r}; allowed: a model value, None")
    if model is None and form == "text":
        raise ConfigurationError("lines of text name no model: give one for the run")
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
        raise ConfigurationError(f"repeat: got {repeat!r}; allowed: 1 or more")


def _by_name(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without the `input.` of their names."""
    fields: dict[str, Any] = {}
    for given, value in settings.items():
        name = given.removeprefix("input.")
        if not name or given in (MODEL, KEY, *CALLBACKS):
            raise ConfigurationError(f"{given!r} is no field that can be set for a run")
        if name in fields:
            raise ConfigurationError(f"the field {name!r} is set twice for the run")
        fields[name] = value
    return fields


@define(kw_only=True, eq=False)
class _Run:
    """What holds for every line of one input, and the keys given out so far."""

    model: str | None
    settings: dict[str, Any]
    repeat: int
    provider: str | None
    callback_url: str | None
    keys: Keys = field(factory=Keys)

    def check_settings(self) -> None:
        """Raise where a setting cannot be right for the model of the run.

        One mistake there would otherwise be told once for each line.
        """
        known = known_fields(self.model)
        problems: list[Problem] = []
        for name, value in self._settings_for(self.model).items():
            if name in known and value is not None:
                problems += check_value(known[name], value)
            elif name not in known and has_table(self.model):
                problems.append(
                    Problem(name, "a setting", f"one of {', '.join(known)}")
                )
        if problems:
            raise InvalidRequestError.of("what is set for the run", problems)

    def items(self, drafts: Iterator[Draft | BadLine]) -> Iterator[Checked]:
        """Yield the items of each draft; bad lines pass."""
        for draft in drafts:
            if isinstance(draft, BadLine):
                yield draft
            else:
                yield from self._copies(draft)

    def _copies(self, draft: Draft) -> Iterator[Checked]:
        model = self.model if draft.model is None else draft.model
        problems = self._line_problems(draft, model)
        fields = self._filled(draft, model)
        if self.repeat > 1 and isinstance(fields, dict):
            uncountable = self._repeat_problems(model, fields)
            problems += uncountable
            fields = fields if uncountable else _seeded(fields, 1)
        first = self._request(draft, model, fields)
        problems += [] if isinstance(first, Request) else first
        if problems:
            yield _bad(draft, model, problems)
            return
        yield self._item(draft, first, 1)
        for copy in range(2, self.repeat + 1):
            request = self._request(draft, model, _seeded(fields, copy))
            yield self._item(draft, request, copy)

    def _line_problems(self, draft: Draft, model: object) -> list[Problem]:
        """Return what is wrong beside the fields; gives the key to this line."""
        problems = []
        if draft.key is not None:
            # A bad line keeps its key, so that mending it changes nothing for others.
            found = key_problem(draft.key) or self.keys.take(draft.key, draft.line)
            problems += [] if found is None else [found]
        return problems + _model_problems(model, self.provider)

    def _filled(self, draft: Draft, model: object) -> Any:
        """Return the fields with the settings; what is no mapping stays as it is."""
        fields = draft.fields
        if not isinstance(fields, dict):
            return fields
        if draft.as_text:
            fields = {name: value_of(model, name, fields[name]) for name in fields}
        return {**self._settings_for(model), **fields}

    def _settings_for(self, model: object) -> dict[str, Any]:
        return {
            name: value_of(model, name, value) if isinstance(value, str) else value
            for name, value in self.settings.items()
        }

    def _repeat_problems(
        self, model: object, fields: Mapping[str, Any]
    ) -> list[Problem]:
        info = known_fields(model).get(_SEED)
        if info is None and has_table(model):
            allowed = "1, since this model has no seed and copies would be equal"
            return [Problem("repeat", str(self.repeat), allowed)]
        seed = fields.get(_SEED)
        if info is not None or seed is None or _is_integer(seed):
            return []  # what else is wrong with it the check of the request tells
        allowed = "an integer, from which copies count up"
        return [Problem(member("input", _SEED), shown(seed), allowed)]

    def _request(
        self, draft: Draft, model: Any, fields: Any
    ) -> Request | tuple[Problem, ...]:
        if model is None:
            return ()  # told before
        url = self.callback_url if draft.callback_url is None else draft.callback_url
        try:
            return build(model, fields, callback_url=url)
        except InvalidRequestError as error:
            return error.problems

    def _item(
        self, draft: Draft, request: Request | tuple[Problem, ...], copy: int
    ) -> Checked:
        if not isinstance(request, Request):
            return _bad(draft, draft.model or self.model, request, copy)
        key = self._key(draft, request, copy)
        if isinstance(key, Problem):
            return _bad(draft, request.model, [key], copy)
        stem = stem_of(request.prompt, line=draft.line, key=draft.key, copy=copy)
        return Entry(key=key, line=draft.line, request=request, stem=stem)

    def _key(self, draft: Draft, request: Request, copy: int) -> str | Problem:
        if draft.key is None:
            return self.keys.take_content(request)
        key: str = draft.key
        if copy == 1:
            return key
        key = f"{key}-{copy}"
        return self.keys.take(key, draft.line) or key


def _model_problems(model: object, provider: str | None) -> list[Problem]:
    if model is None:
        wanted = "a model value on the line, or one for the whole run"
        return [Problem(MODEL, "nothing", wanted)]
    info = describe(model) if isinstance(model, str) else None
    if provider is None or info is None or info.provider == provider:
        return []
    if not has_table(model):  # a name in a list does not rule out a second owner
        return []
    given = f"{shown(model)}, a model of {info.provider}"
    return [Problem(MODEL, given, f"a model of {provider}")]


def _seeded(fields: Mapping[str, Any], copy: int) -> dict[str, Any]:
    """Return the fields of copy `copy`, from those of the first one.

    A seed that is no number stays, for the check of the request.
    """
    seed = 1 if fields.get(_SEED) is None else fields[_SEED]
    return {**fields, _SEED: seed + copy - 1 if _is_integer(seed) else seed}


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bad(
    draft: Draft,
    model: object,
    problems: list[Problem] | tuple[Problem, ...],
    copy: int = 1,
) -> BadLine:
    named = shorten(model, _SHOWN) if isinstance(model, str) else None
    return BadLine(
        line=draft.line,
        problems=tuple(problems),
        text=draft.text,
        model=named or None,
        copy=copy,
    )
