"""What strict comparison of a lesson's outputs means: exact things to the letter, noise not at all.

The policy for authors stands in CONTRIBUTING.md under "Numbers in outputs"; these tests hold nbval to it.
"""

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import nbformat

SANITIZE = Path(__file__).parent / "nbval_sanitize.cfg"


def verdicts(folder: Path, *cells: nbformat.NotebookNode, threads: str = "1") -> list[str]:
    """What nbval says of each cell: "PASSED" or "FAILED"."""
    path = folder / "note.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
    command = [sys.executable, "-m", "pytest", "-v", "-o", "addopts=", "-p", "no:cacheprovider"]
    command += ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(SANITIZE), str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return re.findall(r"::Cell \d+ (PASSED|FAILED)", done.stdout)


def cell(source: str, stored: str, *, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    output = nbformat.v4.new_output("stream", text=stored)
    return nbformat.v4.new_code_cell(source, execution_count=1, metadata={"tags": list(tags)}, outputs=[output])


def test_exact_outputs_are_compared_to_the_letter_and_noise_is_not(tmp_path):
    cells = {
        "PASSED": [
            cell("print('stem:', 'run')", "stem: run\n"),
            cell("print(f'{2 / 3:.3f}')", "0.667\n"),
            cell("print('took 1.7 s at', object())", "took 3 s at <object object at 0x7f00>\n"),
            cell("print(1)", "2\n", tags=("nbval-ignore-output",)),
        ],
        "FAILED": [cell("print('stem:', 'run')", "stem: ran\n"), cell("print(f'{2 / 3:.3f}')", "0.668\n")],
    }
    expected = [verdict for verdict, some in cells.items() for _ in some]
    assert verdicts(tmp_path, *cells["PASSED"], *cells["FAILED"]) == expected


def test_the_line_about_the_runtime_differs_from_machine_to_machine(tmp_path):
    line = "Your runtime: Python 3.99, torch 9.9, numpy 9.9 · tested with Python 9.9"
    data = {"text/plain": line, "text/html": f'<div style="font-size:90%">{line}</div>'}
    stored = nbformat.v4.new_output("display_data", data=data)
    source = "from course_utils import show\nshow.runtime()"
    there = nbformat.v4.new_code_cell(source, execution_count=1, outputs=[stored])
    missing = nbformat.v4.new_code_cell(source, execution_count=1, outputs=[])
    assert verdicts(tmp_path, there, missing) == ["PASSED", "FAILED"]


TRAINED = """
import torch
torch.manual_seed(0)
x = torch.randn(64, 33, dtype=torch.float64)
w = torch.zeros(33, 33, dtype=torch.float64, requires_grad=True)
for _ in range(50):
    loss = ((torch.tanh(x @ w) - x.roll(1, 1)) ** 2).mean()
    (g,) = torch.autograd.grad(loss, w)
    w = (w - g).detach().requires_grad_()
print(f"{loss.item():.4f}")
"""


def test_a_rounded_float64_training_result_does_not_hang_on_the_number_of_threads(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", TRAINED]
    one = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert verdicts(tmp_path, cell(TRAINED, one), threads="2") == ["PASSED"]


def test_the_patterns_are_linear():
    """A figure in HTML is half a million letters without a blank; a quadratic pattern would take minutes for it."""
    config = ConfigParser(interpolation=None)
    config.read(SANITIZE, encoding="utf-8")
    picture = "A" * 500_000
    for name in config.sections():
        assert re.sub(config[name]["regex"], "", picture) == picture, name
