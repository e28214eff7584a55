"""The static site: built without a warning, complete, its links whole, and nothing asked of the outside."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from site_pages import COURSE, asks_outside, broken_links, built, page_paths, pictures_without_text, soup

import course_utils
from course_utils.site import build as building
from course_utils.site import reference
from course_utils.site.notebooks import prepare
from course_utils.site.places import SECTIONS, find_places, read_pages
from course_utils.site.prose import docstring
from course_utils.site.settings import STATIC
from course_utils.systems import claims, glossary, sources, systems
from course_utils.toolchain.notebook import colab_url
from course_utils.toolchain.source import Course, CourseError

LESSONS = COURSE.lessons()
WRITTEN = {lesson.number: lesson for lesson in LESSONS}


@pytest.fixture(scope="session")
def site() -> Path:
    return built()


def words(text: str) -> str:
    """A text as it is compared: without blanks at line ends, backticks and typographic quotes."""
    return re.sub(r"\s+", " ", re.sub(r"[`'’‘\"“”]", "", text)).strip()


# --- every page ------------------------------------------------------------------------------------------------------


def test_there_is_a_page_for_everything(site):
    places = {path.relative_to(site).with_suffix("").as_posix() for path in page_paths(site)}
    assert places >= {"index", "ledger", "glossary", "search", "reference/index", "reference/blocks"}
    assert places >= {f"notebooks/{lesson.slug}" for lesson in LESSONS}
    assert places >= {f"docs/{path.stem}" for path in (COURSE.root / "docs").glob("*.md")}


def test_every_link_and_every_anchor_within_the_site_exists(site):
    assert broken_links(site) == []


def test_every_picture_has_a_text(site):
    assert pictures_without_text(site) == []


def test_no_page_loads_anything_from_outside(site):
    assert asks_outside(site) == []


@pytest.mark.parametrize(
    ("check", "planted"),
    [
        (broken_links, '<a href="nowhere.html">x</a>'),
        (broken_links, '<a href="other.html#nothing">x</a>'),
        (broken_links, '<a href="#nothing">x</a>'),
        (broken_links, '<a href="../outside.txt">x</a>'),
        (pictures_without_text, '<img src="data:image/png;base64,">'),
        (pictures_without_text, '<img alt=" " src="data:image/png;base64,">'),
        (asks_outside, '<script src="https://cdn.example/x.js"></script>'),
        (asks_outside, '<link rel="stylesheet" href="//cdn.example/x.css">'),
        (asks_outside, "<style>@font-face{src:url(https://cdn.example/x.woff)}</style>"),
        (asks_outside, '<p style="background:url(//cdn.example/x.png)">'),
    ],
)
def test_the_checks_see_a_planted_fault(tmp_path, check, planted):
    folder = tmp_path / "site"
    folder.mkdir()
    (tmp_path / "outside.txt").touch()
    (folder / "other.html").write_text('<p id="here">', encoding="utf-8")
    (folder / "page.html").write_text(
        '<a href="other.html#here"></a><a href="https://example.org"></a><img alt="a" src="data:,">', encoding="utf-8"
    )
    assert check(folder) == []
    (folder / "bad.html").write_text(planted, encoding="utf-8")
    assert len(check(folder)) == 1


def test_a_style_that_loads_from_outside_is_seen(tmp_path):
    (tmp_path / "x.css").write_text('@import "https://fonts.example/a.css";', encoding="utf-8")
    assert len(asks_outside(tmp_path)) == 1


# --- the entry -------------------------------------------------------------------------------------------------------


def tree_links(site) -> dict[str, list[str]]:
    script = next(tag for tag in soup(site / "index.html").find_all("script") if "family tree" in tag.get_text())
    data = re.search(r"const DATA = (\{.*\});", script.get_text())
    return json.loads(data[1])["links"]


def test_the_tree_leads_to_all_systems_of_written_lessons_and_to_no_others(site):
    links = tree_links(site)
    assert set(links) == {s.id for s in systems().values() if s.lesson in WRITTEN}
    for id, (address, told) in links.items():
        path, _, anchor = address.partition("#")
        assert path == f"notebooks/{WRITTEN[systems()[id].lesson].slug}.html"
        assert told.startswith(f"lesson {systems()[id].lesson:02d}, ")
        if anchor:
            heading = soup(site / path).find(id=anchor).find_next(re.compile("^h[2-6]$"))
            assert words(told).endswith(words(heading.get_text().removesuffix("#")))


def test_every_system_is_listed_with_its_lesson(site):
    items = soup(site / "index.html").find("section", id="all-systems").find_all("li")
    for s, item in zip(sorted(systems().values(), key=lambda s: s.group), items, strict=True):
        assert words(item.get_text()).startswith(words(s.name))
        link = item.find("a")
        if s.lesson in WRITTEN:
            assert link["href"].startswith(f"notebooks/{WRITTEN[s.lesson].slug}.html")
        else:
            assert link is None
            assert item.get_text().endswith(f"lesson {s.lesson:02d}, not written yet")


def test_declared_sections_belong_to_written_lessons():
    declared = yaml.safe_load(SECTIONS.read_text(encoding="utf-8"))
    lessons = {t.term: t.lesson for t in glossary()}
    assert {id for id in declared["systems"] if systems()[id].lesson not in WRITTEN} == set()
    assert {term for term in declared["terms"] if lessons[term] not in WRITTEN} == set()


def test_a_declared_section_that_a_lesson_lacks_says_what_to_mend():
    notebook = nbformat.read(COURSE.notebooks / "02_word2vec.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("## One-hot and dense", "## Dense")
    with pytest.raises(CourseError, match=r"lesson 02 treats Word embedding under 'One-hot and dense'.*sections\.yaml"):
        find_places(notebook, 2)


# --- lessons ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_has_its_buttons_and_its_neighbours(site, lesson):
    page = soup(site / "notebooks" / f"{lesson.slug}.html")
    links = [tag["href"] for tag in page.select(".article-header-buttons a[href]")]
    assert colab_url(COURSE, lesson) in links
    (download,) = [link for link in links if link.endswith(".ipynb") and "colab" not in link]
    offered = (site / "notebooks" / download).resolve()
    assert offered.read_bytes() == (COURSE.notebooks / f"{lesson.slug}.ipynb").read_bytes()
    k = LESSONS.index(lesson)
    before, after = page.select_one("a.left-prev"), page.select_one("a.right-next")
    assert before["href"] == (f"{LESSONS[k - 1].slug}.html" if k else "../index.html")
    if k + 1 < len(LESSONS):
        assert after["href"] == f"{LESSONS[k + 1].slug}.html"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_a_lesson_shows_its_figures_and_folds_its_solutions(site, lesson):
    notebook = nbformat.read(COURSE.notebooks / f"{lesson.slug}.ipynb", as_version=4)
    page = soup(site / "notebooks" / f"{lesson.slug}.html")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    folded = page.select(".cell details.hide > summary")
    assert len(folded) == sum("solution" in cell.metadata.get("tags", []) for cell in code) > 0
    html = [o.data["text/html"] for c in code for o in c.outputs if "text/html" in o.get("data", {})]
    pictures = sum(len(BeautifulSoup(one, "lxml").find_all("img")) for one in html)
    assert len(page.select(".cell_output img")) == pictures > 0
    assert "widget-view" not in str(page)


# --- the ledger ------------------------------------------------------------------------------------------------------


def measured_claims() -> dict[str, tuple[str, str]]:
    """What the notebooks' own tables of claims say, read from their HTML: measurement and verdict by id."""
    found = {}
    for lesson in LESSONS:
        notebook = nbformat.read(COURSE.notebooks / f"{lesson.slug}.ipynb", as_version=4)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                if output.get("metadata", {}).get("course", {}).get("claims"):
                    for row in BeautifulSoup(output.data["text/html"], "lxml").find("tbody").find_all("tr"):
                        id, _, _, told, verdict = (part.get_text() for part in row.find_all(["th", "td"]))
                        assert found.get(id, (told, verdict))[1] == verdict, f"lessons disagree on {id}"
                        found[id] = told, verdict
    return found


