"""Shadowing as a function of place (phy.md 2.2; 15, row 13)."""

import math

import numpy as np
import pytest
from scipy import stats

from channels.shadowing import Shadowing, moved

SIGMA = 4.5
LINKS = 4000


def assert_mean(samples: np.ndarray, expected: float) -> None:
    """The mean of independent samples lies within 4.5 of its standard errors."""
    assert abs(samples.mean() - expected) <= SIGMA * samples.std() / math.sqrt(len(samples))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_values_are_normal_and_their_correlation_falls_exponentially(dimensions: int) -> None:
    """Over links; also a kilometre away from the origin, and along a diagonal."""
    field = Shadowing(sigma_db=6.0, correlation_m=13.0, dimensions=dimensions)
    along = np.ones(dimensions) / math.sqrt(dimensions)
    distances = [0.0, 1.0, 6.5, 13.0, 40.0]
    places = 1000.0 + np.outer(distances, along)
    values = np.stack([field.at(places, key) for key in range(LINKS)])
    assert stats.kstest(values[:, 0], stats.norm(scale=6.0).cdf).pvalue > 7e-6
    assert_mean(values[:, 0], 0.0)
    for place, distance in enumerate(distances):
        assert_mean(values[:, 0] * values[:, place], 36.0 * math.exp(-distance / 13.0))


def test_a_value_belongs_to_its_place() -> None:
    field, again = Shadowing(4.0, 10.0), Shadowing(4.0, 10.0)
    places = np.array([[0.0, 0.0], [5.0, -3.0], [1e4, 2.0]])
    together = field.at(places, key=3)
    alone = [again.at(place[None], key=3)[0] for place in places[::-1]]
    np.testing.assert_allclose(together, alone[::-1], atol=1e-9)
    assert not np.allclose(together, field.at(places, key=4))


def test_stations_share_what_is_around_the_client() -> None:
    field = Shadowing(4.0, 10.0, site_correlation=0.5)
    here = np.zeros((1, 2))
    pairs = np.array([[field.at(here, 3 * link + site, client_key=3 * link)[0] for site in (1, 2)] for link in range(LINKS)])
    assert_mean(pairs[:, 0] * pairs[:, 1], 8.0)
    assert_mean(pairs[:, 0] ** 2, 16.0)


def test_one_step_has_the_same_law() -> None:
    """Var S' = sigma^2 and E S S' = R sigma^2 if S ~ N(0, sigma^2)."""
    rng = np.random.Generator(np.random.PCG64(1))
    before, fresh = rng.normal(0.0, 8.0, 20_000), rng.standard_normal(20_000)
    after = np.array([moved(s, 5.0, 8.0, 10.0, w) for s, w in zip(before, fresh, strict=True)])
    assert_mean(after**2, 64.0)
    assert_mean(before * after, 64.0 * math.exp(-0.5))
    assert moved(3.0, 0.0, 8.0, 10.0, 1.0) == 3.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sigma_db": -1.0}, "sigma_db"),
        ({"correlation_m": 0.0}, "correlation_m"),
        ({"dimensions": 4}, "dimensions"),
        ({"site_correlation": 1.5}, "site_correlation"),
    ],
)
def test_impossible_fields_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Shadowing(**{"sigma_db": 4.0, "correlation_m": 10.0, **wrong})


def test_impossible_places_are_refused() -> None:
    with pytest.raises(ValueError, match="places_m"):
        Shadowing(4.0, 10.0).at([[1.0]], key=0)
    with pytest.raises(ValueError, match="places_m"):
        Shadowing(4.0, 10.0).at([[1.0, math.nan]], key=0)
    with pytest.raises(ValueError, match="client_key"):
        Shadowing(4.0, 10.0, site_correlation=0.5).at([[1.0, 0.0]], key=0)
    with pytest.raises(ValueError, match="moved_m"):
        moved(0.0, -1.0, 4.0, 10.0, 0.0)
