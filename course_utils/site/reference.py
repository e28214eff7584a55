"""The API reference, from the docstrings: read with `ast`, so that nothing is imported, and as they were written."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_utils.site.prose import docstring, escaped

PACKAGE = Path(__file__).parents[1]
# What builds the course is for those who work on it; they read the sources.
NOT_FOR_LEARNERS = ("bench", "checkpoints", "site", "toolchain", "cli", "__main__")
Definition = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Module:
    """A module of the package: its dotted name, its file within the package, and its syntax tree."""

    name: str
    file: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"


def reference(blob: str) -> dict[str, str]:
    """The pages of the reference by their place on the site; `blob` is the address of the repository's files."""
    parts = [read(path) for path in sorted(PACKAGE.iterdir()) if is_public(path)]
    pages = {f"reference/{part.name.split('.')[1]}": page(part, blob) for part in parts}
    listed = "\n".join(f"- [`{part.name}`]({part.name.split('.')[1]}.md): {summary(part.tree)}" for part in parts)
    tree = "\n".join(part.name.split(".")[1] for part in parts)
    return pages | {
        "reference/index": f"# The package\n\n`course_utils` is the library behind the lessons: what they build "
        "by hand, it has in a fast form, and they prove that both are equal.\n\n"
        f"{listed}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```"
    }


def is_public(path: Path) -> bool:
    """Whether a file or a folder of the package is part of what learners import."""
    if path.name.startswith("_") or path.stem in NOT_FOR_LEARNERS or path.name == "by_lesson":
        return False
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def read(path: Path) -> Module:
    """Parse a module, or a package's `__init__.py`."""
    file = path / "__init__.py" if path.is_dir() else path
    name = ".".join(("course_utils", *path.relative_to(PACKAGE).with_suffix("").parts))
    return Module(name, file, ast.parse(file.read_text(encoding="utf-8")))


def summary(tree: ast.Module) -> str:
    """The first sentence of a module's docstring."""
    first = (ast.get_docstring(tree) or "").split("\n\n")[0]
    return escaped(" ".join(first.split()))


def page(part: Module, blob: str) -> str:
    """One page: a module, or a package with all its modules."""
    title = f"# {part.name.removeprefix('course_utils.')}"
    return "\n\n".join([title, *described(part, blob), *inside(part, blob)])


def inside(part: Module, blob: str) -> Iterator[str]:
    """The modules of a package, one section each, and those of the packages in it."""
    if not part.is_package:
        return
    for path in sorted(part.file.parent.iterdir()):
        if is_public(path):
            module = read(path)
            yield f"## {escaped(module.name.removeprefix('course_utils.'))}"
            yield from described(module, blob)
            yield from inside(module, blob)


def described(module: Module, blob: str) -> Iterator[str]:
    """A module's docstring, its place in the repository, and all that is public in it."""
    yield docstring(ast.get_docstring(module.tree))
    address = f"{blob}/course_utils/{module.file.relative_to(PACKAGE).as_posix()}"
    yield f"[Source of {escaped(module.name)}]({address})"
    yield f"```{{py:currentmodule}} {module.name}\n```"
    for node, source in [*public(module.tree, address), *lent(module, blob)]:
        yield definition(node, source)


def public(tree: ast.Module, address: str) -> Iterator[tuple[Definition, str]]:
    """The public functions and classes that a module defines, each with the address of its source."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node, f"{address}#L{node.lineno}"


def lent(module: Module, blob: str) -> Iterator[tuple[Definition, str]]:
    """What a package takes from its private modules, and so is documented nowhere else."""
    if not module.is_package:
        return
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("_"):
            wanted = {alias.name for alias in node.names}
            other = read(PACKAGE.parent / Path(*str(node.module).split(".")).with_suffix(".py"))
            address = f"{blob}/{other.file.relative_to(PACKAGE.parent).as_posix()}"
            yield from (pair for pair in public(other.tree, address) if pair[0].name in wanted)


def definition(node: Definition, source: str, colons: int = 6) -> str:
    """A function, or a class with its public methods, as a directive of Sphinx's Python domain."""
    is_class = isinstance(node, ast.ClassDef)
    kind = "class" if is_class else "method" if colons < 6 else "function"
    body = [docstring(ast.get_docstring(node))]
    if is_class:
        body += [
            definition(method, "", colons - 1)
            for method in node.body
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and ast.get_docstring(method)
        ]
    if source:
        body.insert(1, f"[source]({source})")
    fence = ":" * colons
    options = "".join(f":{name}:\n" for name in modifiers(node) if kind == "method")
    return (
        f"{fence}{{py:{kind}}} {signature(node, bound=kind == 'method')}\n{options}\n"
        + "\n\n".join(filter(None, body))
        + f"\n{fence}"
    )


def modifiers(node: Definition) -> list[str]:
    """What the decorators of a method say, as far as Sphinx has an option of that name."""
    return [name for name in map(ast.unparse, node.decorator_list) if name in ("staticmethod", "classmethod")]


def signature(node: Definition, bound: bool = False) -> str:
    """A function's name, arguments and result, or a class's name and what it is made from.

    A method is `bound`: it is called without its first argument.

    >>> signature(ast.parse("def f(x: int, *, y: str = 'a') -> None: ...").body[0])
    "f(x: int, *, y: str='a') -> None"
    """
    if isinstance(node, ast.FunctionDef):
        if any(name in ("property", "cached_property") for name in map(ast.unparse, node.decorator_list)):
            return f"{node.name}" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        given = _without_first(node.args) if bound and "staticmethod" not in modifiers(node) else node.args
        return f"{node.name}({ast.unparse(given)}){result}"
    start = next((part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"), None)
    if start:
        return f"{node.name}({ast.unparse(_without_first(start.args))})"
    fields = [ast.unparse(part) for part in node.body if isinstance(part, ast.AnnAssign)]
    made = any("dataclass" in ast.unparse(mark) for mark in node.decorator_list)
    made = made or any(ast.unparse(base) == "NamedTuple" for base in node.bases)
    return f"{node.name}({', '.join(fields)})" if made else node.name


def _without_first(arguments: ast.arguments) -> ast.arguments:
    bare = copy.copy(arguments)
    bare.args = arguments.args[1:]
    return bare
