"""`course site`: all pages into a temporary folder, Sphinx over it, and the result into build/site."""

import importlib.util
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from course_utils.site.pages import entry, glossary_page, ledger
from course_utils.site.places import Page, read_pages
from course_utils.site.reference import reference
from course_utils.toolchain.runner import require_writable
from course_utils.toolchain.source import Course, CourseError

NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline")
CONFIGURATION = "from course_utils.site.settings import settings\n\nglobals().update(settings({!r}, {!r}, {!r}))\n"


def build(course: Course, folder: Path) -> int:
    """Build the site into `folder` and return how many pages it has; an earlier site there is replaced at the end.

    Raises CourseError when something that it needs is not installed, and with Sphinx's words when it warns.
    """
    require_sphinx()
    require_replaceable(folder)
    require_writable(folder)
    pages = read_pages(course)
    with TemporaryDirectory(prefix="course-site-") as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "site"
        count = write_sources(course, pages, source)
        run_sphinx(source, made)
        shutil.rmtree(folder)
        shutil.copytree(made, folder)
    return count


def require_sphinx() -> None:
    """Raise CourseError, which says what to do, when a package that the site needs is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(
            f"The site needs {', '.join(missing)}, and this Python does not have it. "
            'Type: pip install "course-utils[site]" or, in a checkout, python3 course.py site'
        )


def require_replaceable(folder: Path) -> None:
    """Raise CourseError when the folder holds something else than an earlier site: it would be lost."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "objects.inv").is_file():
        raise CourseError(
            f"{folder} holds something that is no site of the course. Name another place: --build-dir FOLDER."
        )


def write_sources(course: Course, pages: list[Page], folder: Path) -> int:
    """Write all that Sphinx reads, and return how many pages there are."""
    blob = "https://github.com/{repository}/blob/{branch}".format(**course.settings)
    documents = copy_documents(course, folder, blob)
    texts = {
        "index": entry(course, pages, documents),
        "ledger": ledger(pages),
        "glossary": glossary_page(pages),
        **reference(blob),
    }
    for place, text in texts.items():
        path = folder / f"{place}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    for page in pages:
        path = folder / f"{page.path}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(course.notebooks / path.name, path)
    settings = CONFIGURATION.format(course.settings["repository"], course.settings["branch"], version("course-utils"))
    (folder / "conf.py").write_text(settings, encoding="utf-8")
    return len(texts) + len(documents) + len(pages)


def copy_documents(course: Course, folder: Path, blob: str) -> list[str]:
    """Copy docs/, and return the places of its pages; what they link to outside of it is on the repository's site."""
    if not (course.root / "docs").is_dir():
        return []
    shutil.copytree(course.root / "docs", folder / "docs")
    paths = sorted((folder / "docs").glob("*.md"))
    for path in paths:
        text = re.sub(r"\]\(\.\./(?!notebooks/)([^)#]+)", rf"]({blob}/\1", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
    return [f"docs/{path.stem}" for path in paths]


def run_sphinx(source: Path, made: Path) -> None:
    """Run Sphinx in a Python of its own; what it warns of ends in a CourseError."""
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "-q", "-j", "2"]
    command += ["-d", str(source.parent / "doctrees"), str(source), str(made)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        said = (done.stderr or done.stdout).replace(f"{source}/", "").strip()
        raise CourseError(f"The site was not built, because Sphinx found this:\n{said}")
    for template in (made / "_static").glob("*.html"):  # the theme's own, no pages
        template.unlink()
