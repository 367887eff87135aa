"""The page of ``graph`` in a real browser: as it is seen, clicked, typed at and read aloud."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.browser import Browser, browser, chromium
from tests.acceptance.counts import COUNTS
from tests.kit import examples

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("cdk8s-inference")
MANY = 50
DRAWN = ".drawing a[data-part]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Browser]:
    if (program := chromium()) is None:
        pytest.skip("no Chromium is on PATH")
    pytest.importorskip("websockets", reason="pip install -r requirements-acceptance.txt")
    with browser(program, folder) as found:
        yield found


def drawn(source: Path, folder: Path) -> Path:
    """The page of some manifests."""
    to = folder / f"{source.stem}.html"
    if not to.exists():
        command: list[str | Path] = [PROGRAM, "graph", source, "--output", to]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return to


@pytest.fixture(scope="module")
def dist(folder: Path) -> Path:
    return drawn(ROOT / "dist", folder)


@pytest.fixture(scope="module")
def broken(folder: Path) -> Path:
    source = folder / "broken.yaml"
    source.write_text(yaml.safe_dump_all(examples.broken("T302"), sort_keys=False))
    return drawn(source, folder)


@pytest.fixture(scope="module")
def many(folder: Path) -> Path:
    """A folder of fifty deployments, of five teams, of which two are broken."""
    source = folder / "many"
    source.mkdir()
    for index in range(MANY):
        objects = examples.broken("T302") if index in (7, 31) else examples.base("disaggregated")
        text = yaml.safe_dump_all([dict(each) for each in objects], sort_keys=False)
        text = text.replace("namespace: llm", f"namespace: team-{index % 5}")
        (source / f"{index:02}.yaml").write_text(text.replace("qwen", f"model-{index}"))
    return drawn(source, folder)


def focused(page: Browser) -> Any:
    """What has the focus: the part that it stands for, or its text."""
    return page.value(
        "(({dataset, textContent, id}) => dataset.part || id || textContent.trim())"
        "(document.activeElement)"
    )


def in_panel(page: Browser) -> str:
    """What the panel says; nothing where it is closed."""
    said: str = page.value("panel.hidden ? '' : panel.innerText")
    return said


def test_a_click_on_a_part_says_what_is_wrong_with_it(page: Browser, broken: Path) -> None:
    page.open(broken)
    assert in_panel(page) == ""
    page.click(".drawing a.error")
    said = in_panel(page)
    assert "error T302" in said
    assert "Fix: " in said
    right = "Math.max(...[...document.querySelectorAll('.drawing a')].map(RIGHT))"
    right = right.replace("RIGHT", "(each) => each.getBoundingClientRect().right")
    assert page.value(f"{right} <= panel.getBoundingClientRect().left"), "it covers a part"
    assert "kv_transfer" in said or "kv-transfer" in said, said
    page.click("#panel button")
    assert in_panel(page) == ""
    # What leads to a part is a link to that part's words.
    page.click(".drawing a.error")
    other = page.value("panel.querySelector('dd a').dataset.part")
    page.click("#panel dd a")
    assert page.value("document.querySelector('[aria-current]').dataset.part") == other


def test_the_keyboard_reaches_opens_and_closes(page: Browser, broken: Path) -> None:
    page.open(broken)
    page.press("Tab")
    assert focused(page) == "Skip to the drawings"
    parts = page.value(f"[...document.querySelectorAll('{DRAWN}')].map(a => a.dataset.part)")
    for _ in range(20):
        page.press("Tab")
        if focused(page) == parts[0]:
            break
    reached = [focused(page)]
    for _ in parts[1:]:
        page.press("Tab")
        reached.append(focused(page))
    assert reached == parts, "Tab goes from part to part, from above to below"
    page.press("Tab", shift=True)
    last = focused(page)
    assert last == parts[-2]
    page.press("Enter")
    assert in_panel(page)
    assert focused(page) == "panel-title"
    page.press("Escape")
    assert in_panel(page) == ""
    assert focused(page) == last, "the focus goes back to where it was"


def test_arrow_keys_go_to_the_part_in_that_direction(page: Browser, broken: Path) -> None:
    page.open(broken)
    name = "document.activeElement.getAttribute('aria-label')"
    page.value(f"document.querySelector('{DRAWN}').focus()")
    assert page.value(name).startswith("gateway"), page.value(name)
    went = []
    for key in ("Down", "Down", "Right", "Left", "Down", "Down", "Left", "Right", "Up"):
        page.press(f"Arrow{key}")
        went.append(page.value(name).split()[0])
    expected = "route pool picker pool sidecar decode prefill decode sidecar"
    assert " ".join(went) == expected
    page.press("Enter")
    assert "sidecar" in in_panel(page)


def test_the_index_finds_one_of_fifty(page: Browser, many: Path) -> None:
    page.open(many)
    shown = "[...document.querySelectorAll('main > section')].filter(each => !each.hidden).length"
    links = "[...document.querySelectorAll('nav li')].filter(each => !each.hidden).length"
    assert page.value(shown) == page.value(links) == MANY
    page.press("/")
    assert focused(page) == "search"
    page.type("team-2 model-32")
    assert page.value(shown) == page.value(links) == 1
    assert page.value("document.getElementById('count').textContent") == f"1 of {MANY} shown"
    page.value("search.value = ''; search.dispatchEvent(new Event('input'))")
    page.value("search.value = 't302'; search.dispatchEvent(new Event('input'))")
    assert page.value(shown) == 2
    for level, count in (("clean", 0), ("error", 2)):
        page.value(f"level.value = '{level}'; level.dispatchEvent(new Event('change'))")
        assert page.value(shown) == count
    page.value("document.querySelector('nav li:not([hidden]) a').focus()")
    assert "model-7" in focused(page)
    page.press("ArrowDown")
    assert "model-31" in focused(page), "past those that are filtered out"
    page.press("Enter")
    page.until(lambda: page.value("location.hash") != "")
    top = page.value("document.querySelector(location.hash).getBoundingClientRect().top")
    assert 0 <= top < 400, top


@pytest.mark.parametrize("source", ["dist", "broken", "many"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_readable(
    source: str, dark: bool, page: Browser, request: pytest.FixtureRequest, folder: Path
) -> None:
    """Each text keeps within its part, nothing covers another, and colors differ enough."""
    page.open(request.getfixturevalue(source), dark=dark)
    wide = page.value(
        """[...document.querySelectorAll('.drawing a')].flatMap((part) => {
          const box = part.querySelector('rect').getBBox();
          return [...part.querySelectorAll('text')]
            .filter((each) => each.getBBox().x + each.getBBox().width > box.x + box.width - 4)
            .map((each) => each.textContent);
        })"""
    )
    assert wide == []
    covered = page.value(
        """[...document.querySelectorAll('.drawing')].flatMap((drawing) => {
          const boxes = [...drawing.querySelectorAll('a')].map((each) => each.getBBox());
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
            a.x < b.x + b.width && b.x < a.x + a.width &&
            a.y < b.y + b.height && b.y < a.y + a.height));
        }).length"""
    )
    assert covered == 0
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
    back = luminance(page.value("getComputedStyle(document.body).backgroundColor"))
    assert (back < 0.1) is dark
    for selector in ("h2", ".summary", "nav li a", ".drawing text", ".drawing .soft", ".label"):
        where = f"getComputedStyle(document.querySelector('{selector}'))"
        fill = "fill" if "drawing" in selector or "label" in selector else "color"
        front = luminance(page.value(f"{where}.{fill}"))
        light, low = max(front, back), min(front, back)
        # By WCAG 2.2, 1.4.3.
        assert (light + 0.05) / (low + 0.05) >= 4.5, (selector, dark)
    page.screenshot(folder / f"{source}-{'dark' if dark else 'light'}.png")
    COUNTS["pages looked at"] += 1


def luminance(color: str) -> float:
    """The relative luminance of ``rgb(r, g, b)``, by WCAG."""
    values = [float(each) / 255 for each in color.partition("(")[2].strip(")").split(",")[:3]]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in values
    ]
    return sum(part * each for part, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_narrow_window_has_room_for_it(page: Browser, dist: Path) -> None:
    page.open(dist, width=420)
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
    page.click(DRAWN)
    assert in_panel(page)
    assert page.value("panel.getBoundingClientRect().width <= innerWidth")
    # Wider than the window, a drawing is scrolled: smaller its words could not be read.
    assert page.value("document.querySelector('.drawing text').getBoundingClientRect().height > 10")


@pytest.mark.parametrize("source", ["dist", "broken", "many"])
def test_a_screen_reader_is_told_of_all_parts(
    source: str, page: Browser, request: pytest.FixtureRequest
) -> None:
    page.open(request.getfixturevalue(source))
    tree = page.accessible()
    said: dict[str, list[str]] = {}
    for each in tree:
        name = each.get("name", {}).get("value", "")
        said.setdefault(each["role"]["value"], []).append(name)
    for role in ("link", "heading", "navigation", "region", "button", "textbox", "combobox"):
        assert all(said.get(role, [])), f"a {role} has no name"
    parts = page.value(f"[...document.querySelectorAll('{DRAWN}')].map(a => a.ariaLabel)")
    assert parts
    for part in parts:
        assert part in said["link"], part
    titles = page.value("[...document.querySelectorAll('h2')].map(each => each.textContent)")
    assert {*titles} <= {*said["heading"]}
    if source == "broken":
        assert any("T302" in part for part in parts)


def test_nothing_is_asked_of_elsewhere_and_nothing_fails(page: Browser, dist: Path) -> None:
    page.open(dist)
    loaded = page.value("performance.getEntriesByType('resource').map(each => each.name)")
    assert loaded == []
    assert page.problems == []
