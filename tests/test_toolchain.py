"""From source to notebook: reading, generating, executing, running, releasing."""

import io
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from rich.console import Console
from tiny import HEADER, LESSON, tiny_course, write_lesson

from course_utils.toolchain import authoring, lab, runner
from course_utils.toolchain.execute import LessonStopped, execute
from course_utils.toolchain.notebook import generate, is_current, without_outputs
from course_utils.toolchain.source import Course, CourseError, read_lesson


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def notebook_of(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_lesson_is_read_with_its_header_and_cells(tmp_path):
    (lesson,) = tiny_course(tmp_path).lessons()
    assert (lesson.number, lesson.slug, lesson.title) == (0, "00_tiny", "Tiny")
    assert [cell.kind for cell in lesson.cells] == ["markdown", "code", "exercise", "markdown", "code"]
    assert lesson.exercises == ["00.1"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("#     minutes: 1\n", "", "lacks ['minutes']"),
        ("#     minutes: 1\n", "#     minutes: 1\n#     colour: red\n", "does not know ['colour']"),
    ],
)
def test_a_header_that_lacks_something_says_what(tmp_path, old, new, words):
    path = tiny_course(tmp_path).sources / "00_tiny.py"
    path.write_text((HEADER.format(title="T") + LESSON).replace(old, new), encoding="utf-8")
    with pytest.raises(CourseError, match=words.replace("[", r"\[")):
        read_lesson(path)


@pytest.mark.parametrize(
    ("body", "words"),
    [("# %% exercise 00.1\nx = 1", "comes from the package"), ("# %% something\nx = 1", "'something'")],
)
def test_a_cell_title_is_an_exercise_or_a_fault(tmp_path, body, words):
    with pytest.raises(CourseError, match=words):
        tiny_course(tmp_path, _00_tiny=body).lessons()


def test_an_unknown_lesson_names_the_known_ones(tmp_path):
    course = tiny_course(tmp_path)
    assert [lesson.slug for lesson in course.lessons(["0"])] == ["00_tiny"]
    with pytest.raises(CourseError, match="There are: 00_tiny"):
        course.lessons(["07"])


def test_outside_a_checkout_the_message_says_so(tmp_path):
    with pytest.raises(CourseError, match="Clone the repository"):
        Course.find(tmp_path)


# --- generating ------------------------------------------------------------------------------------------------------


def test_generated_cells_and_their_order(tmp_path):
    course = tiny_course(tmp_path)
    cells = generate(course, course.lessons()[0]).cells
    kinds = [(cell.metadata.get("tags") or [cell.cell_type])[0] for cell in cells]
    assert kinds == [
        *("markdown", "setup", "markdown", "code"),
        *("markdown", "exercise", "check", "solution"),
        *("markdown", "code", "markdown"),
    ]
    solution = cells[7]
    assert solution.metadata.jupyter.source_hidden
    assert solution.metadata.cellView == "form"
    assert solution.source.startswith("#@title")
    assert "someone/somewhere" in cells[1].source
    assert "- [First section](#First-section)" in cells[0].source


def test_neighbours_are_linked_and_gaps_are_skipped(tmp_path):
    course = tiny_course(tmp_path, _00_a="# %%\n1", _03_b="# %%\n1", _07_c="# %%\n1")
    first, middle, last = (generate(course, lesson).cells[0].source for lesson in course.lessons())
    assert "←" not in first
    assert "[03 · B →](03_b.ipynb)" in first
    assert "[← 00 · A](00_a.ipynb)" in middle
    assert "[07 · C →](07_c.ipynb)" in middle
    assert "→]" not in last


def test_ids_hang_on_the_source_alone(tmp_path):
    course = tiny_course(tmp_path, _00_tiny="# %%\nx = 1\n\n# %%\nx = 1\n\n# %%\nx = 2")
    lesson = course.lessons()[0]
    before = [cell.id for cell in generate(course, lesson).cells]
    assert len(set(before)) == len(before)
    assert before == [cell.id for cell in generate(course, lesson).cells]
    write_lesson(tmp_path, "00_tiny", "# %%\nnew = 0\n\n# %%\nx = 1\n\n# %%\nx = 1\n\n# %%\nx = 2")
    after = [cell.id for cell in generate(course, course.lessons()[0]).cells]
    assert set(before) - {before[0]} < set(after)


# --- building --------------------------------------------------------------------------------------------------------


def test_building_twice_gives_the_same_bytes_and_a_change_is_seen(tmp_path):
    course = tiny_course(tmp_path)
    authoring.build(course, [], measure=True, console=quiet())
    first = {path.name: path.read_bytes() for path in course.notebooks.iterdir()}
    assert set(first) == {"00_tiny.ipynb", "index.ipynb"}
    assert authoring.stale(course) == []
    authoring.build(course, [], measure=False, console=quiet())
    assert {path.name: path.read_bytes() for path in course.notebooks.iterdir()} == first

    notebook = nbformat.reads(first["00_tiny.ipynb"].decode(), as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5, 6]
    assert code[1].outputs[0].text == "hello 42\n"

    write_lesson(tmp_path, "00_tiny", LESSON.replace("hello", "goodbye"))
    assert not is_current(course, course.lessons()[0])
    (course.notebooks / "99_orphan.ipynb").write_bytes(first["00_tiny.ipynb"])
    assert authoring.stale(course) == ["00_tiny", "99_orphan"]


def test_an_edited_notebook_is_stale(tmp_path):
    course = tiny_course(tmp_path)
    lesson = course.lessons()[0]
    notebook = generate(course, lesson)
    from course_utils.toolchain.notebook import write

    path = course.notebooks / "00_tiny.ipynb"
    write(notebook, path)
    assert is_current(course, lesson)
    notebook.cells[3].source += "  # by hand"
    write(notebook, path)
    assert not is_current(course, lesson)


