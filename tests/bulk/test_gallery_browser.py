"""The page in a real browser: what a person sees, clicks and types."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from liangxin_async.bulk._row import Row, RowState
from liangxin_async.bulk.gallery import write_gallery
from tests.bulk.gallery_browser import Browser, a_browser, needs_chromium
from tests.bulk.gallery_rows import ATTACKS, a_file, a_picture, a_row, samples

pytestmark = [pytest.mark.anyio, needs_chromium]

TILES = "document.querySelectorAll('.tile').length"
FOCUSED = "document.activeElement.innerText || document.activeElement.tagName"
COUNTS = """JSON.stringify(Object.fromEntries([...document.querySelectorAll('.chip')]
    .map((chip) => [chip.querySelector('input').value, chip.innerText.match(/[0-9]+/)[0]])))"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser whose console must stay empty."""
    async with a_browser() as browser:
        yield browser
        assert browser.complaints() == []
        assert all(url.startswith("file://") for url in browser.requested()[1:])


def a_run(folder: Path) -> list[Row]:
    """Six requests in four states, by two models."""
    pictures = [a_file(folder, f"{n} #?.png", a_picture(300, 200)) for n in range(3)]
    return [
        a_row(0, prompt="a red cat", files=tuple(pictures[:2])),
        a_row(1, prompt="a blue dog", model="flux", files=(pictures[2],)),
        a_row(2, prompt="a red fox", state=RowState.FAILED, error="refused: too red"),
        a_row(3, prompt="a cat again", state=RowState.IN_DOUBT, task_id=None),
        a_row(4, prompt="the night", model="flux", state=RowState.ACCEPTED),
        a_row(5, prompt="gone", files=(a_file(folder, "torn.png", b"torn"),)),
    ]


async def count(browser: Browser, *, search: str = "", state: str = "") -> int:
    """How many tiles a search and a state leave."""
    await browser.ask(
        f"""(() => {{
            const search = document.getElementById('search');
            search.value = {json.dumps(search)};
            search.dispatchEvent(new Event('input'));
            document.querySelector('.chip input[value="{state}"]').click();
        }})()"""
    )
    found = await browser.ask(TILES)
    assert isinstance(found, int)
    return found


async def test_page_shows_every_request(tmp_path: Path, browser: Browser) -> None:
    """Each picture and each request without one is a tile; broken files say so."""
    await browser.open(write_gallery(tmp_path, a_run(tmp_path), samples(30)))
    assert await browser.ask(TILES) == 7
    await browser.until(
        "[...document.querySelectorAll('.tile img')].every((i) => i.naturalWidth === 300)"
    )
    words = await browser.ask("document.getElementById('grid').innerText")
    for expected in ("refused: too red", "In doubt", "Under way", "File not shown"):
        assert expected in words
    assert await browser.ask("document.getElementById('course').open")


async def test_page_finds(tmp_path: Path, browser: Browser) -> None:
    """Search, state and model narrow the grid, and each state says how many."""
    await browser.open(write_gallery(tmp_path, a_run(tmp_path), []))
    counts = json.loads(await browser.ask(COUNTS))
    assert counts == {
        "": "6",
        "saved": "3",
        "failed": "1",
        "in doubt": "1",
        "accepted": "1",
    }
    assert await count(browser, search="RED") == 3
    assert await count(browser, search="cat red") == 2
    assert await count(browser, search="task-4") == 1
    assert await count(browser, search="key-1") == 1
    assert await count(browser, search="red", state="failed") == 1
    assert await count(browser, search="blue", state="failed") == 0
    assert await browser.ask("document.getElementById('none').checkVisibility()")
    assert json.loads(await browser.ask(COUNTS))["saved"] == "1"
    await browser.ask("document.getElementById('reset').click()")
    assert await browser.ask(TILES) == 7
    await browser.ask(
        """(() => {
            const model = document.getElementById('model');
            model.selectedIndex = [...model.options].findIndex((o) => o.text === 'flux (2)');
            model.dispatchEvent(new Event('change'));
        })()"""
    )
    assert await browser.ask(TILES) == 2
    assert (
        await browser.ask("document.getElementById('found').innerText")
        == "2 of 6 requests"
    )


async def test_page_shows_doubts(tmp_path: Path, browser: Browser) -> None:
    """One click leads from the warning to the requests, and opening one says what to do."""
    await browser.open(write_gallery(tmp_path, a_run(tmp_path), []))
    await browser.ask("document.getElementById('show-doubts').click()")
    assert await browser.ask(TILES) == 1
    assert "a cat again" in await browser.ask(FOCUSED)
    await browser.press("Enter")
    facts = await browser.ask("document.getElementById('facts').innerText")
    assert "--resubmit-unknown" in facts


