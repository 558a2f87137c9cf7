"""Quantities are read into the unit of the key, intervals hold what mathematics says they hold."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesim.quantities import Interval, did_you_mean, example, parse, pattern, unit_of

SUFFIXES = ["s", "hz", "db", "dbm", "w", "j", "joules", "m", "mps", "bits", "bytes", "flops"]


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        ("20 MHz", "hz", 20_000_000.0),
        ("20MHz", "hz", 20_000_000.0),
        ("180 kHz", "hz", 180_000.0),
        ("5 GHz", "hz", 5e9),
        ("5 ms", "s", 0.005),
        ("0.1 ms", "s", 0.0001),
        ("7 us", "s", 7e-6),
        ("7 µs", "s", 7e-6),
        ("2 min", "s", 120.0),
        ("1.5 h", "s", 5400.0),
        ("-3 dB", "db", -3.0),
        ("23 dBm", "dbm", 23.0),
        ("200 mW", "w", 0.2),
        ("5 Wh", "j", 18_000.0),
        ("3 kJ", "joules", 3000.0),
        ("2.5 km", "m", 2500.0),
        ("36 km/h", "mps", 10.0),
        ("1.5 m/s", "mps", 1.5),
        ("10 Mbit", "bits", 10_000_000.0),  # decimal, not 1024 squared
        ("1500 B", "bits", 12_000.0),
        ("1 KiB", "bits", 8192.0),
        ("4 kB", "bytes", 4000.0),
        ("16 bit", "bytes", 2.0),
        ("5 GFLOP", "flops", 5e9),
        ("13.5 GFLOP/s", "flops", 13.5e9),
        ("1e3 kHz", "hz", 1e6),
    ],
)
def test_units_are_read_into_the_unit_of_the_key(text: str, suffix: str, expected: float) -> None:
    assert parse(text, suffix) == expected


def test_power_reads_in_watts_and_dbm_either_way() -> None:
    assert parse("100 mW", "dbm") == pytest.approx(20.0, abs=1e-12)
    assert parse("23 dBm", "w") == pytest.approx(0.19952623149688797, rel=1e-12)
    with pytest.raises(ValueError, match="a power in dBm must be positive"):
        parse("0 W", "dbm")


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        ("20 mhz", "hz", "'mhz' is not a unit of frequency, did you mean 'MHz'?"),
        ("20 ms", "hz", "'ms' is not a unit of frequency"),
        ("10 Mb", "bits", "'Mb' is not a unit of size, did you mean 'MB'?"),
        ("20", "hz", "remove the quotes"),
        ("fast", "hz", "expected a number or a quantity such as \"20 MHz\", got the text 'fast'"),
        ("MHz", "hz", "expected a number"),
        ("1 2 MHz", "hz", "expected a number"),
        ("12_000", "bits", "expected a number"),
        ("1:30", "s", "expected a number"),
        ("1e999999999 Hz", "hz", "too large"),
        ("1e999 dBm", "w", "too large"),
        ("1e999 dBm", "dbm", "too large"),
        ("1" + " " * 100_000 + "x", "hz", "expected a number"),
    ],
)
def test_what_is_no_quantity_is_explained(text: str, suffix: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(text, suffix)


@given(st.decimals(min_value=-1000, max_value=1000, places=3))
def test_decimal_prefixes_round_as_the_plain_number_does(number: object) -> None:
    """`0.3 MHz` is the float nearest to 300000, not 0.3 times 1e6 in floating point."""
    assert parse(f"{number} MHz", "hz") == float(f"{number}e6")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_exported_pattern_matches_the_example_and_nothing_without_unit(suffix: str) -> None:
    assert re.search(pattern(suffix), example(suffix))
    assert not re.search(pattern(suffix), "20")
    assert not re.search(pattern(suffix), "20 parsec")
    assert math.isfinite(parse(example(suffix), suffix))


@pytest.mark.parametrize(
    ("key", "suffix"),
    [
        ("bandwidth_hz", "hz"),
        ("simulated_s", "s"),
        ("bits", "bits"),
        ("joules", "joules"),
        ("packet_bits", "bits"),
        ("max_bits_per_symbol", None),
        ("lr", None),
        ("m", None),
        ("s", None),
        ("steps", None),
    ],
)
def test_the_suffix_of_a_key_states_its_unit(key: str, suffix: str | None) -> None:
    assert unit_of(key) == suffix


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("(0, 1]", [1e-300, 0.5, 1], [0, -1, 1.0000001, math.nan]),
        ("[1, inf)", [1, 1e300, 10**400], [0.999, math.inf, math.nan]),
        ("(-inf, inf]", [-1e300, math.inf], [-math.inf, math.nan]),
        ("[0,1)", [0, 0.999], [1]),
    ],
)
def test_intervals_hold_what_they_say(text: str, inside: list[float], outside: list[float]) -> None:
    interval = Interval.parse(text)
    assert all(value in interval for value in inside)
    assert not any(value in interval for value in outside)
    assert Interval.parse(str(interval)) == interval


@pytest.mark.parametrize(
    ("text", "words"),
    [("(0, 1]", "above 0 and at most 1"), ("[1, inf)", "at least 1"), ("(-inf, 5)", "below 5"), ("(-inf, inf)", "any number")],
)
def test_intervals_in_words(text: str, words: str) -> None:
    assert Interval.parse(text).words() == words


@pytest.mark.parametrize("text", ["", "0, 1", "(0; 1)", "[a, b]", "(1)"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"interval|float"):
        Interval.parse(text)


def test_the_nearest_name_ignores_case() -> None:
    assert did_you_mean("ADC", ["adc", "topk"]) == ", did you mean 'adc'?"
    assert did_you_mean("zzz", ["adc", "topk"]) == ""