def test_every_claim_stands_in_the_ledger_with_verdict_and_source(site):
    ledger, measured = soup(site / "ledger.html"), measured_claims()
    for claim in claims().values():
        entry = ledger.find(id=f"ledger-{claim.id.lower()}").find_parent(class_="claim")
        text = words(entry.get_text())
        assert words(claim.claim) in text
        assert words(claim.correct) in text
        assert words(claim.evidence) in text
        assert {f"#{id.lower()}" for id in claim.sources} <= {link["href"] for link in entry.find_all("a")}
        if claim.lesson in WRITTEN:
            told, verdict = measured[claim.id]
            assert words(told) in text
            assert words(verdict) in text
        else:
            assert "not checked yet" in text


def test_the_ledger_names_the_texts(site):
    text = words(soup(site / "ledger.html").get_text())
    for source in sources().values():
        assert words(source.title) in text
        assert words(source.english) in text


def test_a_claim_leads_to_the_cell_that_records_it(site):
    ledger = soup(site / "ledger.html")
    for claim in (claim for claim in claims().values() if claim.lesson in WRITTEN):
        entry = ledger.find(id=f"ledger-{claim.id.lower()}").find_parent(class_="claim")
        (address,) = [link["href"] for link in entry.find_all("a") if "notebooks/" in link["href"]]
        path, _, anchor = address.partition("#")
        place = soup(site / path).find(id=anchor)
        cell = place if "cell" in place.get("class", []) else place.find_parent(class_="cell")
        code = cell.select_one(".cell_input").get_text()
        assert claim.id in code or "show.claims(" in code, claim.id


