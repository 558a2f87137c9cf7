"""Numbers and nested facts as a person reads them."""

import pytest

from edgesim.cli.render import columns, fitted, nested, quantity, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "s", "0 s"),
        (1234567.0, "bit", "1.235 Mbit"),
        (999.96, "bit", "1 kbit"),
        (999.4, "bit", "999.4 bit"),
        (0.00123, "s", "1.23 ms"),
        (59.0, "s", "59 s"),
        (61.4, "s", "1 min 1 s"),
        (3600.0, "s", "1 h 0 min 0 s"),
        (200_000.0, "s", "2 d 7 h"),
        (-2500.0, "J", "-2.5 kJ"),
        (0.05, "dB", "0.05 dB"),
        (1e-12, "J", "1e-12 J"),
        (float("inf"), "dB", "inf dB"),
        (2.5e18, "FLOP", "2500 PFLOP"),
    ],
)
def test_quantity(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("latency_s", "s"),
        ("wall_s_estimate", "s"),
        ("energy_j", "J"),
        ("spent_bits", "bit"),
        ("bits", "bit"),
        ("client_forward_flops", "FLOP"),
        ("snr_db_mean", "dB"),
        ("s", None),
        ("steps", None),
        ("epochs_of_base", None),
    ],
)
def test_unit_is_a_word_of_the_key(key: str, unit: str | None) -> None:
    assert unit_of(key, None) == unit


def test_nested_facts() -> None:
    facts = {
        "scenario": {"name": "ideal", "seed": 0},
        "xi": {"paper": {"up": 0.2, "down": 0.25}, "wire": {"up": 0.21, "down": None}},
        "steps": 12345,
        "energy_j": {"total": 1500.0, "by_actor": {"client0": 0.5}},
    }
    assert nested(facts) == [
        "steps  12 345",
        "",
        "scenario",
        "  name  ideal",
        "  seed  0",
        "",
        "xi",
        "           up  down",
        "  paper   0.2  0.25",
        "  wire   0.21     -",
        "",
        "energy",
        "  total  1.5 kJ",
        "  by actor",
        "    client0  500 mJ",
    ]


def test_columns_go_on_below_where_a_terminal_ends() -> None:
    rows = [("xi", "a ratio " * 6), ("a label far too long for its column", "text"), ("k", "")]
    assert columns(rows, indent=2, width=36) == [
        "  xi  a ratio a ratio a ratio a",
        "      ratio a ratio a ratio",
        "  a label far too long for its column",
        "      text",
        "  k",
    ]
    assert columns(rows)[0] == "xi".ljust(37) + ("a ratio " * 6).strip()


def test_prose_is_fitted_and_formulas_are_left_alone() -> None:
    text = "One two three\nfour five six.\n\n    x = y  +  z\n\nname  what it means, at length"
    assert fitted(text, None) == text
    assert fitted(text, 10) == "One two\nthree four\nfive six.\n\n    x = y  +  z\n\nname  what it means, at length"
