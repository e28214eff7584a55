"""The `course` command as a user types it."""

import re
import subprocess
import sys
from importlib import import_module

import pytest

from course_utils import bench


def course(*arguments: str, cwd=None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "course_utils", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8")


def test_help_names_every_command():
    shown = course("--help").stdout
    commands = "run build lint lab site progress release wheelhouse doctor bench train test check"
    for command in commands.split():
        assert re.search(rf"^│ {command}\b", shown, re.MULTILINE), command


def test_train_names_the_checkpoints_there_are():
    done = course("train", "nothing")
    assert done.returncode == 1
    assert "roformer_wikipedia" in done.stdout


def test_doctor_finds_this_machine_well():
    done = course("doctor")
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout


def test_progress_counts_by_lesson_and_lists_one_lesson():
    assert re.search(r"^01 +0 of \d+ +01\.1", course("progress").stdout, re.MULTILINE)
    assert re.search(r"^01\.1 .*open$", course("progress", "1").stdout, re.MULTILINE)


def test_release_works_from_any_folder(tmp_path):
    done = course("release", str(tmp_path / "class"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "class" / "index.ipynb").is_file()
    assert "_solution" not in (tmp_path / "class" / "01_normalising_words.ipynb").read_text(encoding="utf-8")


def test_every_benchmark_is_there_to_be_run():
    for name in bench.NAMES:
        assert callable(import_module(f"course_utils.bench.{name}").main)
    assert {name for group in bench.GROUPS.values() for name in group} <= set(bench.NAMES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "77"), "There is no lesson '77'"),
        (("progress", "77"), "Lesson 77 has no exercises"),
        (("bench", "speed"), "There is no benchmark 'speed'"),
        (("bench", "gpt", "--text", "nowhere.txt"), "nowhere.txt is no text that can be read"),
        (("bench", "porter", "--text", __file__), "porter takes no text"),
    ],
)
def test_a_wrong_argument_ends_in_a_sentence(arguments, words):
    done = course(*arguments)
    assert done.returncode == 1
    assert words in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
