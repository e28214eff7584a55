"""What the package promises its readers: examples that run, short functions, docstrings, one tree of names."""

import ast
import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import course_utils

PACKAGE = Path(course_utils.__file__).parent
MODULES = [
    found.name
    for found in pkgutil.walk_packages([str(PACKAGE)], "course_utils.")
    if not found.name.endswith("__main__")
]
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 40  # lines of a function's code, its docstring not counted


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, raise_on_error=False).failed == 0


def functions(source: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]


def lines(node: ast.FunctionDef) -> int:
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_functions_are_short(path):
    long = [(node.name, lines(node)) for node in functions(path.read_text(encoding="utf-8")) if lines(node) > LONGEST]
    assert not long


def test_the_measure_of_length_sees_a_long_function():
    body = "\n".join(f"    x{i} = {i}" for i in range(LONGEST + 1))
    (node,) = functions(f'def f():\n    """Text."""\n{body}\n')
    assert lines(node) == LONGEST + 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_what_is_public_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert ast.get_docstring(tree), "the module says nothing of itself"
    if "by_lesson" not in path.parts and not path.name.startswith("_"):
        assert [node.name for node in public if not ast.get_docstring(node)] == []
