"""Scalars mean what they look like; what is written is read back as it was."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesim.yaml_nodes import place_of, plain, scalar, write
from edgesim.yaml_reader import read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e6", 1e6),
        ("5e9", 5e9),
        ("1e-3", 1e-3),
        ("5.0e9", 5e9),
        ("5.0e+9", 5e9),
        (".5", 0.5),
        ("3.", 3.0),
        ("-2", -2),
        ("+7", 7),
        ("010", 10),  # YAML 1.1 reads octal
        ("0x1F", 31),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("none", "none"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("1:30", "1:30"),  # YAML 1.1 reads 90
        ("12_000", "12_000"),  # YAML 1.1 reads 12000
        ("2024-01-01", "2024-01-01"),  # YAML 1.1 reads a date
        ("1e", "1e"),
        (".", "."),
        ("e5", "e5"),
        ("-", "-"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
    ],
)
def test_plain_scalars_are_what_they_look_like(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_quoted_scalars_are_text() -> None:
    assert scalar("1e6", is_plain=False) == "1e6"
    assert scalar("true", is_plain=False) == "true"
    assert scalar("", is_plain=False) == ""


@pytest.mark.parametrize("digits", ["9" * 100_000, "0x" + "f" * 100_000, "-" + "9" * 5000])
def test_endless_numbers_are_infinite_at_once(digits: str) -> None:
    value = scalar(digits)
    assert isinstance(value, float)
    assert math.isinf(value)


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=20)
leaves = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | text
tricky = st.sampled_from(
    [
        "1e6",
        "no",
        "true",
        "null",
        "~",
        "010",
        "1:30",
        ".inf",
        "<<",
        "=",
        "- a",
        "a: b",
        "#",
        "*a",
        "&a",
        "!a",
        "'",
        '"',
        " x ",
        "",
    ]
)
documents = st.recursive(
    leaves | tricky,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | tricky, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(text | tricky, documents, max_size=5))
def test_what_is_written_is_read_back(data: dict[str, object]) -> None:
    root, problems = read(write(data).encode(), "file")
    assert problems == []
    assert root is not None
    assert plain(root) == data


def test_places_of_nodes_and_keys() -> None:
    root, _ = read(b"a: 1\nb:\n  - {c: 2,  d: 3}\n  - x\n", "f.yaml")
    assert root is not None
    assert str(place_of(root, ("a",))) == "f.yaml:1:4"
    assert str(place_of(root, ("b", 0, "d"))) == "f.yaml:3:16"
    assert str(place_of(root, ("b", 0, "d"), key=True)) == "f.yaml:3:13"
    assert str(place_of(root, ("b", 1))) == "f.yaml:4:5"
    assert str(place_of(root, ("b", 7))) == "f.yaml:2:1"  # not there: its parent's key
    assert str(place_of(root, ("b", 0, "e", "f"))) == "f.yaml:3:5"
