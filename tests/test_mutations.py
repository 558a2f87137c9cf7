"""Whatever is done to a shipped scenario, reading it gives a scenario or messages, soon, and writes nothing.

What stays valid is run, for two steps and without tensors: it ends, with results or one message, and writes into its results
folder alone.

Each case changes one of the shipped files: values, keys, types, lines, bytes, or whole sections that come from another file.
The few cases of the quick tests and the thousands of the slow one are made by the same strategy.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from edgesim.errors import EdgesimError, ScenarioError
from edgesim.load import load
from edgesim.scenario import Scenario
from edgesim.yaml_nodes import plain, write
from edgesim.yaml_reader import read
from tests.outside import nothing_outside

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
HANG_S = 300  # of wall time for one case, hundreds of times what it takes
TINY = {"budget": {"steps": 2, "rounds": 1}}  # what is built of a mutant ends at once

Path_ = tuple[str | int, ...]


def content(path: Path) -> dict[str, Any]:
    root, _ = read(path.read_bytes(), str(path))
    found = plain(root) if root is not None else None
    assert isinstance(found, dict)
    return found


def places(node: Any, here: Path_ = ()) -> Iterator[Path_]:
    """The path of every node below the root."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield (*here, key)
        yield from places(item, (*here, key))


def at(node: Any, path: Path_) -> Any:
    for step in path:
        node = node[step]
    return node


CONTENTS = {path: content(path) for path in SCENARIOS}
VALUES: dict[str, list[Any]] = {}  # what stands at a key, in any of the scenarios
for shipped in CONTENTS.values():
    for place in places(shipped):
        VALUES.setdefault(str(place[-1]), []).append(at(shipped, place))
VALUES["faults"] += [
    [{"kind": "crash", "mean_up_s": 1, "mean_down_s": 1}, {"kind": "dropout", "probability": 0.5}],
    [{"kind": "server_restart", "start_s": 0, "length_s": 1, "every_s": 2}],
    [{"kind": "outage", "start_s": 0, "length_s": 1, "every_s": 1.5}, {"kind": "battery", "joules": 1}],
    [{"kind": "availability", "trace_file": "absent.csv"}],
]
KEYS = sorted(VALUES)

numbers = st.sampled_from(
    [0, -1, 1, 2, 3, 7, 64, 1437, 10**6, 10**12, 2**63, 10**40, 0.5, -0.5, 1e-9, 1e9, 1e-300, 1e300, float("inf"), float("nan")]
) | st.floats(width=32)
texts = st.sampled_from(
    [
        "",
        "none",
        "adc",
        "1e6",
        "20 MHz",
        "-5 ms",
        "../../etc/passwd",
        "/dev/zero",
        "yes",
        "ä\u202e",
        "<b>",
        "${HOME}",
        "x" * 300,
        "!!python",
    ]
) | st.text(max_size=5)
others = st.none() | st.booleans() | numbers | texts | st.sampled_from([[], {}, [[]], [{}], {"kind": "vit"}, {"kind": None}])


GENTLE = ("alike", "scaled", "scaled", "remove", "add")  # what often leaves a valid scenario
ROUGH = (*GENTLE, "value", "value", "rename", "splice", "copy")


@st.composite
def mutants(draw: st.DrawFn, path: Path, ways: tuple[str, ...]) -> bytes:
    """The bytes of a scenario, changed once or twice in its content and perhaps in its text."""
    changed = deepcopy(CONTENTS[path])
    for _ in range(draw(st.integers(1, 2))):
        change_content(draw, changed, draw(st.sampled_from(ways)))
    if ways is GENTLE:
        return write(changed).encode()
    data = write(changed).encode("utf-8", "surrogatepass")
    return change_bytes(draw, data) if draw(st.integers(0, 4)) == 0 else data


