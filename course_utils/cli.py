"""The `course` command. `course --help` lists what it does; each command imports only what it needs."""

import importlib
import importlib.util
import os
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from course_utils.toolchain import terminal
from course_utils.toolchain.source import Course, CourseError

ALL_TESTS = ["--numprocesses", "logical", "--dist", "loadfile"]  # a file's tests share what they build

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Run, read, check and build the Transformer course.",
)
console = Console()

Lessons = Annotated[list[str] | None, typer.Argument(help="Lessons by number, for example 01 (default: all).")]
Here = Annotated[Path | None, typer.Option("--build-dir", help="Where results go (default: build/).")]


@app.command()
def run(
    lessons: Lessons = None,
    fresh: Annotated[bool, typer.Option(help="Run also what did not change.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Lessons at a time (default: one a core).")] = None,
    hold: Annotated[bool, typer.Option(help="Fail also when a lesson leaves its budget of time or memory.")] = False,
    build_dir: Here = None,
) -> None:
    """Run the lessons; executed copies and HTML pages go to build/."""
    from course_utils.toolchain import runner

    course = Course.find()
    build = build_dir or course.root / "build"
    try:
        outcomes = runner.run(course, lessons or [], fresh=fresh, build=build, console=console, jobs=jobs)
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept: the same command goes on from there.")
        raise typer.Exit(130) from None
    console.print(f"Executed copies and pages: {build}", highlight=False, soft_wrap=True)
    if any(outcome.error for outcome in outcomes) or (hold and runner.over_budget(course, outcomes)):
        raise typer.Exit(1)


@app.command()
def build(
    lessons: Lessons = None,
    check: Annotated[bool, typer.Option(help="Change nothing; fail when a notebook is not current.")] = False,
    measure: Annotated[bool, typer.Option(help="Also write down the time and memory each lesson takes.")] = False,
    text: Annotated[bool, typer.Option(help="Execute nothing: only text changed, the outputs stay.")] = False,
) -> None:
    """Build the notebooks from their sources in lessons/, executed."""
    from course_utils.toolchain import authoring

    course = Course.find()
    if check:
        stale = authoring.stale(course)
        for name in stale:
            sentence = f"notebooks/{name}.ipynb is not what its source builds: run `course build`"
            console.print(sentence, style="red", soft_wrap=True)
        raise typer.Exit(1 if stale else 0)
    authoring.build(course, lessons or [], measure=measure, text=text, console=console)


@app.command()
def lint(lessons: Lessons = None) -> None:
    """Check the anatomy of the lessons: objectives, exercises, claims, alt text, length, links, budget."""
    from course_utils.toolchain import lint as rules

    course = Course.find()
    chosen = course.lessons(lessons)
    found = [fault for lesson in chosen for fault in rules.faults(course, lesson)]
    for fault in found:
        console.print(str(fault), style="red", highlight=False, markup=False, soft_wrap=True)
    console.print(f"{len(chosen)} lessons looked at, {len(found)} faults", highlight=False)
    raise typer.Exit(1 if found else 0)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open JupyterLab at the course's start page, on this machine only. Further options go to JupyterLab."""
    from course_utils.toolchain import lab as start

    raise typer.Exit(start.lab(Course.find(), context.args))


@app.command()
def progress(
    lesson: Annotated[int | None, typer.Argument(help="A lesson's number, to see its exercises one by one.")] = None,
) -> None:
    """Show which exercises were solved on this machine."""
    from course_utils import show

    try:
        show.progress(lesson)
    except ValueError as error:
        raise CourseError(f"{error}.".capitalize()) from None


@app.command()
def release(
    folder: Annotated[Path | None, typer.Argument(help="Where to write (default: build/release).")] = None,
) -> None:
    """Write the lessons without their solutions, for a class."""
    from course_utils.toolchain import authoring

    course = Course.find()
    folder = folder or course.root / "build" / "release"
    count = authoring.release(course, folder)
    console.print(f"{count} lessons without solutions in {folder}", highlight=False, soft_wrap=True)


@app.command()
def wheelhouse(
    folder: Annotated[Path | None, typer.Argument(help="Where to write (default: build/stick).")] = None,
    solutions: Annotated[bool, typer.Option(help="Keep the folded solutions in the lessons.")] = True,
) -> None:
    """Write a folder, for a USB stick, from which the course installs and runs without a network."""
    from course_utils.toolchain import classroom

    course = Course.find()
    folder = folder or course.root / "build" / "stick"
    classroom.stick(course, folder, solutions=solutions, console=console)


