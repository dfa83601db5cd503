"""The page as a file: what is in it, what is not, and how it comes to be."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from attrs import evolve

from liangxin_async import ConfigurationError
from liangxin_async.bulk._row import File, Row, RowState
from liangxin_async.bulk.gallery import _page, write_contact_sheet, write_gallery
from liangxin_async.bulk.gallery._page import size_in_words
from tests.bulk.gallery_rows import ATTACKS, a_file, a_picture, a_row, items_of, samples
from tests.conftest import CANARY


def written(folder: Path, rows: list[Row], **how: str) -> str:
    path = write_gallery(folder, iter(rows), samples(30), **how)
    assert path == folder / "index.html"
    return path.read_text("utf-8")


class _Elements(HTMLParser):
    """The elements of a page, with their text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.texts.setdefault(len(self.found), "")  # what follows is nobody's

    def handle_data(self, data: str) -> None:
        at = len(self.found) - 1
        if at + 1 not in self.texts:
            self.texts[at] = self.texts.get(at, "") + data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attrs, self.texts.get(at, ""))
            for at, (name, attrs) in enumerate(self.found)
            if name == tag
        ]


def policy_of(page: _Elements) -> dict[str, list[str]]:
    metas = [attrs for attrs, _ in page.all("meta") if "http-equiv" in attrs]
    assert [meta["http-equiv"] for meta in metas] == ["Content-Security-Policy"]
    parts = (str(metas[0]["content"])).split("; ")
    return {part.split()[0]: part.split()[1:] for part in parts}


def hash_of(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


# ----------------------------------------------------------------------- content


def test_page_lists_every_request(tmp_path: Path) -> None:
    """Each row is an item, with its files and their thumbnails."""
    file = a_file(tmp_path, "a b.png", a_picture(800, 600))
    rows = [a_row(1, files=(file,)), a_row(2, state=RowState.FAILED, error="no")]
    saved, failed = items_of(written(tmp_path, rows))
    assert saved["files"] == [
        {
            "name": "a b.png",
            "size": file.size_bytes,
            "kind": "picture",
            "href": "a%20b.png",
            "thumb": saved["files"][0]["thumb"],
            "width": 800,
            "height": 600,
        }
    ]
    assert (tmp_path / saved["files"][0]["thumb"]).is_file()
    assert (failed["state"], failed["error"]) == ("failed", "no")
    assert "files" not in failed


def test_page_of_an_empty_run(tmp_path: Path) -> None:
    """A run without rows and samples has a page."""
    page = write_gallery(tmp_path, [], []).read_text("utf-8")
    assert items_of(page) == []
    assert "0 requests" in page
    assert "How the run went" not in page


def test_page_head(tmp_path: Path) -> None:
    """The head counts requests, files and bytes, and says when it was."""
    file = a_file(tmp_path, "a.png")
    page = written(tmp_path, [a_row(1, files=(file,)), a_row(61)], title="Cats & dogs")
    assert "<title>Cats &amp; dogs</title>" in page
    assert "2 requests" in page
    assert f"1 file, {file.size_bytes} bytes" in page
    assert 'datetime="2023-11-14T22:13:21+00:00"' in page
    assert "over 1 min 10 s" in page


def test_page_is_named_after_its_folder(tmp_path: Path) -> None:
    """Without a title the folder's name is one, also where UTF-8 cannot carry it."""
    assert f"<title>{tmp_path.name}</title>" in written(tmp_path, [])
    assert "<title>bad?name</title>" in written(tmp_path, [], title="bad\udce9name")


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 request is"), (2, "2 requests are")]
)
def test_page_tells_of_doubts(tmp_path: Path, count: int, words: str) -> None:
    """In-doubt requests stand at the top, with what to do."""
    rows = [a_row(n, state=RowState.IN_DOUBT) for n in range(count)]
    page = written(tmp_path, rows)
    assert f"{words} in doubt." in page
    assert "--resubmit-unknown" in page
    assert "in doubt." not in written(tmp_path, [a_row(1)])


