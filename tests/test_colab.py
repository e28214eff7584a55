"""The set-up cell where nothing is prepared: only the .ipynb, an empty folder, a fresh environment, the wheel.

A stand-in `google.colab` module plays Colab. The fresh environment sees the installed libraries but not this
checkout, so that the cell has to install the course from `$COURSE_SOURCE`.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from course_utils.toolchain.notebook import setup_source
from course_utils.toolchain.source import Course

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read("lesson.ipynb", as_version=4)
NotebookClient(notebook, timeout=120).execute()
nbformat.write(notebook, "done.ipynb")
"""


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
    (libraries / "google").mkdir(exist_ok=True)
    (libraries / "google" / "colab.py").write_text("", encoding="utf-8")
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(f"{libraries}\nimport google.colab\n", encoding="utf-8")
    return folder / "venv" / "bin" / "python"


def run_cells(runtime: Path, folder: Path, wheel: Path, *sources: str) -> list[str]:
    """Run the set-up cell and then `sources` in the runtime; return what each cell printed."""
    cells = [nbformat.v4.new_code_cell(source) for source in (setup_source(Course.find()), *sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "lesson.ipynb")
    environment = {**os.environ, "COURSE_SOURCE": str(wheel), "PIP_NO_INDEX": "1", "PYTHONWARNINGS": "default"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([runtime, "-c", RUN], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = nbformat.read(folder / "done.ipynb", as_version=4).cells
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_only_the_notebook_in_an_empty_folder(runtime, wheel, tmp_path):
    sources = (
        "print(course_utils.__file__)",
        "from course_utils.text.porter import PorterStemmer\nprint(PorterStemmer().stem('running'))",
        "from course_utils.data import data_path\nprint(data_path('systems.yaml').is_file())",
    )
    setup, place, stem, data = run_cells(runtime, tmp_path, wheel, *sources)
    assert "course-utils 0.1.0" in setup
    assert "Python 3." in setup
    assert "site-packages" in place
    assert str(Path(__file__).parents[1]) not in place
    assert stem == "run\n"
    assert data == "True\n"
    again, *_ = run_cells(runtime, tmp_path, Path("/nowhere/at/all.whl"))
    assert "course-utils 0.1.0" in again  # it is there already, so nothing is installed


def test_elsewhere_the_set_up_cell_shows_nothing(tmp_path):
    cells = [nbformat.v4.new_code_cell(setup_source(Course.find()))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, check=True)
    assert nbformat.read(tmp_path / "done.ipynb", as_version=4).cells[0].outputs == []
