"""Colab: only the .ipynb of a lesson, an empty folder, Colab's own packages, and the course as a wheel.

A stand-in `google.colab` module plays Colab. By default nothing is fetched: the set-up cell runs for real in an
environment that sees the installed libraries but not this checkout, so that it has to install the course from
`$COURSE_SOURCE`; and what pip would do on Colab is worked out from the versions that Colab publishes
(colab_versions.txt). The test marked `official` does it with those very versions.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from functools import cache
from importlib.metadata import packages_distributions, requires
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils.toolchain.notebook import setup_source
from course_utils.toolchain.source import Course

HERE = Path(__file__).parent
ROOT = HERE.parent
VERSIONS = HERE / "colab_versions.txt"
COLAB_PYTHON = Version(re.search(r"^# Python (3[.\d]+)$", VERSIONS.read_text(encoding="utf-8"), re.MULTILINE)[1])
LESSONS = [lesson.slug for lesson in Course.find(ROOT).lessons()]
# What the set-up cell adds to Colab, as README says; everything else is there already and stays as it is.
NEW = {
    *("course-utils", "gensim", "jaxtyping", "jupyterlab-language-pack-zh-cn", "mwparserfromhell", "sacrebleu"),
    *("colorama", "portalocker", "wadler-lindig", "jedi"),
}
# Colab leaves out what one of its own packages requires; pip notices when it comes by, and adds it.
LEFT_OUT = {"ipython": "jedi"}

RUN = """
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read("lesson.ipynb", as_version=4)
try:
    NotebookClient(notebook, timeout=300).execute()
finally:
    nbformat.write(notebook, "done.ipynb")
"""


# --- every lesson ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request) -> nbformat.NotebookNode:
    """The committed notebook, which is what Colab opens."""
    return nbformat.read(ROOT / "notebooks" / f"{request.param}.ipynb", as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parsed(notebook: nbformat.NotebookNode) -> list[ast.Module]:
    """The Python of every cell after the set-up; lines for IPython ("%...", "!...") are left out."""
    return [ast.parse(re.sub(r"(?m)^\s*[%!].*$", "", cell.source)) for cell in code(notebook)[1:]]


def test_the_first_code_cell_is_the_set_up_and_the_only_one(lesson):
    first, *others = code(lesson)
    assert first.source == setup_source(Course.find(ROOT))
    assert first.metadata.tags == ["setup"]
    assert not any("setup" in cell.metadata.get("tags", []) or "COURSE_SOURCE" in cell.source for cell in others)


def names_a_file_of_the_checkout(text: str) -> bool:
    """Whether a text in a lesson's code is a path that only a checkout has, seen from its notebooks or its root."""
    if not re.fullmatch(r"[\w./\\-]*\w[\w./\\-]*", text) or not re.search(r"[./\\]", text) or text.startswith("/"):
        return False
    return any((place / text).exists() for place in (ROOT / "notebooks", ROOT))


def test_no_cell_needs_a_file_of_the_checkout(lesson):
    for module in parsed(lesson):
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not names_a_file_of_the_checkout(node.value), node.value


def test_the_search_for_files_of_the_checkout_finds_them():
    for path in ("../data/systems.yaml", "data/systems.yaml", "01_normalising_words.ipynb", "..", "../lessons"):
        assert names_a_file_of_the_checkout(path) == (path != ".."), path
    for text in ("data", "systems.yaml", "/tmp", "A sentence.", "./no_such_file.txt", "course_utils.text"):
        assert not names_a_file_of_the_checkout(text), text


def imported(modules: list[ast.Module]) -> set[str]:
    """What some code imports beside the standard library, by the first names."""
    nodes = [node for module in modules for node in ast.walk(module)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | froms} - set(sys.stdlib_module_names)


packages_by_module = cache(packages_distributions)


def not_on_colab(modules: set[str]) -> set[str]:
    """Those of some modules that are neither on Colab nor come with the course."""
    homes, there = packages_by_module(), NEW | colab().keys()
    return {module for module in modules if not there & {canonicalize_name(name) for name in homes[module]}}


def test_what_a_lesson_imports_is_on_colab_or_comes_with_the_course(lesson):
    assert not_on_colab(imported(parsed(lesson))) == set()
    assert not [cell.source for cell in code(lesson) if re.search(r"course_utils\.(toolchain|site)", cell.source)]


