"""The pages that are made from the data: the entry with the family tree, the ledger of claims, the glossary."""

from collections import Counter
from collections.abc import Iterable

from course_utils.show.family import tree_alt, tree_html
from course_utils.show.layout import plan
from course_utils.show.tables import MARKS
from course_utils.site.notebooks import claim_target, system_target, term_target
from course_utils.site.places import Page, Verdict
from course_utils.site.prose import chinese, escaped
from course_utils.systems import Claim, Source, System, Term, claims, glossary, groups, sources, systems
from course_utils.toolchain.notebook import measured
from course_utils.toolchain.source import Course

UNCHECKED = "not checked yet"
START = """\
Every system of the Transformer family, built in small clear code, trained on real data on a laptop's CPU within a
minute or two, proved equal to the official implementation, and its famous claim measured.

Read a lesson here with all its results, open it in Colab with the rocket above its text, or download it as a notebook
beside that. On your own machine, `python3 course.py lab` sets everything up and opens the lessons in JupyterLab.
"""


def entry(course: Course, pages: list[Page], others: list[str]) -> str:
    """The first page: the tree, the lessons, all systems, and the contents of the site."""
    parts = [
        "---\nhtml_theme.sidebar_secondary.remove: true\n---\n\n# The Transformer family from scratch",
        START,
        "## The family tree",
        "Click a system: it leads to the section of the lesson that builds it. Dashed ones have no lesson yet.",
        raw(tree(pages)),
        "## Lessons",
        lessons_table(course, pages),
        "## All systems",
        *(family(letter, name, pages) for letter, name in groups().items()),
        contents("Lessons", [page.path for page in pages]),
        contents("About the lessons", ["ledger", "glossary", "reference/index", *others]),
    ]
    return "\n\n".join(parts)


def raw(html: str) -> str:
    """HTML as it is, within Markdown."""
    return f"````{{raw}} html\n{html}\n````"


def contents(caption: str, places: Iterable[str]) -> str:
    """Entries of the site's navigation, shown in its sidebar only."""
    lines = "\n".join(places)
    return f"```{{toctree}}\n:caption: {caption}\n:hidden:\n\n{lines}\n```"


def tree(pages: list[Page]) -> str:
    """The interactive family tree, in which every system that has a lesson leads there."""
    layout = plan(systems().values(), groups())
    links = {s.id: (address(s, page), told(s, page)) for s in systems().values() if (page := page_of(s, pages))}
    return tree_html(layout, [], tree_alt(layout, []), links)


def page_of(entry: System | Term | Claim, pages: list[Page]) -> Page | None:
    """The lesson that something belongs to, if it is written."""
    return next((page for page in pages if page.lesson.number == entry.lesson), None)


def address(system: System, page: Page) -> str:
    """The address of the section that treats a system, or of its lesson, from the entry page."""
    anchor = f"#{system_target(system.id)}" if system.id in page.places.systems else ""
    return f"{page.path}.html{anchor}"


def told(system: System, page: Page) -> str:
    """Where a system's link leads, in words."""
    section = page.places.systems.get(system.id)
    return f"lesson {page.lesson.number:02d}, {section.title if section else page.lesson.title}"


def lessons_table(course: Course, pages: list[Page]) -> str:
    """The lessons, what they cover, and how long they take."""
    rows = ["| lesson | what it covers | to read, to run |", "|---|---|---|"]
    efforts = measured(course)
    for page in pages:
        lesson = page.lesson
        covered = ", ".join(escaped(systems()[id].label) for id in lesson.systems)
        run = f", {efforts[lesson.slug].seconds}\N{NO-BREAK SPACE}s" if lesson.slug in efforts else ""
        times = f"{lesson.minutes}\N{NO-BREAK SPACE}min{run}"
        rows.append(f"| [{escaped(lesson.name)}]({page.path}.ipynb) | {covered} | {times} |")
    return "\n".join(rows)


def family(letter: str, name: str, pages: list[Page]) -> str:
    """The systems of one family, each with the way to its lesson."""
    members = [s for s in systems().values() if s.group == letter]
    return "\n".join([f"### {escaped(name)}", "", *(_system(s, page_of(s, pages)) for s in members)])


