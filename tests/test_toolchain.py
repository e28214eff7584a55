"""From source to notebook: reading, generating, executing, running, releasing."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from rich.console import Console
from tiny import HEADER, LESSON, tiny_course, write_lesson

from course_utils.toolchain import authoring, lab, runner
from course_utils.toolchain.execute import NEEDS_KERNEL, WIDGET, LessonStopped, execute
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
        ("#     minutes: 1\n", "", "its header lacks 'minutes'."),
        ("#     minutes: 1\n", "#     minutes: 1\n#     colour: red\n", "its header does not know 'colour'."),
        ("minutes: 1", "minutes: five", "wants a whole number for 'minutes', not 'five'"),
        ("budget: 30", "budget: 30 s", "wants a whole number for 'budget'"),
        ("systems: []", "systems: C7", "wants a list in brackets for 'systems'"),
        ("title: T", "title: One: two", "a text with a colon needs quotes"),
    ],
)
def test_a_header_that_lacks_something_says_what(tmp_path, old, new, words):
    path = tiny_course(tmp_path).sources / "00_tiny.py"
    path.write_text((HEADER.format(title="T") + LESSON).replace(old, new), encoding="utf-8")
    with pytest.raises(CourseError, match=re.escape(words)):
        read_lesson(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("exercise 00.1", "exercise 00.77", "00_tiny.py places exercise 00.77: there is no exercise '00.77'"),
        ("systems: []", "systems: [C77]", "data/systems.yaml has no system C77"),
    ],
)
def test_what_a_lesson_names_exists(tmp_path, old, new, words):
    course = tiny_course(tmp_path)
    path = course.sources / "00_tiny.py"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CourseError, match=re.escape(words)):
        generate(course, course.lessons()[0])


def test_two_lessons_with_one_number_are_named(tmp_path):
    with pytest.raises(CourseError, match=r"11_a\.py and 11_b\.py have the same number"):
        tiny_course(tmp_path, _11_a="# %%\n1", _11_b="# %%\n1").lessons()


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


def test_text_is_renewed_without_running_and_code_is_not(tmp_path):
    course = tiny_course(tmp_path, _00_a="# %% [markdown]\n# old\n\n# %%\nprint(object())")
    path = course.notebooks / "00_a.ipynb"
    with pytest.raises(CourseError, match="not built yet"):
        authoring.build(course, [], text=True, console=quiet())
    authoring.build(course, [], console=quiet())
    (before,) = nbformat.read(path, as_version=4).cells[3].outputs

    write_lesson(tmp_path, "00_a", "# %% [markdown]\n# new\n\n# %%\nprint(object())")
    write_lesson(tmp_path, "07_b", "# %%\nprint(1)")  # a new neighbour changes the head
    authoring.build(course, ["00"], text=True, console=quiet())
    cells = nbformat.read(path, as_version=4).cells
    assert cells[2].source == "new"
    assert "07_b.ipynb" in cells[0].source
    assert cells[3].outputs == [before]  # an address: it would differ if the cell had run again
    assert is_current(course, course.lessons()[0])

    write_lesson(tmp_path, "00_a", "# %%\nprint(2)")
    with pytest.raises(CourseError, match="The code of 00_a changed"):
        authoring.build(course, ["00"], text=True, console=quiet())


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


def test_in_place_of_a_widget_its_html_is_stored_or_a_sentence(tmp_path):
    """Without its kernel JupyterLab would show an error in its place, and the site nothing."""
    fallback = "{'text/html': '<p>still</p>', 'text/plain': 'still', view: {'model_id': 'x'}}"
    notebook = notebook_of(
        "import ipywidgets\nipywidgets.Label('alive')",
        f"from IPython.display import display\nview = {WIDGET!r}\ndisplay({fallback}, raw=True)",
    )
    execute(notebook, tmp_path)
    (alone,), (output,) = (cell.outputs for cell in notebook.cells)
    assert alone.data == {"text/html": f"<em>{NEEDS_KERNEL}</em>", "text/plain": NEEDS_KERNEL}
    assert output.data == {"text/html": "<p>still</p>", "text/plain": "still"}


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


def test_two_at_a_time_give_what_one_after_the_other_gives(tmp_path):
    body = "# %%\nimport torch\ntorch.manual_seed(0)\nprint(torch.rand(3), torch.get_num_threads())"
    course = tiny_course(tmp_path, _00_a=body, _01_b=body.replace("(0)", "(1)"), _02_c=body.replace("(0)", "(2)"))
    for jobs in (1, 2):
        outcomes = runner.run(course, [], fresh=True, build=tmp_path / f"by{jobs}", console=quiet(), jobs=jobs)
        assert [outcome.slug for outcome in outcomes] == ["00_a", "01_b", "02_c"]
    for name in ("00_a", "01_b", "02_c"):
        one, two = (nbformat.read(tmp_path / f"by{jobs}" / f"{name}.ipynb", as_version=4) for jobs in (1, 2))
        assert one.cells == two.cells
        assert "1\n" in one.cells[2].outputs[0].text  # one thread each


def test_the_longest_lessons_start_first(tmp_path):
    body = "# %%\nprint('{}')"
    course = tiny_course(tmp_path, _00_a=body.format("a"), _01_b=body.format("b"), _02_c=body.format("c"))
    write_measured(course, {"00_a": 1, "01_b": 5, "02_c": 3})
    team = runner.Team(course, "", True, tmp_path / "build", runner.View(quiet(), None))
    assert [lesson.slug for lesson in team.order(course.lessons(), jobs=2)] == ["01_b", "02_c", "00_a"]
    assert team.order(course.lessons(), jobs=1) == course.lessons()


def test_memory_is_measured_with_that_of_child_processes(tmp_path):
    hold = "import time; block = bytearray(300_000_000); time.sleep(1.5)"
    notebook = notebook_of(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hold!r}])")
    small = execute(notebook_of("import time; time.sleep(0.5)"), tmp_path)
    assert execute(notebook, tmp_path).megabytes > small.megabytes + 250


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_what_a_forked_child_shares_is_counted_once(tmp_path):
    hold = "import os, time\nblock = bytearray(300_000_000)\n"
    alone = execute(notebook_of(hold + "time.sleep(1)"), tmp_path)
    forked = execute(notebook_of(hold + "if not os.fork():\n    time.sleep(1)\n    os._exit(0)\nos.wait()"), tmp_path)
    assert forked.megabytes < alone.megabytes + 150


def test_two_runs_at_once_in_one_folder_do_not_mix(tmp_path):
    course = tiny_course(tmp_path, _00_a="# %%\nprint(1)")
    build = tmp_path / "build"
    with runner._alone_in(build), pytest.raises(CourseError, match="Another run is writing"):
        runner.run(course, [], fresh=False, build=build, console=quiet())
    assert not runner.run(course, [], fresh=False, build=build, console=quiet())[0].error


def write_measured(course: Course, seconds: dict[str, int]) -> None:
    text = json.dumps({slug: {"seconds": one, "megabytes": 300} for slug, one in seconds.items()})
    (course.sources / "measured.json").write_text(text, encoding="utf-8")


def outcome(slug: str, seconds: float, megabytes: int = 300, **more) -> runner.Outcome:
    return runner.Outcome(slug, seconds, megabytes, cells=3, claims=2, figures=1, **more)


def test_the_table_adds_up(tmp_path):
    course = tiny_course(tmp_path, _00_a="# %%\n1", _01_b="# %%\n1")
    console = quiet()
    outcomes = [outcome("00_a", 1.5), outcome("01_b", 2.0, 400, error="cell 2")]
    console.print(runner.table(course, outcomes, seconds=2.2))
    text = console.file.getvalue()
    assert "stopped" in text
    together = next(line for line in text.splitlines() if "together" in line)
    assert [part.strip() for part in together.split("│")[2:8]] == ["3.5", "400", "6", "4", "2", "2.2 s on the clock"]


@pytest.mark.parametrize(
    ("seconds", "over"),
    [
        ((10, 20, 29), ()),
        ((10, 20, 39), ("02_c",)),  # 30 s are allowed, and a quarter more
        ((20, 40, 58), ()),  # a machine half as fast
        ((20, 40, 80), ("02_c",)),
        ((100, 200, 290), ("01_b", "02_c")),  # ten times slower is the course's own fault
    ],
)
def test_a_lesson_that_leaves_its_budget_is_named_whatever_the_machine(tmp_path, seconds, over):
    body = "# %%\nprint(1)"
    course = tiny_course(tmp_path, _00_a=body, _01_b=body, _02_c=body)  # each with a budget of 30 s
    write_measured(course, {"00_a": 10, "01_b": 20, "02_c": 29})
    outcomes = [outcome(lesson.slug, one) for lesson, one in zip(course.lessons(), seconds, strict=True)]
    assert tuple(runner.over_budget(course, outcomes)) == over


def test_a_lesson_alone_does_not_excuse_itself(tmp_path):
    course = tiny_course(tmp_path, _00_a="# %%\nprint(1)")  # with a budget of 30 s
    write_measured(course, {"00_a": 29})
    assert list(runner.over_budget(course, [outcome("00_a", 60)])) == ["00_a"]
    assert not runner.over_budget(course, [outcome("00_a", 36)])


def test_a_lesson_that_needs_too_much_memory_is_named_and_hold_fails(tmp_path):
    course = tiny_course(tmp_path, _00_a="# %%\nprint(1)")
    assert "2600 MB" in runner.over_budget(course, [outcome("00_a", 1, 2600)])["00_a"]
    source = (course.sources / "00_a.py").read_text(encoding="utf-8")
    (course.sources / "00_a.py").write_text(source.replace("budget: 30", "budget: 0"), encoding="utf-8")
    command = [sys.executable, "-m", "course_utils", "run", "--fresh"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    held = subprocess.run([*command, "--hold"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert held.returncode == 1
    assert "at most 0 s here" in held.stdout


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
    command = [sys.executable, "-m", "course_utils", "run", "--jobs", "1"]
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


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_stops_every_kernel(tmp_path):
    slow = "# %%\nimport os, pathlib, time\npathlib.Path('../pid{}').write_text(str(os.getpid()))\ntime.sleep(60)"
    tiny_course(tmp_path, _00_a=slow.format(0), _01_b=slow.format(1))
    command = [sys.executable, "-m", "course_utils", "run", "--jobs", "2"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    kernels = [int(wait_until(lambda i=i: read(tmp_path / f"pid{i}"))) for i in range(2)]
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Traceback" not in output
    for kernel in kernels:
        wait_until(lambda kernel=kernel: not alive(kernel))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


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
