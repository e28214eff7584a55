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


# The budget of the blocks and models: what is shared stays small, and knows no model.

MODEL_NAMES = ("bert", "gpt", "llama", "bloom", "neox", "roformer", "xlnet", "bart", "deberta", "vit", "clip")
MODEL_FILES = [path for path in FILES if path.parent.name in ("blocks", "models")]


def over_budget(source: str) -> list[str]:
    """Constructors with more than 7 arguments or 2 switches, and configs with more than 12 fields."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
        if node.name.endswith("Config") and len(fields) > 12:
            faults.append(f"{node.name} has {len(fields)} fields")
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                arguments = [*part.args.args[1:], *part.args.kwonlyargs]
                switches = [a for a in arguments if isinstance(a.annotation, ast.Name) and a.annotation.id == "bool"]
                if len(arguments) > 7 or len(switches) > 2:
                    faults.append(f"{node.name} takes {len(arguments)} arguments, {len(switches)} of them switches")
    return faults


def names(source: str) -> set[str]:
    """Everything that code, and not prose, calls by a name."""
    tree = ast.parse(source)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return found | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_blocks_and_models_stay_within_their_budget(path):
    source = path.read_text(encoding="utf-8")
    assert over_budget(source) == []
    if path.parent.name == "blocks":  # T5's buckets and LLaMA's layout are schemes; no code asks which model it serves
        assert [name for name in sorted(names(source)) for model in MODEL_NAMES if model in name.lower()] == []


def test_the_budget_sees_what_is_over_it():
    wide = "class A:\n    def __init__(self, a, b, c, d, e, f, g, h): pass\n"
    switched = "class A:\n    def __init__(self, a: bool, b: bool, *, c: bool): pass\n"
    fields = "class AConfig:\n" + "".join(f"    x{i}: int = {i}\n" for i in range(13))
    assert [len(over_budget(source)) for source in (wide, switched, fields, "class A: pass")] == [1, 1, 1, 0]
    assert "is_bert" in names("def f(is_bert): pass")