# --- the glossary ----------------------------------------------------------------------------------------------------


def test_every_term_stands_in_the_glossary_in_both_languages(site):
    page = soup(site / "glossary.html")
    entries = {words(dt.get_text().removesuffix("#")): dt.find_next("dd") for dt in page.select("dl.glossary dt")}
    assert list(entries) == sorted(map(words, (t.term for t in glossary())), key=str.lower)
    for term in glossary():
        entry = entries[words(term.term)]
        assert words(term.definition) in words(entry.get_text())
        if term.zh:
            assert entry.find(lang="zh-Hans").get_text() == term.zh
        link = entry.find("a", href=re.compile("^notebooks/"))
        assert link if term.lesson in WRITTEN else f"Lesson {term.lesson:02d}, not written yet" in entry.get_text()
        if link:
            assert link["href"].startswith(f"notebooks/{WRITTEN[term.lesson].slug}.html#")


# --- the reference ---------------------------------------------------------------------------------------------------


def documented_modules() -> list[str]:
    found = pkgutil.walk_packages(course_utils.__path__, "course_utils.")
    hidden = re.compile(r"\._|\.by_lesson|\.(?:bench|checkpoints|site|toolchain|cli)\b")
    return [module.name for module in found if not hidden.search(module.name)]


@pytest.fixture(scope="session")
def described(site) -> dict[str, str]:
    """What the reference says of each name."""
    pages = [soup(path) for path in (site / "reference").glob("*.html")]
    return {tag["id"]: words(tag.parent.find("dd").get_text()) for page in pages for tag in page.select("dt.sig[id]")}


@pytest.mark.parametrize("name", documented_modules())
def test_all_that_is_public_is_described_in_its_own_words(described, name):
    module = importlib.import_module(name)
    for public, value in vars(module).items():
        if public.startswith("_") or not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        origin = str(value.__module__)
        lent = hasattr(module, "__path__") and origin.rpartition(".")[2].startswith("_") and origin.startswith(name)
        if value.__name__ == public and (origin == name or lent):
            first = " ".join((value.__doc__ or "").split("\n\n")[0].split())
            assert words(first) in described[f"{name}.{public}"], public


def test_the_reference_links_to_the_line_of_the_source():
    pages = reference.reference("https://example.org/blob")
    for place, line in re.findall(r"\[source\]\(https://example.org/blob/(\S+)#L(\d+)\)", "\n".join(pages.values())):
        text = (COURSE.root / place).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert re.match(r"(def|class) ", text), f"{place}:{line}"


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("def f(x: int, *, y: str = 'a') -> None: ...", "f(x: int, *, y: str='a') -> None"),
        ("class A:\n    def __init__(self, n: int = 3): ...", "A(n: int=3)"),
        ("@dataclass(frozen=True)\nclass A:\n    x: int\n    y: str = 'b'", "A(x: int, y: str = 'b')"),
        ("class A(NamedTuple):\n    x: int", "A(x: int)"),
        ("class A(B):\n    x: int", "A"),
    ],
)
def test_signatures(code, wanted):
    assert reference.signature(ast.parse(code).body[0]) == wanted


def test_a_method_is_called_without_self():
    code = (
        "class A:\n    def f(self, x): ...\n    @classmethod\n    def g(cls): ...\n    @staticmethod\n    def h(x): ..."
    )
    methods = ast.parse(code).body[0].body
    assert [reference.signature(method, bound=True) for method in methods] == ["f(x)", "g()", "h(x)"]


def test_a_docstring_becomes_prose_code_and_examples():
    text = """One *sentence*.

    Errors: ValueError for `a_b`.
        y = x
    As before.

    >>> f(1)
    2

    >>> f(2)
    3
    """
    assert docstring(text).split("\n\n") == [
        r"One \*sentence\*.",
        "Errors: ValueError for `a_b`.",
        "```text\ny = x\n```",
        "As before.",
        "```pycon\n>>> f(1)\n2",
        ">>> f(2)\n3\n```",
    ]


