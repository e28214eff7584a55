"""The cells that are made from a solution's source: the learner's stub, and the solution to be folded away."""

import ast
import inspect
import textwrap
from itertools import takewhile
from typing import Any

Definition = ast.FunctionDef | ast.ClassDef


def stub(solution: Any, is_value: bool) -> str:
    """The solution's head, with `...` where its code was."""
    lines, node = _parse(solution)
    if is_value:
        comment = [f"# {line}".rstrip() for line in (inspect.getdoc(solution) or "").splitlines()]
        return "\n".join([*comment, f"{node.name} = ..."])
    return "\n".join(_class_stub(lines, node) if isinstance(node, ast.ClassDef) else _function_stub(lines, node))


def solution(solution: Any, is_value: bool) -> str:
    """The solution without its decorator, called `<name>_solution`."""
    lines, node = _parse(solution)
    return _assignment(lines, node) if is_value else _renamed(lines, node)


def _parse(solution: Any) -> tuple[list[str], Definition]:
    source = textwrap.dedent(inspect.getsource(solution))
    node = ast.parse(source).body[0]
    assert isinstance(node, Definition)
    return source.splitlines(), node


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def _has_docstring(node: Definition) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def _head(lines: list[str], node: Definition) -> list[str]:
    """Signature and docstring."""
    last = node.body[0].end_lineno if _has_docstring(node) else _first_line(node.body[0]) - 1
    return lines[node.lineno - 1 : last]


def _function_stub(lines: list[str], node: ast.FunctionDef) -> list[str]:
    indent = " " * (node.col_offset + 4)
    if node.name != "__init__":
        return [*_head(lines, node), f"{indent}return ..."]
    # A torch module cannot be called at all before super().__init__(): the stub keeps it.
    statements = node.body[_has_docstring(node) :]
    kept = takewhile(lambda one: ast.unparse(one).startswith("super().__init__("), statements)
    return [*_head(lines, node), *(f"{indent}{ast.unparse(one)}" for one in kept), f"{indent}..."]


def _class_stub(lines: list[str], node: ast.ClassDef) -> list[str]:
    stub = _head(lines, node)
    for method in node.body:
        if isinstance(method, ast.FunctionDef):
            decorators = lines[_first_line(method) - 1 : method.lineno - 1]
            stub += ["", *decorators, *_function_stub(lines, method)]
    return stub


def _renamed(lines: list[str], node: Definition) -> str:
    """The definition under its new name, also where it calls itself."""
    keyword = "class " if isinstance(node, ast.ClassDef) else "def "
    own = [(n.lineno, n.col_offset) for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == node.name]
    spots = [(node.lineno, node.col_offset + len(keyword)), *(spot for spot in own if spot[0] >= node.lineno)]
    for line, column in sorted(spots, reverse=True):
        raw = lines[line - 1].encode()  # ast counts columns in bytes
        end = column + len(node.name.encode())
        lines[line - 1] = (raw[:end] + b"_solution" + raw[end:]).decode()
    return "\n".join(lines[node.lineno - 1 : node.end_lineno])


def _assignment(lines: list[str], node: Definition) -> str:
    """A value's solution as the learner would write it: the function's body, its `return` an assignment."""
    last = node.body[-1]
    if not isinstance(last, ast.Return):
        raise ValueError(f"the solution of a value exercise ends with `return`, {node.name} does not")
    text = lines[last.lineno - 1]
    lines[last.lineno - 1] = text.replace("return", f"{node.name}_solution =", 1)
    start = node.body[0].end_lineno if _has_docstring(node) else node.body[0].lineno - 1
    return textwrap.dedent("\n".join(lines[start : node.end_lineno])).strip("\n")