def change_content(draw: st.DrawFn, root: dict[str, Any], way: str) -> None:
    found = [*places(root)]
    if not found:
        return
    path = draw(st.sampled_from(found))
    parent, key = at(root, path[:-1]), path[-1]
    if way == "value":
        parent[key] = deepcopy(draw(others))  # or the next change would alter what is drawn from
    elif way == "alike":
        parent[key] = deepcopy(draw(st.sampled_from(VALUES[str(key)])))
    elif way == "scaled" and isinstance(parent[key], int | float):
        parent[key] *= draw(st.sampled_from([-1, 1e-12, 1e-3, 1e3, 1e12]))
    elif way == "remove":
        del parent[key]
    elif way == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from(KEYS))] = parent.pop(key)
    elif way == "add" and isinstance(parent, dict):
        new = draw(st.sampled_from(KEYS))
        parent[new] = deepcopy(draw(st.sampled_from(VALUES[new])))
    elif way == "splice":
        section = draw(st.sampled_from(sorted(root, key=str)))
        parent[key] = deepcopy(root[section])
    elif isinstance(parent, list):
        parent.append(deepcopy(parent[key]))


def change_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    line = draw(st.integers(0, max(0, len(lines) - 1)))
    way = draw(st.sampled_from(["double", "delete", "indent", "cut", "insert", "utf-16", "latin-1", "bom"]))
    if way == "insert":
        place = draw(st.integers(0, len(data)))
        inserted = draw(
            st.sampled_from([b"\0", b"\t", b"\xff", b"&a ", b"*a", b"!!set ", b"{", "\u2028".encode(), b"---\n", b"%"])
        )
        return data[:place] + inserted + data[place:]
    whole = {
        "utf-16": lambda: data.decode().encode("utf-16"),
        "latin-1": lambda: data.replace(b":", b": \xe4", 1),
        "bom": lambda: b"\xef\xbb\xbf" + data,
        "cut": lambda: data[: draw(st.integers(0, len(data)))],
        "double": lambda: b"".join([*lines[: line + 1], *lines[line:]]),
        "delete": lambda: b"".join([*lines[:line], *lines[line + 1 :]]),
        "indent": lambda: b"".join([*lines[:line], b"  ", *lines[line:]]),
    }
    return whole[way]()


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"a case takes longer than {HANG_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_back(file: Path, data: bytes) -> Scenario | None:
    """Read the mutant; anything but a scenario or ScenarioError is a failure."""
    file.write_bytes(data)
    try:
        return load(file)
    except ScenarioError as error:
        problems, code = error.problems, error.exit_code
    assert problems
    assert code == 3
    assert all(problem.startswith(f"{file}:") and "\n" not in problem for problem in problems)
    return None


def run_tiny(scenario: Scenario, file: Path) -> None:
    """Run what the mutant says with phantom halves, for a moment."""
    from edgesim.runner import run

    file.write_text(write(scenario.resolved() | TINY), encoding="utf-8")
    try:
        run(load(file), out=file.parent / "out", timing_only=True)
    except EdgesimError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message
    assert len(message) < 2000


@cache
def imported() -> None:
    """What is imported at the first run looks about on its own account: let it be before anybody listens."""
    with TemporaryDirectory() as folder:
        run_tiny(load(ROOT / "scenarios" / "ideal.yaml"), Path(folder) / "tiny.yaml")


def check(data: st.DataObject, tmp_path: Path, *, runs: bool) -> None:
    path = data.draw(st.sampled_from(SCENARIOS))
    mutant = data.draw(mutants(path, GENTLE if runs else ROUGH))
    if runs:
        imported()
    with no_hang(), nothing_outside(tmp_path):
        scenario = read_back(tmp_path / "mutant.yaml", mutant)
        event("valid" if scenario is not None else "refused")
        if scenario is not None and runs:
            run_tiny(scenario, tmp_path / "tiny.yaml")
    assert {file.name for file in tmp_path.iterdir()} <= {"mutant.yaml", "tiny.yaml", *(["out"] if runs else [])}


@settings(max_examples=60)
@given(st.data())
def test_a_mutant_is_read_or_explained(tmp_path: Path, data: st.DataObject) -> None:
    check(data, tmp_path, runs=False)


@settings(max_examples=10)
@given(st.data())
def test_a_mutant_that_is_valid_runs_or_says_why(tmp_path: Path, data: st.DataObject) -> None:
    check(data, tmp_path, runs=True)


@pytest.mark.slow
@settings(max_examples=2500)
@given(st.data())
def test_thousands_of_mutants_are_read_or_explained(tmp_path: Path, data: st.DataObject) -> None:
    check(data, tmp_path, runs=False)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.data())
def test_hundreds_of_mutants_run_or_say_why(tmp_path: Path, data: st.DataObject) -> None:
    check(data, tmp_path, runs=True)