@app.command()
def site(build_dir: Here = None) -> None:
    """Build the lessons as a static site into build/site, offline; nothing is executed."""
    from course_utils.site.build import build

    course = Course.find()
    folder = (build_dir or course.root / "build") / "site"
    count = build(course, folder)
    console.print(f"{count} pages: open {folder / 'index.html'}", highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Say what is missing on this machine and how to mend it."""
    from course_utils.toolchain.doctor import examine

    found = examine()
    for finding in found:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]" if finding.serious else "[yellow]![/]"
        console.print(mark, finding.what, highlight=False)
        if finding.mend:
            console.print(f"    → {finding.mend}", highlight=False, markup=False)
    raise typer.Exit(1 if any(finding.mend and finding.serious for finding in found) else 0)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="A benchmark, or a group of them such as words.")],
    text: Annotated[Path | None, typer.Option(help="A text to train on, for the benchmarks that take one.")] = None,
) -> None:
    """Measure our speed against a peer in one run, in CPU seconds of one thread."""
    from course_utils.bench import GROUPS, NAMES

    if name not in (*NAMES, *GROUPS):
        raise CourseError(f"There is no benchmark {name!r}. There are: {', '.join((*NAMES, *GROUPS))}.")
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[variable] = "1"
    mains = {one: importlib.import_module(f"course_utils.bench.{one}").main for one in GROUPS.get(name, (name,))}
    given = {} if text is None else {"text": _read(text)}
    for one, main in mains.items():
        if not given.keys() <= signature(main).parameters.keys():
            raise CourseError(f"The benchmark {one} takes no text; leave --text out.")
        main(**given)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} is no text that can be read: {error}") from error


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="A checkpoint, for example roformer_wikipedia.")],
    folder: Annotated[Path | None, typer.Argument(help="Where to write (default: build/checkpoints/NAME).")] = None,
) -> None:
    """Train one of the project's own checkpoints anew, which takes a while. An interrupted training goes on."""
    from course_utils.checkpoints import NAMES

    if name not in NAMES:
        raise CourseError(f"There is no checkpoint {name!r}. There are: {', '.join(NAMES)}.")
    folder = folder or Course.find().root / "build" / "checkpoints" / name
    importlib.import_module(f"course_utils.checkpoints.{name}").train(folder)
    console.print(f"{name}: {folder}", highlight=False, soft_wrap=True)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run all tests, the lessons under nbval included, on all cores. Further options go to pytest."""
    raise typer.Exit(_call(Course.find(), [sys.executable, "-m", "pytest", *(context.args or ALL_TESTS)]))


@app.command()
def check(tests: Annotated[bool, typer.Option(help="Run the tests too.")] = True) -> None:
    """Everything CI runs: format, lint, types, notebooks current, anatomy of the lessons, tests."""
    course, python = Course.find(), [sys.executable, "-m"]
    if missing := [name for name in ("ruff", "mypy", "pytest") if importlib.util.find_spec(name) is None]:
        raise CourseError(f"The checks need {', '.join(missing)}. `python3 course.py check` installs them first.")
    steps = {
        "format": [*python, "ruff", "format", "--check", "."],
        "lint": [*python, "ruff", "check", "."],
        "types": [*python, "mypy"],
        "notebooks are current": [*python, "course_utils", "build", "--check"],
        "anatomy of the lessons": [*python, "course_utils", "lint"],
    }
    if tests:
        steps["tests"] = [*python, "pytest", *ALL_TESTS]
    failed = []
    for name, command in steps.items():
        console.rule(name)
        if _call(course, command):
            failed.append(name)
    console.rule()
    console.print(f"failed: {', '.join(failed)}" if failed else "all checks passed", highlight=False)
    raise typer.Exit(1 if failed else 0)


def _call(course: Course, command: list[str]) -> int:
    return subprocess.run(command, cwd=course.root).returncode


def main() -> None:
    """Run the command line; a fault that the user can mend ends in its message, without a traceback."""
    try:
        terminal.prepare()
        app()
    except Exception as error:
        if not (sentence := terminal.sentence(error)):
            raise
        console.print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