async def test_viewer_by_keyboard(tmp_path: Path, browser: Browser) -> None:
    """Arrows move, Enter opens, Escape closes, and the focus comes back to its tile."""
    await browser.open(write_gallery(tmp_path, a_run(tmp_path), []))
    is_open = "document.getElementById('viewer').open"
    picture = "document.querySelector('#stage img')"
    await browser.ask("document.querySelector('.tile').focus()")
    await browser.press("ArrowRight")
    await browser.press("Enter")
    assert await browser.ask(is_open)
    await browser.until(f"{picture}.naturalWidth === 300")
    assert await browser.ask(f"{picture}.getAttribute('src')") == "1%20%23%3F.png"
    assert await browser.ask("document.activeElement.id") == "close"
    facts = await browser.ask("document.getElementById('facts').innerText")
    for expected in (
        "a red cat",
        "z-image",
        "1000",
        "task-0",
        "key-0",
        "1 #?.png",
        "300 × 200",
    ):
        assert expected in facts
    await browser.press("ArrowRight")
    assert (
        await browser.ask("document.getElementById('viewer-title').innerText")
        == "3 of 7"
    )
    await browser.press("End")
    assert "File not shown" in await browser.ask(
        "document.getElementById('stage').innerText"
    )
    await browser.press("ArrowRight")
    assert await browser.ask("document.getElementById('next').disabled")
    await browser.press("Home")
    await browser.press("ArrowRight")
    await browser.press("ArrowRight")
    await browser.press("Escape")
    assert not await browser.ask(is_open)
    await browser.until(f"({FOCUSED}).includes('a blue dog')")
    await browser.press("/")
    assert await browser.ask("document.activeElement.id") == "search"
    await browser.type("fox")
    assert await browser.ask(TILES) == 1


@pytest.mark.parametrize("works", [True, False])
async def test_viewer_copies(tmp_path: Path, browser: Browser, works: bool) -> None:
    """The buttons copy prompt, seed and task id, also where the clipboard has no API."""
    prompt = ATTACKS[0]
    await browser.open(write_gallery(tmp_path, [a_row(7, prompt=prompt)], []))
    answer = "Promise.resolve()" if works else "Promise.reject(new Error())"
    await browser.ask(
        f"""(() => {{
            window.copied = [];
            navigator.clipboard.writeText = (text) => {{
                if ({json.dumps(works)}) copied.push(text);
                return {answer};
            }};
            document.execCommand = () => {{ copied.push(document.activeElement.value); return true; }};
            document.querySelector('.tile').click();
        }})()"""
    )
    for number in range(3):
        await browser.ask(f"document.querySelectorAll('.copy')[{number}].click()")
        await browser.until(f"copied.length === {number + 1}")
    assert await browser.ask("copied") == [prompt, "1007", "task-7"]
    await browser.until(
        "document.getElementById('said').innerText === 'Task id copied'"
    )


async def test_page_of_attacks(tmp_path: Path, browser: Browser) -> None:
    """Prompts that attack are shown as they are, and nothing of them runs."""
    rows = [
        a_row(
            number,
            prompt=attack,
            inputs={attack: attack},
            key=f"{number}{attack}",
            model=attack,
            task_id=attack,
            error=attack,
            state=RowState.FAILED,
        )
        for number, attack in enumerate(ATTACKS)
    ]
    await browser.open(write_gallery(tmp_path, rows, samples(30), title=ATTACKS[0]))
    assert await browser.ask(TILES) == len(ATTACKS)
    elements = "document.querySelectorAll('script, img, svg[onload]').length"
    assert await browser.ask(elements) == 3  # two with data, and the one that runs
    for number, attack in enumerate(ATTACKS):
        await browser.ask(f"document.querySelectorAll('.tile')[{number}].click()")
        shown = await browser.ask("document.querySelector('.full').textContent")
        assert shown == attack
        await browser.press("Escape")
    assert await browser.ask("document.title") == ATTACKS[0]
    root = "document.documentElement"
    assert await browser.ask(f"{root}.scrollWidth <= {root}.clientWidth")


async def test_policy_refuses_what_is_put_in(tmp_path: Path, browser: Browser) -> None:
    """If markup did get in, its handlers and its addresses would be dead."""
    await browser.open(write_gallery(tmp_path, [a_row(1)], []))
    await browser.ask(
        """(() => {
            window.refused = [];
            addEventListener('securitypolicyviolation', (e) => refused.push(e.effectiveDirective));
            const image = document.createElement('img');
            image.src = 'https://h.invalid/a.png';
            document.body.append(image);
            const style = document.createElement('style');
            style.textContent = 'body { color: red }';
            document.body.append(style);
            for (const attack of [
                () => { document.body.innerHTML = '<img src=x onerror=alert(1)>'; },
                () => image.setAttribute('onerror', "document.title = 'pwned'"),
                () => { document.createElement('script').textContent = "document.title = 'pwned'"; },
            ]) {
                try { attack(); } catch (refusal) { refused.push(refusal.name); }
            }
        })()"""
    )
    await browser.until(
        "refused.includes('img-src') && refused.includes('style-src-elem')"
    )
    assert (
        await browser.ask("refused.filter((name) => name === 'TypeError').length") == 3
    )
    assert await browser.ask("document.title") == tmp_path.name
    assert any("Content Security Policy" in text for text in browser.complaints())
    browser.events.clear()


