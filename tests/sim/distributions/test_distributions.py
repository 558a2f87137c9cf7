"""Every law against its closed forms, by another hand: scipy's distribution functions, means and variances."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgesim import kinds
from edgesim.sim.distributions.base import Distribution

COUNT = 20_000
UNIFORMS = np.random.default_rng(1).random(COUNT)
LEVEL = 1e-4  # of the Kolmogorov-Smirnov tests; the seed is fixed

CONTINUOUS: list[tuple[str, dict[str, Any], Any]] = [
    ("uniform", {"low": -2.0, "high": 5.0}, stats.uniform(-2.0, 7.0)),
    ("log_uniform", {"low": 0.5, "high": 8.0}, stats.loguniform(0.5, 8.0)),
    ("normal", {"mean": 10.0, "std": 3.0}, stats.norm(10.0, 3.0)),
    ("normal", {"mean": 10.0, "std": 3.0, "low": 8.0, "high": 14.5}, stats.truncnorm(-2 / 3, 1.5, 10.0, 3.0)),
    ("normal", {"mean": 0.0, "std": 1.0, "low": 9.0}, stats.truncnorm(9.0, np.inf)),  # far in the upper tail
    ("normal", {"mean": 0.0, "std": 1.0, "high": -9.0}, stats.truncnorm(-np.inf, -9.0)),
    ("lognormal", {"median": 4.0, "sigma": 0.7}, stats.lognorm(0.7, scale=4.0)),
    ("exponential", {"mean": 3.0}, stats.expon(scale=3.0)),
    ("disc", {"radius_m": 50.0}, stats.powerlaw(2.0, scale=50.0)),
]
ALL = [
    *((kind, knobs) for kind, knobs, _ in CONTINUOUS),
    ("constant", {"value": 3.0}),
    ("choice", {"values": [1.0, 2.0, 5.0]}),
    ("disc", {"radius_m": 50.0, "inner_m": 30.0}),
]


def make(kind: str, **knobs: Any) -> Distribution:
    made: Distribution = kinds.load("distribution", kind)(**knobs)
    return made


def test_every_law_of_the_menu_is_examined() -> None:
    assert {kind for kind, _ in ALL} == set(kinds.names("distribution"))


@pytest.mark.parametrize(("kind", "knobs", "law"), CONTINUOUS, ids=lambda value: str(value) if isinstance(value, str) else "")
def test_the_law_is_the_one_it_says(kind: str, knobs: dict[str, Any], law: Any) -> None:
    values = make(kind, **knobs).draw(UNIFORMS)
    assert stats.kstest(values, law.cdf).pvalue > LEVEL
    mean, variance = law.stats("mv")
    assert values.mean() == pytest.approx(mean, abs=4.5 * math.sqrt(variance / COUNT))  # 4.5 sigma
    fourth = law.expect(lambda x: (x - mean) ** 4)
    assert values.var() == pytest.approx(variance, abs=4.5 * math.sqrt((fourth - variance**2) / COUNT))


@pytest.mark.parametrize(("kind", "knobs"), ALL, ids=str)
def test_values_rise_with_the_uniform_and_are_finite(kind: str, knobs: dict[str, Any]) -> None:
    ends = [2.0**-53, 1e-9, *np.linspace(0.01, 0.99, 50), 1.0 - 1e-9, 1.0 - 2.0**-53]
    values = make(kind, **knobs).draw(np.array(ends))
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) >= 0.0)
    assert values.dtype == np.float64


def test_points_of_a_ring_are_spread_evenly() -> None:
    """Half the area of the ring between 30 and 50 m lies within the root of (30^2 + 50^2) / 2."""
    values = make("disc", radius_m=50.0, inner_m=30.0).draw(np.array([0.5, 2.0**-53, 1.0 - 2.0**-53]))
    assert values == pytest.approx([math.sqrt(1700.0), 30.0, 50.0])


def test_choices_come_as_often_as_their_weights() -> None:
    values = make("choice", values=[1.0, 2.0, 5.0], weights=[1.0, 0.0, 3.0]).draw(UNIFORMS)
    shares = [np.mean(values == value) for value in (1.0, 2.0, 5.0)]
    assert shares == pytest.approx([0.25, 0.0, 0.75], abs=4.5 * math.sqrt(0.25 * 0.75 / COUNT))
    assert shares[1] == 0.0


def test_a_constant_is_one() -> None:
    assert make("constant", value=3.5).draw(np.array([0.1, 0.9])).tolist() == [3.5, 3.5]


@pytest.mark.parametrize(
    ("kind", "knobs", "words"),
    [
        ("uniform", {"low": 2.0, "high": 1.0}, "low must not exceed high"),
        ("log_uniform", {"low": 0.0, "high": 1.0}, "low must be positive"),
        ("normal", {"mean": 0.0, "std": 0.0}, "std must be positive"),
        ("normal", {"mean": 0.0, "std": 1.0, "low": 2.0, "high": 1.0}, "low must be below high"),
        ("normal", {"mean": 0.0, "std": 1.0, "low": 90.0, "high": 91.0}, "has no values between"),
        ("lognormal", {"median": 0.0, "sigma": 1.0}, "must be positive"),
        ("exponential", {"mean": -1.0}, "mean must be positive"),
        ("choice", {"values": []}, "must not be empty"),
        ("choice", {"values": [1.0, 2.0], "weights": [1.0]}, "each needs one weight"),
        ("choice", {"values": [2.0, 1.0]}, "must be rising"),
        ("choice", {"values": [1.0], "weights": [0.0]}, "one of them positive"),
        ("disc", {"radius_m": 5.0, "inner_m": 5.0}, "0 <= inner_m < radius_m"),
    ],
)
def test_impossible_laws_are_refused(kind: str, knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(kind, **knobs)
