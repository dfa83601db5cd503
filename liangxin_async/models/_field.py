"""What is known about one field of a request, as data.

The facts are those of the service's documents: what a source does not state is `None`
or empty here, and is not checked. What the upstream of the service documents for its
own API stands in `upstream_hint`; it is for people to read and never enforced.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from attrs import frozen

FieldType: TypeAlias = Literal["string", "integer", "boolean", "string[]", "object"]
Source: TypeAlias = Literal["seed", "docs", "name only"]

WIRE: Final = "wire"  # key of a FieldInfo in the metadata of an attrs attribute


@frozen
class FieldInfo:
    """One field of a request body.

    Attributes:
        name: dotted path in the request body, for example `input.seed` for LiangXin
            and `seed` for EvoLink, whose bodies are flat.
        type: "string", "integer", "boolean", "string[]" or "object".
        required: whether the service demands it; None where no source says.
        default: what the service takes when the field is left out, where stated. It
            is never sent.
        enum: the values that are accepted; empty where no list is stated.
        aliases: pairs of value and second spelling; either one is accepted.
        open_enum: the service accepts further names which nobody lists: a ratio (N:M)
            must be in `enum`, and any other word passes.
        min: smallest integer, or None.
        max: largest integer, or None.
        min_length: fewest characters, or None.
        max_length: most characters, or None.
        max_items: most items of a list, or None.
        side_min: smallest side in pixels, where `<width>x<height>` is accepted next to
            `enum`; None where it is not.
        side_max: largest side in pixels, likewise.
        https: whether the text must be an `https://` URL.
        public: whether such a URL may not lead to an internal address. Judged by the
            URL alone: names are not resolved.
        notes: remarks of the source; may be empty.
        upstream_hint: what the upstream of the service says; informs, not enforced.
        source: where the facts are from: "seed", "docs" or "name only".
    """

    name: str
    type: FieldType
    required: bool | None = False
    default: str | int | bool | None = None
    enum: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    open_enum: bool = False
    min: int | None = None
    max: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    max_items: int | None = None
    side_min: int | None = None
    side_max: int | None = None
    https: bool = False
    public: bool = False
    notes: str = ""
    upstream_hint: str = ""
    source: Source = "seed"

    @property
    def key(self) -> str:
        """The last part of `name`: the key inside the object that holds the field."""
        return self.name.rpartition(".")[2]

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every value that may be sent, aliases included; empty where any may be."""
        spellings = [spelling for pair in self.aliases for spelling in pair]
        return tuple(dict.fromkeys((*self.enum, *spellings)))

    @property
    def has_sides(self) -> bool:
        """Whether `<width>x<height>` is accepted next to the values of `enum`."""
        return self.side_min is not None or self.side_max is not None

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        match self.type:
            case "boolean":
                return "true or false"
            case "integer":
                return f"an integer{_limits(self.min, self.max)}"
            case "string[]":
                most = "" if self.max_items is None else f"at most {self.max_items} "
                return f"a list of {most}strings"
            case "object":
                return "a JSON object (a mapping)"
            case "string":
                return self._allowed_text()

    @property
    def choices(self) -> str:
        """The values of `enum` and what else passes but aliases; empty without any."""
        listed = ", ".join(self.enum)
        if listed and self.has_sides:
            sides = _limits(self.side_min, self.side_max, " pixels")
            listed += f", or <width>x<height> with sides{sides}"
        if listed and self.open_enum:
            listed += ", or another name the service knows"
        return listed

    def _allowed_text(self) -> str:
        if self.https:
            most = _limits(None, self.max_length, " characters")
            inside = ", not to an internal address" if self.public else ""
            return f"a public https:// URL{most}{inside}"
        if self.enum:
            listed = set(self.enum)
            others = [word for word in self.accepted if word not in listed]
            also = f", or an alias: {', '.join(others)}" if others else ""
            return f"one of {self.choices}{also}"
        return f"a string{_limits(self.min_length, self.max_length, ' characters')}"


def _limits(least: int | None, most: int | None, unit: str = "") -> str:
    if least is not None and most is not None:
        return f" of {least} to {most}{unit}"
    if least is not None:
        return f" of {least} or more{unit}"
    return "" if most is None else f" of {most} or fewer{unit}"


MODEL_NOTES: Final = "Fixed value."

CALL_BACK_URL: Final = FieldInfo(
    "callBackUrl",
    "string",
    https=True,
    notes="Top level. Public HTTPS URL for the final callback.",
)
EVOLINK_CALLBACK_URL: Final = FieldInfo(
    "callback_url",
    "string",
    max_length=2048,
    https=True,
    public=True,
    notes=(
        "HTTPS only; internal addresses are refused. Sent on completed, failed or "
        "cancelled."
    ),
)