async def test_page_of_five_thousand(tmp_path: Path, browser: Browser) -> None:
    """Only what is near the window is in the page, and everything can be reached."""
    file = a_file(tmp_path, "a.png", a_picture(300, 300))
    rows = (a_row(n, files=(file,)) for n in range(5000))
    await browser.open(write_gallery(tmp_path, rows, []))
    nodes = "document.querySelectorAll('*').length"
    assert 10 < await browser.ask(TILES) < 80
    assert await browser.ask(nodes) < 1000
    await browser.ask("document.querySelector('.tile').focus()")
    await browser.press("End")
    await browser.until(f"({FOCUSED}).includes('prompt 4999')")
    await browser.ask("scrollTo(0, document.documentElement.scrollHeight / 2)")
    await browser.until(
        "document.getElementById('grid').innerText.includes('prompt 2500\\n')"
    )
    assert await browser.ask(TILES) < 80
    assert "prompt 4999" in await browser.ask(FOCUSED)  # scrolling does not lose it
    places = """JSON.stringify([...document.querySelectorAll('.grid li')].map((tile) => {
        const box = tile.getBoundingClientRect();
        return [Number(tile.getAttribute('aria-posinset')), Math.round(box.y), Math.round(box.x)];
    }))"""
    found = json.loads(await browser.ask(places))
    assert found == sorted(found)  # the order of the page is the order on the screen
    by_place = [number for _, _, number in sorted((y, x, n) for n, y, x in found)]
    assert by_place == sorted(by_place)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_on_a_phone(tmp_path: Path, browser: Browser, scheme: str) -> None:
    """Nothing is wider than the screen, two tiles stand side by side, text has contrast."""
    rows = [*a_run(tmp_path), *(a_row(n + 10, prompt=p) for n, p in enumerate(ATTACKS))]
    page = write_gallery(tmp_path, rows, samples(30), title="W" * 90)
    await browser.open(page, width=390, height=844, scheme=scheme)
    assert await browser.ask("document.documentElement.scrollWidth") == 390
    lefts = "new Set([...document.querySelectorAll('.grid li')].map((t) => t.getBoundingClientRect().x)).size"
    assert await browser.ask(lefts) == 2
    assert not await browser.ask("document.getElementById('course').open")
    await browser.ask("document.getElementById('course').open = true")
    await browser.ask("document.querySelectorAll('.tile')[0].click()")
    assert await browser.ask("document.getElementById('viewer').scrollWidth") == 390
    colours = await browser.ask(
        "['color', 'background-color'].map((n) => getComputedStyle(document.body).getPropertyValue(n))"
    )
    ink, paper = (sum(map(int, c[4:-1].split(","))) for c in colours)
    assert abs(ink - paper) > 500
    assert (paper < ink) == (scheme == "dark")


async def test_page_whose_thumbnails_are_gone(tmp_path: Path, browser: Browser) -> None:
    """A thumbnail that is missing gives way to the picture, and that to a word."""
    files = [a_file(tmp_path, f"{n}.png", a_picture(300, 200)) for n in range(2)]
    page = write_gallery(
        tmp_path, [a_row(n, files=(f,)) for n, f in enumerate(files)], []
    )
    for thumb in (tmp_path / ".thumbnails").iterdir():
        thumb.unlink()
    (tmp_path / "1.png").unlink()
    await browser.open(page)
    await browser.until("document.querySelector('.tile img').naturalWidth === 300")
    await browser.until(
        "document.getElementById('grid').innerText.includes('cannot show it')"
    )
    assert len(browser.complaints()) >= 2  # each file that was not found
    assert all("ERR_FILE_NOT_FOUND" in text for text in browser.complaints())
    browser.events.clear()


async def test_everything_has_a_name(tmp_path: Path, browser: Browser) -> None:
    """What can be operated says what it is, to those who do not see it."""
    await browser.open(write_gallery(tmp_path, a_run(tmp_path), samples(30)))
    roles = {
        "button",
        "link",
        "radio",
        "searchbox",
        "combobox",
        "img",
        "dialog",
        "image",
    }
    names: list[tuple[str, str]] = []
    for _ in range(2):
        tree = await browser.send("Accessibility.getFullAXTree")
        for node in tree["nodes"]:
            role = node.get("role", {}).get("value")
            if role in roles and not node.get("ignored"):
                names.append((role, node.get("name", {}).get("value", "")))
        await browser.ask("document.querySelector('.tile').click()")
    assert [role for role, name in names if not name.strip()] == []
    assert {role for role, _ in names} >= {
        "button",
        "radio",
        "searchbox",
        "combobox",
        "dialog",
    }
    assert any("a red fox" in name and "Failed" in name for _, name in names)