def _system(s: System, page: Page | None) -> str:
    facts = ", ".join(str(fact) for fact in (s.organisation, s.year) if fact)
    name = escaped(s.name) + (f" {chinese(s.zh)}" if s.zh else "")
    about = f"**{name}**" + (f" ({escaped(facts)})" if facts else "")
    if page is None:
        return f"- {about}: lesson {s.lesson:02d}, not written yet"
    target = f"#{system_target(s.id)}" if s.id in page.places.systems else f"{page.path}.ipynb"
    return f"- {about}: [{escaped(told(s, page))}]({target})"


# ------------------------------------------------------------------ the ledger


def ledger(pages: list[Page]) -> str:
    """Every claim: who makes it, what is right, what a lesson measured, and the cell that shows it."""
    verdicts = {id: verdict for page in pages for id, verdict in page.places.verdicts.items()}
    parts = [
        "# The ledger of claims",
        f"Five texts started this course. What they say is checked here, statement by statement: {len(claims())} so "
        "far. Each verdict comes out of a lesson's code, and the link leads to the cell that shows it.",
        counts(verdicts),
        "## The texts",
        *(_source(source) for source in sources().values()),
    ]
    for number in sorted({claim.lesson for claim in claims().values()}):
        parts += _lesson_of_claims(number, pages, verdicts)
    return "\n\n".join(parts)


def counts(verdicts: dict[str, Verdict]) -> str:
    """How many claims have which verdict."""
    number = Counter(verdicts[id].verdict if id in verdicts else UNCHECKED for id in claims())
    rows = [f"| {_marked(verdict)} | {number[verdict]} |" for verdict in (*MARKS, UNCHECKED) if number[verdict]]
    return "\n".join(["| verdict | claims |", "|---|--:|", *rows])


def _marked(verdict: str) -> str:
    return f"{MARKS[verdict]} {verdict}" if verdict in MARKS else verdict


def _source(source: Source) -> str:
    return f"({source.id.lower()})=\n**{source.id}** {chinese(source.title)}, {escaped(source.english)}. {source.about}"


def _lesson_of_claims(number: int, pages: list[Page], verdicts: dict[str, Verdict]) -> list[str]:
    mine = [claim for claim in claims().values() if claim.lesson == number]
    page = page_of(mine[0], pages)
    title = page.lesson.name if page else f"{number:02d}, not written yet"
    return [f"## Lesson {escaped(title)}", *(_claim(claim, page, verdicts.get(claim.id)) for claim in mine)]


def _claim(claim: Claim, page: Page | None, verdict: Verdict | None) -> str:
    said = ", ".join(f"[{id}](#{id.lower()})" for id in claim.sources)
    rows = [("The text says", escaped(claim.claim))]
    if claim.quote:
        rows.append(("In its words", f"{chinese(claim.quote.zh)} {escaped(claim.quote.en)}"))
    rows.append(("In fact", escaped(claim.correct)))
    rows.append(("Evidence", escaped(claim.evidence)))
    if verdict:
        rows.append(("Measured", escaped(verdict.measured)))
    if page and claim.id in page.places.claims:
        rows.append(("Shown in", f"[the cell of lesson {page.lesson.number:02d}](#{claim_target(claim.id)})"))
    head = f"**{claim.id}** {said}: **{_marked(verdict.verdict if verdict else UNCHECKED)}**"
    listed = "\n\n".join(f"{name}\n: {text}" for name, text in rows)
    return f":::{{container}} claim\n(ledger-{claim.id.lower()})=\n{head}\n\n{listed}\n:::"


# ------------------------------------------------------------------ the glossary


def glossary_page(pages: list[Page]) -> str:
    """All terms in English and Chinese, in the order of the alphabet, each with the section that introduces it."""
    terms = sorted(glossary(), key=lambda term: term.term.lower())
    listed = "\n\n".join(_term(term, page_of(term, pages)) for term in terms)
    about = f"{len(terms)} terms in English and {chinese('中文')}, each with the lesson that introduces it."
    return f"# Glossary\n\n{about}\n\n::::{{glossary}}\n{listed}\n::::"


def _term(term: Term, page: Page | None) -> str:
    zh = f"{chinese(term.zh)}: " if term.zh else ""
    where = f"Lesson {term.lesson:02d}, not written yet."
    if page:
        section = page.places.terms.get(term.term)
        target = f"#{term_target(term.term)}" if section else f"{page.path}.ipynb"
        where = f"[Lesson {term.lesson:02d}{', ' + escaped(section.title) if section else ''}]({target})"
    return f"{term.term}\n  {zh}{escaped(term.definition)} {where}"
