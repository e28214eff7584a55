"""What is handed out: the wheel and the sdist are whole, agree, and work where there is no checkout.

And the checkout where others prepare it: Binder and a dev container.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from course_utils.cli import app

HERE = Path(__file__).parent
ROOT = HERE.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = SpecifierSet(PYPROJECT["project"]["requires-python"])
MOST_BYTES = 5_000_000
# Enough to see that data, exercises, figures with their scripts, a model, its weights and decoding are all there.
REPRESENTATIVE = ["systems", "data", "exercises", "show_attention", "bert", "sampling"]
PLACE = """
from pathlib import Path
import pytest
import course_utils
from course_utils import show
from course_utils.data import data_path
from course_utils.toolchain.source import Course, CourseError

def test_this_is_the_installed_package(capsys):
    home = Path(course_utils.__file__).parent
    assert home == Path({target!r}) / "course_utils"
    assert data_path("systems.yaml") == home / "_data" / "systems.yaml"
    show.runtime()
    assert "tested with Python 3." in capsys.readouterr().out

def test_there_is_no_checkout_around():
    with pytest.raises(CourseError, match="Clone the repository"):
        Course.find()
"""


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """The sdist built from this tree, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    build(ROOT, "sdist", folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def build(source: Path, kind: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


def files(folder: Path) -> set[str]:
    """The files of a folder without what tools leave in it: `__pycache__`, `.ruff_cache` and the like."""
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if not re.search(r"(^|/)(__pycache__|\.[^/]*)/", name)}


def contents(wheel: Path) -> dict[str, int]:
    """The files of a wheel with their checksums."""
    return {entry.filename: entry.CRC for entry in zipfile.ZipFile(wheel).infolist()}


def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(wheel):
    package = {f"course_utils/{name}" for name in files(ROOT / "course_utils")}
    data = {f"course_utils/_data/{name}" for name in files(ROOT / "data")}
    held = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert held == package | data | {"course_utils/_data/constraints.txt"}
    for name in ("show/attention.js", "show/tree.css", "exercises/by_lesson/lesson_01.py", "_data/systems.yaml"):
        assert f"course_utils/{name}" in held
    assert wheel.stat().st_size < MOST_BYTES


def test_the_sdist_holds_what_the_package_its_tests_and_the_lessons_need(sdist):
    for folder in ("course_utils", "data", "lessons", "notebooks", "tests"):
        assert files(sdist / folder) == files(ROOT / folder), folder
    for name in ("pyproject.toml", "constraints.txt", "course.py", "LICENSE", "README.md", "environment.yml"):
        assert (sdist / name).read_bytes() == (ROOT / name).read_bytes()
    assert not [name for name in (".venv", "build", ".git") if (sdist / name).exists()]


def test_the_sdist_builds_the_same_wheel(sdist, wheel, tmp_path):
    build(sdist, "wheel", tmp_path)
    (again,) = tmp_path.glob("*.whl")
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


@pytest.fixture
def away(wheel, tmp_path) -> Path:
    """A folder with the installed package in `installed/`, and tests with their settings, but no checkout."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(tmp_path / "installed"), str(wheel)], check=True, capture_output=True)
    settings = PYPROJECT["tool"]["pytest"]["ini_options"]
    lines = [f"{name} =\n  " + "\n  ".join(settings[name]) for name in ("filterwarnings", "markers")]
    (tmp_path / "pytest.ini").write_text("\n".join(["[pytest]", *lines]), encoding="utf-8")
    (tmp_path / "tests").mkdir()
    helpers = [path for path in HERE.glob("*.py") if not path.name.startswith("test_")]
    for path in [*helpers, *(HERE / f"test_{name}.py" for name in REPRESENTATIVE)]:
        shutil.copy(path, tmp_path / "tests" / path.name)
    place = PLACE.format(target=str(tmp_path / "installed"))
    (tmp_path / "tests" / "test_place.py").write_text(place, encoding="utf-8")
    return tmp_path


def test_away_from_the_checkout_the_installed_package_passes_its_tests(away):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:nbval", "-p", "no:cacheprovider"]
    command += ["-m", "not official and not browser", "tests"]
    environment = {**os.environ, "PYTHONPATH": str(away / "installed"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-5000:]


# --- prepared by others ----------------------------------------------------------------------------------------------


def test_binder_finds_one_environment_and_a_python_of_ours():
    """Binder takes the Python from `python=3.N` alone: with a range it starts from an older one and has to solve."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    pinned = [match[1] for line in lines if (match := re.fullmatch(r"python=(3\.\d+)", line))]
    assert len(pinned) == 1, "environment.yml should have one line python=3.N"
    assert pinned[0] in PYTHONS
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert environment["dependencies"][-1]["pip"][0].startswith("-e .")
    overriding = ("binder", ".binder", "Dockerfile", "Project.toml", "install.R", "runtime.txt")
    assert not [name for name in overriding if (ROOT / name).exists()]


def test_the_badge_opens_binder_at_the_start_page():
    place = "{repository}/{branch}".format(**PYPROJECT["tool"]["course"])
    start = "notebooks/index.ipynb"
    assert (ROOT / start).is_file()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"https://mybinder.org/v2/gh/{place}?urlpath=lab/tree/{start}" in readme


def test_the_dev_container_has_a_python_of_ours_and_prepares_the_course():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    image, _, tag = container["image"].partition(":")
    assert image == "mcr.microsoft.com/devcontainers/python"
    assert re.fullmatch(r"3\.\d+", tag)
    assert tag in PYTHONS
    python, script, command = container["postCreateCommand"].split()
    assert (python, script) == ("python3", "course.py")
    known = {name.name or name.callback.__name__ for name in app.registered_commands}
    assert command in known
    assert 8888 in container["forwardPorts"]
    assert "ms-toolsai.jupyter" in container["customizations"]["vscode"]["extensions"]