def test_page_chart(tmp_path: Path) -> None:
    """The chart is in the page as lines and as words."""
    page = _Elements(written(tmp_path, [a_row(1)]))
    charts = [attrs for attrs, _ in page.all("svg") if attrs.get("role") == "img"]
    assert len(charts) == 2
    assert all("29 requests came to an end" in str(c["aria-label"]) for c in charts)
    lines = [a for a, _ in page.all("path") if str(a.get("class")).startswith("line ")]
    assert len(lines) == 4


# ---------------------------------------------------------------------- security


@pytest.mark.parametrize("attack", ATTACKS)
def test_page_of_an_attack(tmp_path: Path, attack: str) -> None:
    """Whatever a request holds, the page has the elements it always has."""
    gone = File(name="a.png", size_bytes=1, sha256="0" * 64)
    plain = _Elements(written(tmp_path, [a_row(1, files=(gone,))], title="t"))
    row = a_row(
        1,
        prompt=attack,
        inputs={attack: attack},
        key=attack,
        model=attack,
        task_id=attack,
        error=attack,
        error_type=attack,
        files=(evolve(gone, name=attack),),
    )
    text = written(tmp_path, [row], title="t")
    page = _Elements(text)
    assert page.found == plain.found
    assert items_of(text)[0]["prompt"] == attack
    titled = _Elements(written(tmp_path, [a_row(1, files=(gone,))], title=attack))
    assert titled.found == plain.found


def test_page_policy(tmp_path: Path) -> None:
    """The page's own policy allows its style, its script and local pictures only."""
    page = _Elements(written(tmp_path, [a_row(1)]))
    policy = policy_of(page)
    assert policy["default-src"] == ["'none'"]
    styles = [text for _, text in page.all("style")]
    scripts = [text for attrs, text in page.all("script") if "type" not in attrs]
    assert policy["style-src"] == [hash_of(text) for text in styles]
    assert policy["script-src"] == [hash_of(text) for text in scripts]
    assert policy["img-src"] == policy["media-src"] == ["'self'", "file:"]
    assert policy["base-uri"] == policy["form-action"] == ["'none'"]


