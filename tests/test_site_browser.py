"""The site in a real Chromium: no error, nothing from outside, accessible, and what it promises works."""

import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from site_pages import COURSE, built, page_paths

from course_utils.site.settings import STATIC
from course_utils.systems import system

pytestmark = pytest.mark.browser

DESKTOP, PHONE = {"width": 1300, "height": 1000}, {"width": 390, "height": 844}
SLUGS = {lesson.number: lesson.slug for lesson in COURSE.lessons()}
LESSONS = [f"notebooks/{slug}" for slug in SLUGS.values()]
CHECKED = ["index", "ledger", "glossary", "reference/blocks", "search", *LESSONS]


class Silent(SimpleHTTPRequestHandler):
    """A server that does not print what it is asked for."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The site, served on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(built())))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visit(chromium, address):
    """Open a page of the site; at the end nothing may have gone wrong on it."""
    from browser import Watched

    opened = []

    def open_page(place: str, viewport=DESKTOP, scheme="light"):
        watched = Watched(chromium, viewport=viewport, color_scheme=scheme)
        opened.append(watched)
        watched.page.goto(f"{address}/{place}")
        watched.page.wait_for_load_state("networkidle")
        return watched.page

    yield open_page
    faults = [fault for watched in opened for fault in watched.faults]
    for watched in opened:
        watched.page.context.close()
    assert faults == []


def all_pages() -> list[str]:
    return [path.relative_to(built()).as_posix() for path in page_paths(built())]


def test_every_page_opens_without_a_fault_and_fits_a_phone(visit):
    wide = []
    for place in all_pages():
        page = visit(place, PHONE)
        assert page.locator("#main-content h1:visible").count() == 1, place
        extra = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if extra > 0:
            wide.append((place, extra))
        page.context.close()
    assert wide == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", CHECKED)
def test_axe_finds_no_serious_fault(visit, place, scheme):
    page = visit(f"{place}.html", scheme=scheme)
    assert serious(page) == []


def serious(page) -> list[str]:
    """What axe-core finds on a page that is serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    # Without preload: axe would ask for the sheets that a style sheet imports in the wrong folder.
    options = {"preload": False, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def test_axe_sees_a_planted_fault(visit):
    page = visit("glossary.html")
    page.evaluate("document.querySelector('article p').style.color = '#ccc'")
    page.evaluate("document.querySelector('article').append(document.createElement('button'))")
    assert {fault.split(":")[0] for fault in serious(page)} == {"color-contrast", "button-name"}


def test_search_finds_a_word(visit):
    page = visit("search.html?q=lemmatiser")
    result = page.locator("#search-results li a").first
    result.wait_for()
    assert SLUGS[1] in " ".join(page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)"))


def test_dark_mode_toggles(visit):
    page = visit("index.html")
    dark = "() => { const c = getComputedStyle(document.body).backgroundColor.match(/\\d+/g); return +c[0] < 100; }"
    seen = set()
    for mode in ("dark", "light", "auto"):
        page.locator("button.theme-switch-button").click()
        page.locator(f"button.theme-change-button[data-mode={mode}]").click()
        seen.add((mode, page.evaluate("document.documentElement.dataset.theme"), page.evaluate(dark)))
    assert seen == {("dark", "dark", True), ("light", "light", False), ("auto", "light", False)}


def test_a_folded_solution_unfolds(visit):
    page = visit(f"notebooks/{SLUGS[1]}.html")
    solution = page.locator("details.hide").first
    code = solution.locator("pre")
    assert not code.is_visible()
    solution.locator("summary").click()
    assert code.is_visible()
    assert "Solution 01.1" in code.inner_text()


def test_a_system_of_the_tree_leads_to_its_section(visit):
    page = visit("index.html")
    bert = system("BERT")
    page.locator(f'.course-tree a[data-id="{bert.id}"]').click()
    page.wait_for_url(re.compile(rf"/notebooks/{SLUGS[bert.lesson]}\.html#system-{bert.id.lower()}$"))
    heading = page.get_by_role("heading", name=re.compile("^The model"))
    heading.wait_for()
    page.wait_for_timeout(300)
    top = heading.bounding_box()["y"]
    assert -5 < top < DESKTOP["height"] / 2


def test_the_tree_goes_by_keyboard_too_and_tells_what_is_not_written(visit):
    page = visit("index.html")
    missing, panel = system("RoBERTa"), page.locator(".course-tree .panel")
    page.locator(f'.course-tree [data-id="{missing.id}"]').click()
    assert f"lesson {missing.lesson:02d} is not written yet" in panel.inner_text()
    assert page.url.endswith("/index.html")
    page.keyboard.press("Escape")
    page.locator(".course-tree input").fill("Self-attention")
    page.locator(".course-tree .panel button", has_text=re.compile("^Self-attention$")).click()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/notebooks/{SLUGS[system('Self-attention').lesson]}\.html#system-"))


def test_formulas_are_set(visit):
    page = visit(f"notebooks/{SLUGS[6]}.html")
    page.locator("mjx-container svg").first.wait_for()
    wanted = page.locator("span.math, div.math").count()
    assert page.locator("mjx-container").count() >= wanted > 10
    assert page.locator("mjx-merror").count() == 0


def test_explorers_answer(visit):
    attention = visit(f"notebooks/{SLUGS[6]}.html").locator(".course-attention").first
    say = attention.locator(".say")
    before = say.inner_text()
    attention.locator(".line button[aria-pressed=false]").last.click()
    assert say.inner_text() != before
    film = visit(f"notebooks/{SLUGS[31]}.html").locator(".course-film").first
    slider = film.locator("input[type=range]")
    start = film.inner_text()
    slider.focus()
    slider.press("End")
    assert film.inner_text() != start
    words = visit(f"notebooks/{SLUGS[3]}.html").locator(".course-map")
    words.locator("input").fill("nowhere-at-all")
    assert "is not on the map" in words.locator(".say").inner_text()


def test_the_phone_has_its_menus(visit):
    page = visit(f"notebooks/{SLUGS[6]}.html", PHONE)
    assert not page.locator(".bd-sidebar-primary").is_visible()
    page.locator("button.primary-toggle").first.click()
    link = page.get_by_role("link", name="Glossary").first
    link.wait_for(state="visible")
    link.click()
    page.wait_for_url(re.compile("glossary"))


def test_the_page_has_the_sites_own_style(visit):
    page = visit("ledger.html")
    loaded = page.evaluate("[...document.styleSheets].map(s => s.href || '')")
    for path in STATIC.glob("*.css"):
        assert any(Path(address.split("?")[0]).name == path.name for address in loaded)
