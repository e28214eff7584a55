"""What a teacher takes to a class: progress at a glance, and a folder that installs without a network."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console
from tiny import tiny_course

from course_utils import show
from course_utils.exercises import progress_table
from course_utils.toolchain import classroom
from course_utils.toolchain.source import MOST_MEGABYTES, Course, CourseError

ROOT = Path(__file__).parents[1]


def solve(folder: Path, *ids: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "progress.json").write_text(json.dumps(dict.fromkeys(ids, "2026-02-03")), encoding="utf-8")


def test_progress_names_what_comes_next(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_USER_DIR", str(tmp_path))
    solve(tmp_path, "00.1", "00.2", "01.1")
    show.progress()
    lines = capsys.readouterr().out.splitlines()
    first = [row for row in progress_table() if row.id.startswith("00.")]
    assert lines[0] == f"3 of {len(progress_table())} exercises solved on this machine"
    assert any(line.split()[:5] == ["00", "2", "of", str(len(first)), first[2].id] for line in lines)

    solve(tmp_path, *(row.id for row in first))
    show.progress()
    assert re.search(rf"^00 +{len(first)} of {len(first)} +all done$", capsys.readouterr().out, re.MULTILINE)


def test_progress_of_one_lesson_says_when(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_USER_DIR", str(tmp_path))
    solve(tmp_path, "01.2")
    show.progress(1)
    lines = {line.split()[0]: line.split()[-1] for line in capsys.readouterr().out.splitlines() if line[:2] == "01"}
    assert (lines["01.1"], lines["01.2"]) == ("open", "2026-02-03")
    with pytest.raises(ValueError, match="those that have some are 00, 01"):
        show.progress(98)


# --- the stick -------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path) -> Course:
    """A tiny course with the real course.py, and things that do not belong on a stick."""
    course = tiny_course(tmp_path / "course")
    for name in ("course.py", "constraints.txt"):
        (course.root / name).write_bytes((ROOT / name).read_bytes())
    for name in (".git/config", ".venv/bin/python", "build/00.html", "course_utils/__pycache__/a.pyc"):
        (course.root / name).parent.mkdir(parents=True, exist_ok=True)
        (course.root / name).write_text("no", encoding="utf-8")
    return course


@pytest.fixture
def calls(monkeypatch) -> list[list[str]]:
    made = []
    monkeypatch.setattr(subprocess, "call", lambda command: made.append(command) or 0)
    return made


def test_the_stick_holds_the_course_and_the_packages(small, calls, tmp_path):
    stick = tmp_path / "stick"
    for _ in range(2):  # a second time adds to it
        classroom.stick(small, stick, solutions=True, console=Console(quiet=True))
    files = {path.relative_to(stick).as_posix() for path in stick.rglob("*") if path.is_file()}
    assert {"course.py", "constraints.txt", "lessons/00_tiny.py", "data/part.txt"} <= files
    assert not [name for name in files if name.startswith((".git", ".venv", "build")) or "__pycache__" in name]
    assert calls[0][calls[0].index("--dest") + 1] == str(stick / "wheels")
    assert f"{small.root}[lab]" in calls[0]
    assert "hatchling" in calls[0]


def test_inside_the_course_only_build_is_a_place_for_it(small, calls):
    classroom.stick(small, small.root / "build" / "stick", solutions=True, console=Console(quiet=True))
    for bad in (small.root / "stick", small.root, small.root.parent):
        with pytest.raises(CourseError, match="outside the course"):
            classroom.stick(small, bad, solutions=True, console=Console(quiet=True))


def test_a_download_that_fails_says_so(small, monkeypatch, tmp_path):
    monkeypatch.setattr(subprocess, "call", lambda command: 1)
    with pytest.raises(CourseError, match="goes on from there"):
        classroom.stick(small, tmp_path / "stick", solutions=True, console=Console(quiet=True))


def test_a_stick_installs_from_its_wheels_and_nowhere_else(small, calls, tmp_path, monkeypatch):
    stick = tmp_path / "stick"
    classroom.stick(small, stick, solutions=True, console=Console(quiet=True))
    (stick / "wheels").mkdir()
    spec = importlib.util.spec_from_file_location("on_the_stick", stick / "course.py")
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    assert bootstrap.places() == ["--no-index", "--find-links", stick / "wheels"]


def test_pip_itself_installs_from_such_a_folder_without_an_index(wheel, tmp_path):
    """The one thing that the stick relies on, tried for real with the course's own wheel."""
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", wheel.parent]
    subprocess.run([*command, "--no-deps", "--target", target, "course-utils"], check=True, capture_output=True)
    assert (target / "course_utils" / "_data" / "systems.yaml").is_file()


# --- the page for teachers -------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "classroom.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_exist():
    from typer.main import get_command

    from course_utils.cli import app

    known = get_command(app).commands
    named = set(re.findall(r"course\.py (\w+)", PAGE))
    assert named >= {"doctor", "run", "release", "wheelhouse", "lab", "progress"}
    assert named <= set(known)
    for option in re.findall(r"(?<!-)--[a-z][\w-]+", PAGE):
        assert any(option in (*one.opts, *one.secondary_opts) for command in known.values() for one in command.params)


def test_the_page_names_the_repository_and_the_memory_as_they_are():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]
    assert f"github.com/{settings['repository']}" in PAGE
    assert f"github.com%2F{settings['repository'].replace('/', '%2F')}&branch={settings['branch']}" in PAGE
    assert f"{MOST_MEGABYTES / 1000:.1f} GB of memory" in PAGE
