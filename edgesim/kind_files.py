"""Reading a kind from its source file: class, docstring, keyword-only parameters and literal class attributes."""

import ast
import importlib.util
import inspect
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from edgesim.errors import UsageError
from edgesim.quantities import Interval

_KNOB_LINE = re.compile(r"(\w+)\s{2,}(\S.*)")


@dataclass(frozen=True, slots=True)
class Knob:
    """One keyword-only parameter of a kind.

    annotation  its type as written, with the file's own aliases filled in
    interval    the range it states, None where it states none
    doc         its line of the class docstring
    """

    annotation: str
    default: object = None
    required: bool = True
    interval: Interval | None = None
    doc: str = ""


def holds_subclass(path: Path, base: str) -> bool:
    """Whether a class in the file subclasses `base`, judged by the text of its class lines."""
    return re.search(rf"^class\s+\w+\([^)]*\b{base}\b", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def read_class(path: Path, base: str, class_name: str | None) -> dict[str, Any]:
    """Class name, summary, doc, knobs and flags of the kind in a file; UsageError where the file is not one kind.

    class_name  the class, where the caller knows it; otherwise the only one that directly subclasses `base`
    """
    tree = _parsed(path)
    names = _Names(tree)
    node = _find_class(tree, path, base, class_name)
    doc = inspect.cleandoc(ast.get_docstring(node) or "")
    docs = knob_docs(doc)
    return {
        "class_name": node.name,
        "summary": doc.partition("\n")[0],
        "doc": doc,
        "knobs": {name: _knob(path, name, hint, default, names, docs) for name, hint, default in _parameters(node)},
        "flags": {target.id: value.value for target, value in _assignments(node.body) if isinstance(value, ast.Constant)},
    }


def _find_class(tree: ast.Module, path: Path, base: str, class_name: str | None) -> ast.ClassDef:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    if class_name is not None:
        found = [node for node in classes if node.name == class_name]
    else:
        found = [node for node in classes if any(ast.unparse(parent).split(".")[-1] == base for parent in node.bases)]
    if len(found) != 1:
        seen = ", ".join(node.name for node in found) or "none"
        wanted = f"the class {class_name}" if class_name else f"exactly one class that directly subclasses {base}"
        raise UsageError(f"{path}: a kind's file holds {wanted}; found {seen}")
    return found[0]


def _assignments(body: list[ast.stmt]) -> list[tuple[ast.Name, ast.expr]]:
    """`name = value` and `name: type = value` statements."""
    found = []
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.append((node.targets[0], node.value))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found.append((node.target, node.value))
    return found


def _parameters(node: ast.ClassDef) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """Name, annotation and default of the keyword-only parameters of `__init__`."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            pairs = zip(item.args.kwonlyargs, item.args.kw_defaults, strict=True)
            return [(parameter.arg, parameter.annotation, default) for parameter, default in pairs]
    return []


class _Names(ast.NodeTransformer):
    """Puts a file's constants and type aliases, its own or imported by name, in the place of their names."""

    def __init__(self, tree: ast.Module) -> None:
        self.own = {target.id: value for target, value in _assignments(tree.body)}
        self.imported = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module not in (None, "typing")
            for alias in node.names
        }

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.own:
            filled: ast.expr = self.visit(deepcopy(self.own[node.id]))
            return filled
        module, name = self.imported.get(node.id, (None, ""))
        path = source_file(module) if module else None
        theirs = _Names(_parsed(path)) if path else None
        return theirs.visit_Name(ast.Name(name, ast.Load())) if theirs and name in theirs.own else node


@cache
def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except SyntaxError as error:
        raise UsageError(f"{path}:{error.lineno}:{error.offset}: not valid Python: {error.msg}") from None


def source_file(module: str) -> Path | None:
    """The source file of a module. Only the top-level package is looked up: a deeper look-up would import its parents."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    if not rest:
        return Path(spec.origin)
    inside = Path(spec.origin).parent.joinpath(*rest)
    candidates = (inside.with_suffix(".py"), inside / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _knob(path: Path, name: str, hint: ast.expr | None, default: ast.expr | None, names: _Names, docs: dict[str, str]) -> Knob:
    where = f"{path}:{hint.lineno if hint else 1}: knob {name}"
    if hint is None:
        raise UsageError(f"{where} has no type")
    annotation = names.visit(deepcopy(hint))
    value: object = None
    if default is not None:
        try:
            value = ast.literal_eval(names.visit(deepcopy(default)))
        except ValueError:
            raise UsageError(f"{where}: the default {ast.unparse(default)} is not a literal") from None
    interval = _interval(annotation, where)
    return Knob(ast.unparse(annotation), value, default is None, interval, docs.get(name, ""))


def _interval(annotation: ast.expr, where: str) -> Interval | None:
    """The interval of the outermost `Annotated[X, "(0, 1]"]` in an annotation."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] == "Annotated":
            note = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
            if not (isinstance(note, ast.Constant) and isinstance(note.value, str)):
                raise UsageError(f"{where}: Annotated takes an interval as text, such as '(0, 1]'")
            try:
                return Interval.parse(note.value)
            except ValueError as error:
                raise UsageError(f"{where}: {error}") from None
    return None


def knob_docs(doc: str) -> dict[str, str]:
    """Lines of the form `name  text` of a docstring, with their indented continuations joined."""
    return {name: " ".join(lines) for name, lines in _split(doc)[1].items()}


def prose(doc: str) -> str:
    """A docstring without its lines about knobs and its examples."""
    return "\n".join(_split(doc.partition("\n>>> ")[0])[0]).strip()


def _split(doc: str) -> tuple[list[str], dict[str, list[str]]]:
    text: list[str] = []
    knobs: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in doc.splitlines():
        match = _KNOB_LINE.fullmatch(line)
        if match:
            last = knobs[match.group(1)] = [match.group(2)]
        elif last is not None and line.startswith("    "):
            last.append(line.strip())
        else:
            last = None
            text.append(line)
    return text, knobs
