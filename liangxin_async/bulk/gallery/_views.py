"""Files of a run as a page can show them, and their thumbnails.

A thumbnail is named after the file's name and recorded hash, and kept while it is not
older than the file and the file has its recorded size. No file can break a gallery:
whatever a decoder makes of one ends in a `View` with a problem in words.

Pillow decodes here only formats that we recognised by their first bytes, never one that
runs another program, and nothing beyond `MOST_PIXELS`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from attrs import define, field, frozen

from liangxin_async._errors import shorten
from liangxin_async._media import HEAD, recognise
from liangxin_async.bulk._extra import load
from liangxin_async.bulk.gallery._shown import href_of

if TYPE_CHECKING:
    import os

    from liangxin_async.bulk._row import File

Kind: TypeAlias = Literal["picture", "video", "audio", "file"]

THUMBNAILS = ".thumbnails"
SIDE = 400  # pixels; a tile is about 200 wide, on screens of double density
MOST_PIXELS = 50_000_000  # 200 MB decoded; the models' largest have 17 million
_QUALITY = 80
_NOTE = re.compile(rb"(\d{1,6})x(\d{1,6})")  # the picture's size, in its thumbnail
_GROUND = (214, 214, 218)  # behind transparency: white and black both stand out

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("avif", "gif", "heic", "jpeg", "jpg", "png", "webp"), "picture"),
    **dict.fromkeys(("avi", "m4v", "mkv", "mov", "mp4", "mpg", "ogv", "webm"), "video"),
    **dict.fromkeys(("aac", "flac", "m4a", "mp3", "ogg", "wav"), "audio"),
}
# Not through `Image.open`: its check for bombs warns, into somebody's terminal.
_DECODERS = {
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),
    "jpg": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "webp": ("PIL.WebPImagePlugin", "WebPImageFile"),
}
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


@frozen(kw_only=True)
class View:
    """A file as a tile can show it.

    Attributes:
        file: the file as the journal knows it.
        kind: what a browser may do with it, by its extension.
        href: link to it from the page, or None where there is nothing to link to.
        thumb: link to its thumbnail, or None where it has none.
        width: pixels, as it is seen; None where it could not be told.
        height: likewise.
        problem: why it cannot be shown, in words, or None.
        note: what is odd about it all the same, in words, or None.
    """

    file: File
    kind: Kind
    href: str | None = None
    thumb: str | None = None
    width: int | None = None
    height: int | None = None
    problem: str | None = None
    note: str | None = None


class UnshowableError(Exception):
    """A file has no thumbnail; the text says why."""


@define(eq=False)
class Views:
    """Looks at files below `folder`.

    Attributes:
        folder: where files and thumbnails are.
        elsewhere: whether the files themselves have gone to a place that only the page
            reaches, and their thumbnails have stayed.
    """

    folder: Path
    elsewhere: bool = False
    _wanted: set[str] = field(init=False, factory=set)

    def of(self, file: File) -> View:
        """Return what the page can show of `file`, with its thumbnail made."""
        kind = kind_of(file.name)
        href = href_of(file.name)
        if href is None:
            return View(
                file=file, kind=kind, problem="its name leads out of the folder"
            )
        path = self.folder / file.name
        try:
            found = path.stat()
        except FileNotFoundError:
            if self.elsewhere:
                return self._elsewhere(file, kind, href)
            return View(file=file, kind=kind, problem="the file is gone")
        except (OSError, ValueError) as exc:
            words = getattr(exc, "strerror", None) or str(exc)
            return View(file=file, kind=kind, problem=f"the disk refused: {words}")
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for ever
            return View(file=file, kind=kind, problem="this is no file")
        note = None
        if found.st_size != file.size_bytes:
            note = f"changed since it was saved ({file.size_bytes} bytes then)"
        if kind != "picture":
            return View(file=file, kind=kind, href=href, note=note)
        return self._picture(file, href, path, found, note)

    def _picture(
        self,
        file: File,
        href: str,
        path: Path,
        found: os.stat_result,
        note: str | None,
    ) -> View:
        name = f"{_name_of(file)}.jpg"
        thumb = self.folder / THUMBNAILS / name
        keep = note is None and _is_fresh(thumb, found.st_mtime_ns)
        try:
            size = _look(path, None if keep else thumb)
        except UnshowableError as exc:
            return View(
                file=file, kind="picture", href=href, problem=str(exc), note=note
            )
        if size is None:
            return View(file=file, kind="picture", href=href, note=note)
        self._wanted.add(name)
        width, height = size
        return View(
            file=file,
            kind="picture",
            href=href,
            thumb=f"{THUMBNAILS}/{name}",
            width=width,
            height=height,
            note=note,
        )

    def _elsewhere(self, file: File, kind: Kind, href: str) -> View:
        """Return what is known of a file from its thumbnail."""
        name = f"{_name_of(file)}.jpg"
        try:
            size = _size_noted(self.folder / THUMBNAILS / name)
        except (OSError, UnshowableError):  # none was made, or it is broken
            return View(file=file, kind=kind, href=href)
        self._wanted.add(name)
        thumb = f"{THUMBNAILS}/{name}"
        width, height = size or (None, None)
        return View(
            file=file, kind=kind, href=href, thumb=thumb, width=width, height=height
        )

    def tidy(self) -> None:
        """Remove thumbnails that no file has asked for, and leftovers of a crash."""
        with suppress(FileNotFoundError):
            for path in (self.folder / THUMBNAILS).iterdir():
                if path.suffix in (".jpg", ".part") and path.name not in self._wanted:
                    path.unlink(missing_ok=True)


def kind_of(name: str) -> Kind:
    """Return what a browser may do with a file of this name."""
    return _KINDS.get(name.rpartition(".")[2].lower(), "file")


def _name_of(file: File) -> str:
    # Hashed again: what the journal holds is not taken for a file name.
    known = f"{file.name}\0{file.sha256}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(known, digest_size=16).hexdigest()


def _is_fresh(thumb: Path, changed_ns: int) -> bool:
    try:
        return thumb.stat().st_mtime_ns >= changed_ns
    except OSError:
        return False


# ------------------------------------------------------------------------ decoding


def _look(path: Path, thumb: Path | None) -> tuple[int, int] | None:
    """Return width and height, and write the thumbnail unless `thumb` is None.

    None stands for a kind that Pillow is not asked about: the browser may know it.

    Raises:
        UnshowableError: nothing can be shown, or not without danger.
        OSError: the thumbnail could not be written.
    """
    try:
        with path.open("rb") as file, _silence():
            picture = _open(file)
            if picture is None:
                return None
            size = _upright_size(picture)
            small = None if thumb is None else _shrink(picture)
    except UnshowableError:
        raise
    except Exception as exc:  # decoders raise anything: struct.error, KeyError, ...
        raise UnshowableError(f"the file is unreadable ({_words(exc)})") from exc
    if thumb is not None and small is not None:
        _save(small, thumb, size)
    return size


def _size_noted(thumb: Path) -> tuple[int, int] | None:
    """Return the size of the picture that a thumbnail was made of; None if not noted.

    Raises:
        UnshowableError: it is no picture.
        OSError: it is not there.
    """
    with thumb.open("rb") as file, _silence():
        try:
            picture = _open(file)
        except (OSError, SyntaxError, ValueError) as exc:
            raise UnshowableError(_words(exc)) from exc
    if picture is None:
        raise UnshowableError("not a thumbnail")
    note = picture.info.get("comment", b"")
    found = _NOTE.fullmatch(note)
    return None if found is None else (int(found[1]), int(found[2]))


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Pillow's warnings about broken remarks out of somebody's terminal.

    Filters of warnings belong to the whole process, hence for one picture at a time
    and for Pillow's modules only.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _words(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror  # its whole text would tell where the folder is
    known = isinstance(exc, OSError | SyntaxError | ValueError)
    return (shorten(str(exc), 120) if known else "") or type(exc).__name__


def _open(file: BinaryIO) -> Any:
    head = file.read(HEAD)
    file.seek(0)
    extension = recognise(head, "")
    if extension in ("avif", "heic"):
        return None
    if extension not in _DECODERS:
        raise UnshowableError("the file is unreadable (not a picture)")
    module, name = _DECODERS[extension]
    picture = getattr(load(module), name)(file)
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise UnshowableError(f"too large for a thumbnail ({width} × {height} pixels)")
    return picture


def _upright_size(picture: Any) -> tuple[int, int]:
    width, height = picture.size
    turned = picture.format == "JPEG" and _orientation(picture) >= 5
    return (height, width) if turned else (width, height)


def _orientation(picture: Any) -> int:
    try:
        found = picture.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - broken remarks, and the pixels may be good
        return 1
    return found if found in range(1, 9) else 1


def _shrink(picture: Any) -> Any:
    """Return an upright RGB picture of at most SIDE pixels in each direction."""
    image, orientation = load("PIL.Image"), 1
    if picture.format == "JPEG":
        orientation = _orientation(picture)
    if picture.mode.startswith("I"):  # 16 bits: Pillow would cut, not scale
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    elif picture.mode in _WITH_ALPHA or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    # From 1024 pixels a third of the time that LANCZOS with a gap of 2 takes.
    picture.thumbnail((SIDE, SIDE), image.Resampling.BICUBIC, reducing_gap=1.2)
    if picture.mode == "RGBA":
        ground = image.new("RGBA", picture.size, (*_GROUND, 255))
        picture = image.alpha_composite(ground, picture)
    if orientation > 1:
        picture = picture.transpose(_turns(image)[orientation])
    picture = picture.convert("RGB")
    picture.info.clear()  # remarks of the original would be saved once more
    return picture


def _turns(image: Any) -> dict[int, Any]:
    turn = image.Transpose
    return {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }


def _save(small: Any, thumb: Path, size: tuple[int, int]) -> None:
    thumb.parent.mkdir(exist_ok=True)
    part = thumb.with_name(f"{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            note = f"{size[0]}x{size[1]}"
            small.save(file, "JPEG", quality=_QUALITY, comment=note)
        part.replace(thumb)
    finally:
        part.unlink(missing_ok=True)
