"""Rules that keep time, output and failures in one place each, checked on the syntax tree of every source file."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for package in ("edgesim", "channels") for path in (ROOT / package).rglob("*.py"))
LENDER = "edgesim/learn/randomness.py"  # seeds the global streams for libraries that draw from nothing else, and restores them
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "factory", "handler"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """(`name` or `.attribute` or `module.attribute`, line) of every call."""
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            yield node.func.id, node.lineno
        elif isinstance(node.func, ast.Attribute):
            owner = node.func.value
            yield f"{owner.id if isinstance(owner, ast.Name) else ''}.{node.func.attr}", node.lineno


def test_simulated_time_passes_in_one_line() -> None:
    waits = [
        f"{name(path)}:{line}"
        for path in SOURCES
        if path.is_relative_to(ROOT / "edgesim")
        for call, line in calls(path)
        if call.endswith(".timeout")
    ]
    assert len(waits) == 1, waits
    assert waits[0].startswith("edgesim/sim/ledger.py:")


def test_only_the_command_line_prints_or_exits() -> None:
    found = [
        f"{name(path)}:{line} {call}"
        for path in SOURCES
        if not path.is_relative_to(ROOT / "edgesim/cli") and path.name != "__main__.py"
        for call, line in calls(path)
        if call in {"print", "sys.exit", "exit", "quit"}
    ]
    assert not found


def test_nothing_is_swallowed_or_guessed() -> None:
    found = []
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                passed_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
                if caught in {"everything", "Exception", "BaseException"} and not passed_on:
                    found.append(f"{name(path)}:{node.lineno} catches {caught}")
        found += [f"{name(path)}:{line} hasattr" for call, line in calls(path) if call == "hasattr"]
    assert not found


def test_no_global_random_stream() -> None:
    """A stream belongs to a purpose and an actor (edgesim/rng.py); the libraries' global ones belong to nobody."""
    found = []
    for path in SOURCES:
        if name(path) == LENDER:
            continue
        found += [f"{name(path)}:{line} {call}" for call, line in calls(path) if call in {"torch.manual_seed", "torch.seed"}]
        for node in nodes(path):
            if isinstance(node, ast.Import) and any(item.name == "random" for item in node.names):
                found.append(f"{name(path)}:{node.lineno} import random")
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
                is_global = node.attr.islower() and node.attr != "default_rng"  # classes such as Generator are not
                found += [f"{name(path)}:{node.lineno} np.random.{node.attr}"] * is_global
    assert not found


def test_files_are_named_for_the_noun_they_define() -> None:
    assert not [name(path) for path in SOURCES if path.stem in VAGUE]


def test_initialisers_are_empty_except_the_two_public_ones_and_the_door_of_the_composition_root() -> None:
    filled = {name(path) for path in SOURCES if path.name == "__init__.py" and path.read_text(encoding="utf-8").strip()}
    assert filled == {"edgesim/__init__.py", "channels/__init__.py", "edgesim/build/__init__.py"}


def unordered(node: ast.AST) -> bool:
    """Whether an expression is a set: its order depends on the hash seed of the process."""
    called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    return isinstance(node, ast.Set | ast.SetComp) or called in {"set", "frozenset"}


def test_nothing_follows_an_order_that_differs_from_process_to_process() -> None:
    """No loop runs over a set, no folder is read in the order of the disk, no number comes from hash()."""
    found = []
    for path in SOURCES:
        for node in nodes(path):
            loops = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"list", "tuple", "enumerate", "zip"}:
                loops += node.args
            found += [f"{name(path)} runs over {ast.unparse(each)}" for each in loops if unordered(each)]
        found += [
            f"{name(path)}:{line} {call}" for call, line in calls(path) if call in {"os.listdir", "os.scandir", ".listdir"}
        ]
        if name(path) != "edgesim/wire.py":  # remembers the hash of what it is a key by, and orders nothing
            found += [f"{name(path)}:{line} hash()" for call, line in calls(path) if call == "hash"]
    assert not found