def test_release_leaves_out_the_solutions_only(tmp_path):
    course = tiny_course(tmp_path)
    authoring.build(course, [], measure=False, console=quiet())
    assert authoring.release(course, tmp_path / "out") == 1
    whole = nbformat.read(course.notebooks / "00_tiny.ipynb", as_version=4)
    released = nbformat.read(tmp_path / "out" / "00_tiny.ipynb", as_version=4)
    assert len(released.cells) == len(whole.cells) - 1
    assert "_solution" not in without_outputs(released)


# --- executing -------------------------------------------------------------------------------------------------------


def test_an_error_names_the_cell_and_keeps_what_came_before(tmp_path):
    notebook = notebook_of("print('before')", "1 / 0", "print('never')")
    with pytest.raises(LessonStopped, match="ZeroDivisionError") as stopped:
        execute(notebook, tmp_path)
    assert stopped.value.cell == 1
    assert notebook.cells[0].outputs[0].text == "before\n"
    assert not notebook.cells[2].outputs


def test_prints_with_pauses_are_one_output(tmp_path):
    """Otherwise building twice would give different bytes, as the kernel happens to flush."""
    notebook = notebook_of("import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)")
    execute(notebook, tmp_path)
    (output,) = notebook.cells[0].outputs
    assert output.text == "0\n1\n2\n"


def test_a_cell_that_does_not_end_is_stopped(tmp_path):
    with pytest.raises(LessonStopped, match="still running after 1 s"):
        execute(notebook_of("while True: pass"), tmp_path, cell_seconds=1)


def test_a_kernel_that_dies_is_named(tmp_path):
    with pytest.raises(LessonStopped, match="the kernel died"):
        execute(notebook_of("import os; os._exit(3)"), tmp_path)


# --- running ---------------------------------------------------------------------------------------------------------


def test_run_skips_what_did_not_change(tmp_path):
    course = tiny_course(tmp_path, _00_good=LESSON, _01_bad="# %%\nraise KeyError('no')", _02_last="# %%\nprint(2)")
    build = tmp_path / "build"

    def run(*wanted, fresh=False):
        return runner.run(course, list(wanted), fresh=fresh, build=build, console=quiet())

    good, bad, last = run()
    assert (good.cells, good.cached, good.error) == (6, False, "")
    assert "KeyError" in bad.error  # and it did not stop the others
    assert not last.error
    page = (build / "00_good.html").read_text(encoding="utf-8")
    assert "hello 42" in page
    assert page.count("<summary>Solution</summary>") == 1

    good, bad, last = run()
    assert good.cached
    assert not bad.cached  # what failed is tried again
    assert last.cached

    assert not run("00", fresh=True)[0].cached
    write_lesson(tmp_path, "00_good", LESSON.replace("6 * 7", "6 * 8"))
    assert not run("00")[0].cached  # its source changed
    (tmp_path / "course_utils" / "part.txt").write_text("two", encoding="utf-8")
    assert not run("00")[0].cached  # the package changed
    (build / "00_good.ipynb").write_text("{ broken", encoding="utf-8")
    assert not run("00")[0].cached  # the copy was damaged
    assert run("00")[0].cached


def test_the_table_adds_up():
    outcomes = [runner.Outcome("00_a", 1.5, 3, 2, 1), runner.Outcome("01_b", 2.0, 4, 0, 2, error="cell 2")]
    console = quiet()
    console.print(runner.table(outcomes))
    text = console.file.getvalue()
    assert "stopped" in text
    together = next(line for line in text.splitlines() if "together" in line)
    assert [part.strip() for part in together.split("│")[2:6]] == ["3.5", "7", "2", "3"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything is writable for root")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CourseError, match="--build-dir"):
        runner.require_writable(tmp_path / "build")


def test_a_build_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "build").write_text("", encoding="utf-8")
    with pytest.raises(CourseError, match="--build-dir"):
        runner.require_writable(tmp_path / "build")


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(tmp_path):
    slow = "# %%\nimport os, pathlib, time\npathlib.Path('../pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    tiny_course(tmp_path, _00_quick="# %%\nprint(1)", _01_slow=slow)
    command = [sys.executable, "-m", "course_utils", "run"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    wait_until((tmp_path / "pid").is_file)
    kernel = int(wait_until(lambda: (tmp_path / "pid").read_text()))
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Stopped" in output
    wait_until(lambda: not alive(kernel))

    write_lesson(tmp_path, "01_slow", "# %%\nprint(2)")
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0
    assert "00_quick: unchanged" in again.stdout


def wait_until(condition, seconds=30):
    for _ in range(seconds * 10):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {condition}")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- lab -------------------------------------------------------------------------------------------------------------


def test_lab_stays_on_this_machine_with_its_token(tmp_path):
    command = lab.command(Course(tmp_path), ["--no-browser"])
    assert "--ServerApp.ip=127.0.0.1" in command
    assert not any("token" in part.lower() or "password" in part.lower() for part in command)
    assert any(lab.START in part for part in command)
    assert command[-1] == "--no-browser"


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot become another program")
def test_lab_becomes_jupyterlab_so_that_a_signal_reaches_it(tmp_path, monkeypatch):
    became = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *call: became.append(call))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    lab.lab(Course(tmp_path), [])
    (program, command, environment) = became[0]
    assert program == command[0] == sys.executable
    assert str(lab.CONFIG) in environment["JUPYTER_CONFIG_PATH"]
