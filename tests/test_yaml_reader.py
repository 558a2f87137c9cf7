"""The reader keeps places, refuses what is not plain YAML, and gives up early on files that no person writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesim.yaml_nodes import REFUSED, plain
from edgesim.yaml_reader import MOST_BYTES, MOST_DEPTH, MOST_NODES, read, read_value


def said(data: bytes) -> list[str]:
    """Every problem of a document called f."""
    return [str(problem) for problem in read(data, "f")[1]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key 'a' (first in line 1); keep one"),
        (b"a: 1\nb: {c: 1, c: 1}\n", "f:2:11: duplicate key 'c' (first in line 2); keep one"),
        (b"a: &x 1\n", "f:1:4: anchor &x: anchors are not allowed; write the value where it is used"),
        (b"a: *x\n", "f:1:4: alias *x: aliases are not allowed; write the value out"),
        (b"a: {<<: {b: 1}}\n", "f:1:5: merge key <<: merge keys are not allowed; write the keys out"),
        (b"a: !!int 3\n", "f:1:4: tag !!int: tags are not allowed; remove it"),
        (b"a: !!python/object:os.system {}\n", "f:1:4: tag !!python/object:os.system: tags are not allowed; remove it"),
        (b"a: ! x\n", "f:1:4: tag !: tags are not allowed; remove it"),
        (b"? [1, 2]\n: 3\n", "f:1:3: a key must be a name, not a list or a mapping"),
        (b"a: 1\n---\nb: 2\n", "f:2:1: a second document begins here; one file holds one scenario"),
        (b"a:\n\tb: 1\n", "f:2:1: not valid YAML: a tab character; indent with spaces (while scanning for the next token)"),
        (b"a: b: c\n", "f:1:5: not valid YAML: mapping values are not allowed here"),
        (b"a: \x07\n", "f:1:4: the character U+0007 is not allowed in YAML"),
        (b"a: 1\nb: \xe9\n", "f:2:4: not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_at_its_place(data: bytes, expected: str) -> None:
    assert said(data) == [expected]


def test_a_refused_value_does_not_hide_the_others() -> None:
    root, problems = read(b"a: *x\nb: [1, !t 2, 3]\nc: 4\n", "f")
    assert root is not None
    assert plain(root) == {"a": REFUSED, "b": [1, REFUSED, 3], "c": 4}
    assert len(problems) == 2


def test_unclosed_bracket_is_reported_where_the_text_ends() -> None:
    [line] = said(b"a: [1, 2\nb: 3\n")
    assert line.startswith("f:2:2: not valid YAML: expected ',' or ']'")


def test_empty_documents_have_no_root() -> None:
    assert read(b"", "f") == (None, [])
    assert read(b"# only a comment\n", "f") == (None, [])


def test_byte_order_mark_and_carriage_returns_are_harmless() -> None:
    root, problems = read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f")
    assert root is not None
    assert problems == []
    assert plain(root) == {"a": 1, "b": 2}


def test_limits_are_said() -> None:
    deepest = b"[" * MOST_DEPTH + b"]" * MOST_DEPTH
    assert said(deepest) == []
    assert said(b"[" + deepest + b"]") == [
        f"f:1:{MOST_DEPTH + 1}: nested deeper than {MOST_DEPTH} levels; a scenario is flatter"
    ]
    most = b"[" + b"1," * (MOST_NODES - 1) + b"]"
    assert said(most) == []
    [line] = said(b"[" + b"1," * MOST_NODES + b"]")
    assert f"more than {MOST_NODES} nodes" in line
    assert said(b"#" * MOST_BYTES) == []
    assert said(b"#" * (MOST_BYTES + 1)) == ["f:1:1: the file is larger than 1 MiB; a scenario is smaller"]


@pytest.mark.parametrize(
    "data",
    [
        b"[" * MOST_BYTES,
        b"- " * (MOST_BYTES // 2),
        b"? " * (MOST_BYTES // 2),
        b"{" * 1000,
        b"a: b\n" * (MOST_BYTES // 5),
        b"---\n" * 1000,
    ],
    ids=["flow", "block", "keys", "braces", "duplicates", "documents"],
)
def test_hostile_files_end_soon(data: bytes) -> None:
    assert said(data)  # a reader that is quadratic in the size of the file would not come back from these


@given(st.binary(max_size=100) | st.text(st.sampled_from("ab1:-[]{}!&*?#|>'\"%@,\n\t <"), max_size=60).map(str.encode))
def test_whatever_the_bytes_every_problem_has_a_place_in_the_file(data: bytes) -> None:
    _, problems = read(data, "f")
    lines = len(data.splitlines()) + 1
    assert all(1 <= problem.place.line <= lines and problem.place.column >= 1 for problem in problems)


def test_values_of_overrides_stand_at_their_override() -> None:
    node, problems = read_value("{kind: topk, rates: [1e-1, no]}", "--set uplink.codec")
    assert node is not None
    assert problems == []
    assert plain(node) == {"kind": "topk", "rates": [0.1, "no"]}
    assert isinstance(node.value, dict)
    assert str(node.value["rates"].place) == "--set uplink.codec"
    assert str(read_value("[1", "--set a")[1][0]).startswith("--set a: not valid YAML")