def test_page_loads_nothing(tmp_path: Path) -> None:
    """Neither an address nor an inline handler or style stands in the markup."""
    page = _Elements(written(tmp_path, [a_row(1)]))
    names = {name for _, attrs in page.found for name in attrs}
    assert not names & {"src", "href", "style", "srcset", "poster", "action"}
    assert not [name for name in names if name.startswith("on")]
    style = page.all("style")[0][1]
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", _page._SCRIPTS)
def test_scripts_make_no_markup(name: str) -> None:
    """The script has no way to turn text into markup, or to reach the network."""
    script = files(_page.__package__).joinpath("page", name).read_text("utf-8")
    forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\("
    network = r"fetch\(|XMLHttp|WebSocket|sendBeacon|import\(|localStorage|https?://(?!www\.w3)"
    assert not re.search(f"{forbidden}|{network}|</", script)


def test_page_holds_no_secret(tmp_path: Path) -> None:
    """Keys, callback URLs and signed URLs stay out, wherever they came in."""
    url = f"https://h.example/a.png?sig={CANARY}"
    row = a_row(
        1,
        prompt=f"like {url}",
        inputs={
            "image_urls": [url],
            "callback_url": f"https://me.example/{CANARY}",
            "nested": {"callBackUrl": f"https://me.example/{CANARY}", "url": url},
        },
        record={"result_urls": [url], "raw": {"key": CANARY}},
        error=f"refused by {url}",
        state=RowState.FAILED,
    )
    page = written(tmp_path, [row])
    assert CANARY not in page
    assert items_of(page)[0]["prompt"] == "like https://h.example/a.png?…"


# ------------------------------------------------------------------------ making


def test_page_is_the_same_for_the_same_run(tmp_path: Path) -> None:
    """Equal rows, samples and pictures give equal bytes, made anew or not."""
    pages = []
    for name in ("one", "two", "two"):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        file = a_file(folder, "a.png")
        rows = [a_row(n, files=(file,) if n == 1 else ()) for n in range(3)]
        pages.append(written(folder, rows, title="t"))
    assert pages[0] == pages[1] == pages[2]


def test_page_stays_whole_when_writing_fails(tmp_path: Path) -> None:
    """Until the new page is whole the old one stays, and nothing is left over."""
    old = written(tmp_path, [a_row(1)])

    def broken() -> Iterator[Row]:
        yield a_row(2)
        raise OSError("the journal is gone")

    with pytest.raises(OSError, match="journal is gone"):
        write_gallery(tmp_path, broken(), [])
    assert (tmp_path / "index.html").read_text("utf-8") == old
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_page_stays_whole_when_it_cannot_be_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likewise where the page itself breaks off in the middle."""
    old = written(tmp_path, [a_row(1)])

    def torn(_: object) -> Iterator[str]:
        yield "half of "
        raise OSError("no space left")

    monkeypatch.setattr(_page, "_pieces", torn)
    with pytest.raises(OSError, match="no space left"):
        write_gallery(tmp_path, [a_row(2)], [])
    assert (tmp_path / "index.html").read_text("utf-8") == old
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_page_forgets_thumbnails_of_files_that_are_gone(tmp_path: Path) -> None:
    """After a page is written, only its own thumbnails are there."""
    written(tmp_path, [a_row(1, files=(a_file(tmp_path, "a.png"),))])
    page = written(tmp_path, [a_row(1, files=(a_file(tmp_path, "b.png"),))])
    kept = [f".thumbnails/{p.name}" for p in (tmp_path / ".thumbnails").iterdir()]
    assert kept == [items_of(page)[0]["files"][0]["thumb"]]


def test_page_of_a_run_that_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is cut, says so, counts all and goes on listing what needs a look."""
    monkeypatch.setattr(_page, "MOST_ROWS", 5)
    monkeypatch.setattr(_page, "MOST_URGENT", 2)
    states = {6: RowState.FAILED, 7: RowState.IN_DOUBT, 8: RowState.FAILED}
    rows = [a_row(n, state=states.get(n, RowState.SAVED)) for n in range(10)]
    page = written(tmp_path, rows)
    listed = [item["line"] for item in items_of(page)]
    assert listed == [0, 1, 2, 3, 4, 6, 7]
    words = " ".join(page.split())
    assert "This page lists 7 of 10 requests: the first 5 and 2 later ones" in words
    assert "7 saved, 2 failed, 1 in doubt." in words
    assert "This page lists" not in written(tmp_path, rows[:5])


def test_page_takes_one_row_at_a_time(tmp_path: Path) -> None:
    """Memory does not grow with the rows: none is held once the next is asked for."""
    alive = 0

    class Watched(Row):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def many() -> Iterator[Row]:
        nonlocal alive
        for number in range(500):
            row = Watched(key=str(number), model="m", request={}, stem="s")
            alive += 1
            assert alive <= 3
            yield row

    write_gallery(tmp_path, many(), [])
    assert len(items_of((tmp_path / "index.html").read_text("utf-8"))) == 500


@pytest.mark.parametrize(("module", "name"), [("jinja2", "Jinja2"), ("PIL", "Pillow")])
def test_page_without_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    """A missing package is named, with the command that brings it; nothing is left."""
    for loaded in [found for found in sys.modules if found.startswith("PIL.")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=rf"{name}.*liangxin-async\[gallery\]"):
        write_gallery(tmp_path, [a_row(1)], [])
    if module == "PIL":
        with pytest.raises(ConfigurationError, match=name):
            write_contact_sheet(tmp_path, [a_row(1)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (15_400, "15 kB"),
        (7_512_000_000, "7.5 GB"),
        (2 * 10**15, "2000 TB"),
    ],
)
def test_size_in_words(size: int, words: str) -> None:
    """Two digits are enough for a reader."""
    assert size_in_words(size) == words