def test_the_pages_are_made_without_importing_what_they_describe(tmp_path):
    code = (
        "import sys; from pathlib import Path; from course_utils.site import build, places;"
        f"from course_utils.toolchain.source import Course; c = Course(Path({str(COURSE.root)!r}));"
        f"build.write_sources(c, places.read_pages(c), Path({str(tmp_path)!r}));"
        "sys.exit(', '.join({'torch', 'transformers', 'matplotlib'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch) -> Course:
    """A checkout of one lesson and one page of docs/, with a reference of one page."""
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "page.md").write_text(
        "# A page\n\n[lesson](../notebooks/01_normalising_words.ipynb) [licence](../LICENSE)\n", encoding="utf-8"
    )
    for name in ("pyproject.toml", "course.py", "lessons/01_normalising_words.py", "lessons/measured.json"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(COURSE.root / name, root / name)
    (root / "notebooks").mkdir()
    lesson = (COURSE.notebooks / "01_normalising_words.ipynb").read_text(encoding="utf-8")
    alone = re.sub(r"\((?:00_map|02_word2vec)\.ipynb\)", "(index.ipynb)", lesson)
    (root / "notebooks" / "01_normalising_words.ipynb").write_text(alone, encoding="utf-8")
    monkeypatch.setattr(building, "reference", lambda blob: {"reference/index": "# The package"})
    return Course(root)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_building_again_gives_the_same_and_replaces_what_was_there(small, tmp_path):
    folder = tmp_path / "build" / "site"
    building.build(small, folder)
    first = contents(folder)
    (folder / "old.html").write_text("left over", encoding="utf-8")
    building.build(small, folder)
    assert contents(folder) == first
    assert (small.root / "docs" / "page.md").read_text(encoding="utf-8").startswith("# A page")
    links = [tag["href"] for tag in BeautifulSoup(first["docs/page.html"], "lxml").select("article a[href]")]
    assert "../notebooks/01_normalising_words.html" in links
    assert "https://github.com/{repository}/blob/{branch}/LICENSE".format(**small.settings) in links
    assert [p.name for p in small.root.iterdir()] == [
        p.name for p in small.root.iterdir() if p.name != "jupyter_execute"
    ]


def test_what_sphinx_warns_of_ends_in_its_words_and_leaves_the_earlier_site(small, tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("earlier", encoding="utf-8")
    (folder / "objects.inv").write_bytes(b"")
    (small.root / "docs" / "page.md").write_text("# A page\n\n[nothing](nowhere.md)\n", encoding="utf-8")
    with pytest.raises(CourseError, match=r"docs/page\.md:3: WARNING: .*nowhere\.md"):
        building.build(small, folder)
    assert contents(folder) == {"index.html": b"earlier", "objects.inv": b""}


def test_without_sphinx_it_says_how_to_get_it(small, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "myst_nb" else find(name))
    with pytest.raises(CourseError, match=r'needs myst_nb.*pip install "course-utils\[site\]".*course\.py site'):
        building.build(small, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_command_says_where_the_site_is(monkeypatch, tmp_path):
    from typer.testing import CliRunner

    from course_utils.cli import app

    asked = []
    monkeypatch.setattr(building, "build", lambda course, folder: asked.append(folder) or 7)
    done = CliRunner().invoke(app, ["site", "--build-dir", str(tmp_path)])
    assert done.exit_code == 0
    assert asked == [tmp_path / "site"]
    assert f"7 pages: open {tmp_path / 'site' / 'index.html'}" in done.output


def test_the_wheel_holds_what_the_site_is_made_of():
    assert {path.name for path in STATIC.iterdir()} == {"site.css", "site.js", "icon.svg"}
    assert len(read_pages(COURSE)) == len(LESSONS)


def test_a_folder_with_something_else_in_it_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(CourseError, match="no site of the course"):
        building.require_replaceable(tmp_path)
    (tmp_path / "objects.inv").write_bytes(b"")  # what Sphinx leaves
    building.require_replaceable(tmp_path)
    building.require_replaceable(tmp_path / "new")


def test_the_runtime_of_the_builder_is_not_shown():
    for lesson in LESSONS:
        notebook = nbformat.read(COURSE.notebooks / f"{lesson.slug}.ipynb", as_version=4)
        assert any("Your runtime" in str(cell) for cell in notebook.cells)
        shown = prepare(notebook, lesson.number)
        assert not any("Your runtime" in str(cell.get("outputs")) for cell in shown.cells)
