"""What is known about one model, for people and for the command line."""

from __future__ import annotations

from attrs import frozen

from liangxin_async.models._base import Kind, Request, TypedRequest, table
from liangxin_async.models._field import FieldInfo, Source


@frozen(kw_only=True)
class ModelInfo:
    """What is known about one model.

    Attributes:
        model: the model value; None where the service lists the title alone, and
            nobody found the value. It is never guessed.
        title: the service's name for it.
        kind: "image" or "video".
        provider: whose model this is: "liangxin" or "evolink".
        source: where the facts are from: "seed", "docs" or "name only".
        fields: the fields of its request body, in the order of the source's table:
            `model` first, the callback second (LiangXin) or last (EvoLink). For "name
            only" just the common ones; there may be more.
        rules: rules over several fields, in words.
        upstream_rules: rules of the upstream's own API; never enforced.
        notes: remarks; may be empty.
        upstream_hint: what the upstream says of fields that the service's own
            documents do not list; may be empty, never enforced.
        request_type: the class for requests to it, or None where `Generic` serves.
    """

    model: str | None
    title: str
    kind: Kind
    provider: str
    source: Source
    fields: tuple[FieldInfo, ...]
    rules: tuple[str, ...] = ()
    upstream_rules: tuple[str, ...] = ()
    notes: str = ""
    upstream_hint: str = ""
    request_type: type[Request] | None = None


def of_class(cls: type[TypedRequest]) -> ModelInfo:
    """Return what the class of a model says about it."""
    return ModelInfo(
        model=cls.model,
        title=cls.about.title,
        kind=cls.about.kind,
        provider=cls.provider,
        source=cls.about.source,
        fields=table(cls),
        rules=cls.about.rules,
        upstream_rules=cls.about.upstream_rules,
        notes=cls.about.notes,
        request_type=cls,
    )