def test_what_the_package_imports_for_lessons_is_on_colab_or_comes_with_the_course():
    package = ROOT / "course_utils"
    authors = {package / "toolchain", package / "site", package / "cli.py"}
    paths = [path for path in package.rglob("*.py") if not authors & {path, *path.parents}]
    modules = imported([ast.parse(path.read_text(encoding="utf-8")) for path in paths])
    assert {"torch", "transformers", "gensim"} <= modules
    assert not_on_colab(modules) == set()
    assert not_on_colab({"jupytext", "numpy"}) == {"jupytext"}


# --- Colab's versions ------------------------------------------------------------------------------------------------


def colab() -> dict[str, str]:
    """The versions that Colab publishes, by package."""
    lines = [line for line in VERSIONS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.fixture(scope="module")
def metadata(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(archive.read(name).decode("utf-8"))


def needed(lines: list[str], extras: frozenset[str] = frozenset()) -> list[Requirement]:
    """The requirements that hold on Colab: Linux, its Python, without extras or with the given."""
    python = ".".join(map(str, COLAB_PYTHON.release[:2]))
    there = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"}
    there |= {"python_version": python, "python_full_version": str(COLAB_PYTHON)}
    needs = [Requirement(line) for line in lines]
    return [
        need
        for need in needs
        if not need.marker or any(need.marker.evaluate({**there, "extra": extra}) for extra in {"", *extras})
    ]


def what_pip_would_do(needs: list[Requirement], there: dict[str, str]) -> tuple[set[str], set[str]]:
    """The packages that pip would install, and those of Colab's that it would replace."""
    new, replaced, open_needs = set(), set(), list(needs)
    while open_needs:
        need = open_needs.pop()
        name = canonicalize_name(need.name)
        if name in there:
            if not need.specifier.contains(there[name]):
                replaced.add(f"{name} {there[name]}, wanted {need.specifier}")
            new |= {LEFT_OUT[name]} if name in LEFT_OUT else set()
        elif name not in new:
            new.add(name)
            open_needs += needed(requires(name) or [], frozenset(need.extras))
    return new, replaced


def test_the_set_up_replaces_nothing_of_colabs_and_adds_what_the_readme_says(metadata):
    new, replaced = what_pip_would_do(needed(metadata.get_all("Requires-Dist")), colab())
    assert replaced == set()
    assert {"course-utils", *new} == NEW


def test_a_bound_above_colabs_version_and_a_new_package_are_seen(metadata):
    needs = [*needed(metadata.get_all("Requires-Dist")), Requirement("numpy>=2.4"), Requirement("nbval")]
    new, replaced = what_pip_would_do(needs, colab())
    assert replaced == {f"numpy {colab()['numpy']}, wanted >=2.4"}
    assert {"nbval", "coverage", "pytest"} <= new - NEW


def test_colabs_python_is_one_of_ours(metadata):
    assert SpecifierSet(metadata["Requires-Python"]).contains(COLAB_PYTHON)


def test_colabs_versions_name_their_source_and_are_sorted():
    head = [line for line in VERSIONS.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert re.search(r"googlecolab/backend-info, commit [0-9a-f]{7,40} of 20\d\d-\d\d-\d\d", " ".join(head))
    assert all(before < after for before, after in pairwise(colab()))
    assert not NEW & colab().keys()


# --- the set-up cell, for real ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runtime(tmp_path_factory) -> Path:
    """A fresh environment's Python with everything but the course, and with a stand-in for google.colab."""
    folder = tmp_path_factory.mktemp("runtime")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    libraries = folder / "libraries"
    libraries.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "course_utils" not in entry.name.replace("-", "_"):
            (libraries / entry.name).symlink_to(entry)
    play_colab(folder / "venv", libraries)
    return folder / "venv" / "bin" / "python"


def play_colab(environment: Path, libraries: Path) -> None:
    """Put `libraries` and a stand-in for google.colab in front of every Python that starts in the environment."""
    (libraries / "google").mkdir(parents=True, exist_ok=True)
    (libraries / "google" / "colab.py").write_text("", encoding="utf-8")
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{libraries}\nimport google.colab\n", encoding="utf-8")


def run_notebook(python: Path, folder: Path, source: Path, **more: str) -> list[nbformat.NotebookNode]:
    """Run lesson.ipynb in a folder that holds nothing else; return its cells with their outputs."""
    environment = {**os.environ, "COURSE_SOURCE": str(source), "PYTHONWARNINGS": "default", **more}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([python, "-c", RUN], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(folder / "done.ipynb", as_version=4).cells


def run_cells(python: Path, folder: Path, wheel: Path, *sources: str) -> list[str]:
    """Run the set-up cell and then `sources`; return what each cell printed or displayed."""
    cells = [nbformat.v4.new_code_cell(source) for source in (setup_source(Course.find()), *sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "lesson.ipynb")
    return [shown(cell) for cell in run_notebook(python, folder, wheel, PIP_NO_INDEX="1")]


def shown(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_only_the_notebook_in_an_empty_folder(runtime, wheel, tmp_path):
    sources = (
        "print(course_utils.__file__)",
        "from course_utils.text.porter import PorterStemmer\nprint(PorterStemmer().stem('running'))",
        "from course_utils.data import data_path\nprint(data_path('systems.yaml').is_file())",
    )
    setup, place, stem, data = run_cells(runtime, tmp_path, wheel, *sources)
    assert re.search(r"Your runtime: Python 3\.\d+, torch .* · tested with Python 3\.11 to 3\.\d+, torch \d", setup)
    assert "site-packages" in place
    assert str(ROOT) not in place
    assert stem == "run\n"
    assert data == "True\n"
    again, *_ = run_cells(runtime, tmp_path, Path("/nowhere/at/all.whl"))
    assert "Your runtime: " in again  # the course is there already, so nothing is installed


def test_where_the_course_is_installed_the_set_up_cell_shows_one_line(tmp_path):
    (setup,) = run_cells(Path(sys.executable), tmp_path, Path("/nowhere/at/all.whl"))
    assert re.fullmatch(r"Your runtime: .* · tested with .*", setup)


# --- with Colab's very versions --------------------------------------------------------------------------------------


def python_like_colabs() -> str | None:
    """A Python of Colab's minor version on this machine, if there is one that works."""
    minor = ".".join(map(str, COLAB_PYTHON.release[:2]))
    places = [shutil.which(f"python{minor}"), *sorted(Path.home().glob(f".pyenv/versions/{minor}*/bin/python"))]
    for place in filter(None, places):
        asked = subprocess.run([place, "-c", "import venv, ensurepip, sys; print(sys.version)"], capture_output=True)
        if asked.stdout.decode().startswith(minor):
            return str(place)
    return None


@pytest.fixture(scope="module")
def like_colab(tmp_path_factory) -> Path:
    """A Python with Colab's versions of the packages that matter here.

    Torch is the nearest that can be had: the CPU build from its own index, or, where that can't be reached, the
    build of the same version with CUDA from the ordinary index, which takes about 5 GB.
    """
    python = python_like_colabs()
    if not python:
        pytest.skip(f"no Python {COLAB_PYTHON.major}.{COLAB_PYTHON.minor} on this machine")
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
    mine = folder / "venv" / "bin" / "python"
    others = [f"{name}=={version}" for name, version in colab().items() if name != "torch"]
    pip(mine, "install", "--quiet", "--no-deps", *others)  # without, as Colab leaves some out
    torch = f"torch=={colab()['torch']}"
    cpu = ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]
    pip(mine, "install", "--quiet", "-c", str(VERSIONS), *cpu, torch)
    play_colab(folder / "venv", folder / "libraries")
    return mine


def pip(python: Path, *arguments: str) -> str:
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def installed(python: Path) -> dict[str, str]:
    lines = pip(python, "list", "--format=freeze").split()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@pytest.fixture(scope="module")
def before(like_colab) -> dict[str, str]:
    """What is installed there before any lesson."""
    return installed(like_colab)


@pytest.mark.official
@pytest.mark.parametrize("slug", LESSONS)
def test_a_lesson_runs_on_colabs_versions_and_changes_none_of_them(like_colab, before, wheel, tmp_path, slug):
    assert {"numpy", "torch"} <= before.keys()
    shutil.copy(ROOT / "notebooks" / f"{slug}.ipynb", tmp_path / "lesson.ipynb")
    cells = run_notebook(like_colab, tmp_path, wheel, PYTHONWARNINGS="ignore")
    assert "Your runtime: " in shown(next(cell for cell in cells if "setup" in cell.metadata.get("tags", [])))
    after = installed(like_colab)
    assert {name: after.get(name) for name in before} == before
    assert after.keys() - before.keys() == NEW
