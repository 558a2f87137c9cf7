"""Link budgets worked by hand; shadowing against its statistics; movers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from channels import (
    AWGN,
    TDL,
    AdcReference,
    BitFlip,
    Channel,
    Erasure,
    GilbertElliott,
    Ideal,
    LinkBudget,
    Nakagami,
    Rayleigh,
    Rician,
    units,
)
from channels.mobility import Shuttle, Trace, Walk
from channels.surroundings import Surroundings

SIGMA = 4.5
FLAT_M = math.sqrt(100.0**2 - 8.5**2)  # 100 m from a station of 10 m to a client of 1.5 m


def link(**knobs) -> LinkBudget:
    return LinkBudget(**{"fading": AWGN(snr_db=0.0), "bandwidth_hz": 20e6, "distance_m": FLAT_M, "shadowing_db": 0.0, **knobs})


def test_the_worked_example_of_the_reference() -> None:
    """23 dBm, 20 MHz, noise figure 5 dB, UMi hidden, 100 m, 3.5 GHz (phy.md 1): 14.40 dB with -174 dBm/Hz, k T is -173.975."""
    assert link(sight="no").mean_snr_db(0.0, key=1) == pytest.approx(14.40 - 0.025, abs=0.01)


def test_powers_gains_and_losses_add_in_decibels() -> None:
    plain = link(sight="yes").mean_snr_db(0.0, key=1)
    assert link(sight="yes", tx_power_dbm=20.0).mean_snr_db(0.0, 1) == pytest.approx(plain - 3.0)
    assert link(sight="yes", gain_db=5.0, noise_figure_db=9.0).mean_snr_db(0.0, 1) == pytest.approx(plain + 1.0)
    assert link(sight="yes", bandwidth_hz=40e6).mean_snr_db(0.0, 1) == pytest.approx(plain - 10 * math.log10(2))
    noisy = link(sight="yes", interference_dbm=link().noise_dbm)  # as strong as the noise
    assert noisy.mean_snr_db(0.0, 1) == pytest.approx(plain - 10 * math.log10(2))


def test_fading_is_added_to_the_budget() -> None:
    fading = Rayleigh(snr_db=0.0, coherence_s=0.01)
    channel = link(fading=fading, sight="no")
    here, alone = channel.draws(0.123, 50, key=4), fading.draws(0.123, 50, key=4)
    mean = units.linear(channel.mean_snr_db(0.0, key=4))
    assert np.array_equal(here.gain, alone.gain)
    assert np.array_equal(here.seconds, alone.seconds)
    assert here.snr == pytest.approx(alone.gain * mean, rel=1e-12)


def test_line_of_sight_is_drawn_as_often_as_the_model_says() -> None:
    """UMi at 100 m: 0.18 + 0.82 e^(-100/36) over 2000 links."""
    channel = link(distance_m=100.0, sight="drawn", pathloss="umi")
    expected, links = 0.18 + 0.82 * math.exp(-100 / 36), 2000
    seen = np.mean([channel.surroundings.drawn(key).sight for key in range(links)])
    assert abs(seen - expected) <= SIGMA * math.sqrt(expected * (1 - expected) / links)


def test_shadowing_has_its_standard_deviation_and_stays_where_the_client_stays() -> None:
    """sigma of n normal numbers is within 4.5 / sqrt(2 n) of 1, relative."""
    channel = link(sight="yes", shadowing_db=None)
    links = 3000
    loss = np.array([channel.surroundings.loss_db(np.array([FLAT_M]), key)[0] for key in range(links)])
    clean = float(channel.surroundings.mean_loss_db(np.array([FLAT_M]), sight=True)[0])
    assert abs(loss.mean() - clean) <= SIGMA * 4.0 / math.sqrt(links)
    assert abs(loss.std() / 4.0 - 1.0) <= SIGMA / math.sqrt(2 * links)
    assert channel.mean_snr_db(0.0, key=3) == channel.mean_snr_db(1e6, key=3)


def test_shadowing_of_a_mover_loses_its_correlation_as_gudmundson_says() -> None:
    """E S(x) S(x + d) = sigma^2 e^(-d/d_corr); the product of two unit normals has variance 1 + R^2."""
    links, correlation_m = 3000, 10.0
    walk = Surroundings("umi", (20.0, 60.0), 3.5e9, sight="yes", shadowing_db=1.0, correlation_m=correlation_m)
    places = np.array([20.0, 25.0, 30.0, 50.0, 60.0])
    clean = walk.mean_loss_db(places, sight=True)
    shadows = np.array([walk.loss_db(places, key) - clean for key in range(links)])
    for place in (1, 2, 3):
        expected = math.exp(-(places[place] - places[0]) / correlation_m)
        products = shadows[:, 0] * shadows[:, place]
        assert abs(products.mean() - expected) <= SIGMA * math.sqrt((1 + expected**2) / links)
    assert abs(shadows[:, -1].std() - 1.0) <= SIGMA / math.sqrt(2 * links)


def test_the_snr_of_a_mover_follows_simulated_time() -> None:
    channel = link(pathloss="log_distance", exponent=2.0, distance_m=None, times_s=[0.0, 10.0], distances_m=[10.0, 110.0])
    draws = channel.draws(0.0, 100, key=1)
    middles = np.cumsum(draws.seconds) - draws.seconds / 2
    expected = channel.mean_snr_db(0.0, 1) - 20.0 * np.log10((10.0 + 10.0 * middles) / 10.0)
    assert draws.seconds == pytest.approx(np.full(100, 0.1))
    assert 10.0 * np.log10(draws.snr) == pytest.approx(expected, abs=1e-6)
    late = channel.draws(500.0, 3, key=1)
    assert late.snr == pytest.approx(draws.snr[-1], rel=0.02)  # it has arrived


def test_a_mover_sees_the_same_snr_whatever_was_asked() -> None:
    fading = Rayleigh(snr_db=0.0, coherence_s=0.03)
    knobs = {"fading": fading, "distance_m": 20.0, "far_m": 80.0, "speed_mps": 3.0, "shadowing_db": 4.0}
    channel = link(**knobs)
    whole = channel.draws(2.0, 400, key=5)
    assert (whole.seconds > 0).all()
    assert len(whole.seconds) == 400
    middles = 2.0 + np.cumsum(whole.seconds) - whole.seconds / 2
    for piece in (0, 1, 77, 399):
        assert link(**knobs).draws(middles[piece], 1, key=5).snr[0] == pytest.approx(whole.snr[piece], rel=1e-12)


@pytest.mark.parametrize(("building", "wall_db", "sigma_db"), [("low", 12.70, 4.4), ("high", 26.85, 6.5)])
def test_walls_cost_what_the_table_says(building: str, wall_db: float, sigma_db: float) -> None:
    """The wall's loss at 3.5 GHz, 0.5 dB for each of the min of two U(0, 25) metres (mean 25/3), and sigma."""
    links = 2000
    inside = link(building=building, sight="no")
    walls = np.array([inside.surroundings.drawn(key).wall_db for key in range(links)])
    spread = math.hypot(sigma_db, 0.5 * 25.0 / math.sqrt(18.0))
    assert abs(walls.mean() - (wall_db + 0.5 * 25.0 / 3.0)) <= SIGMA * spread / math.sqrt(links) + 0.005
    assert abs(walls.std() / spread - 1.0) <= SIGMA / math.sqrt(2 * links) * 1.2  # the uniform part is lighter than normal


def test_paths() -> None:
    shuttle = Shuttle(10.0, 30.0, 2.0)
    assert shuttle.distance_m(np.array([0.0, 5.0, 10.0, 15.0, 40.0])).tolist() == [10.0, 20.0, 30.0, 20.0, 10.0]
    again = Trace([1.0, 3.0], [0.0, 8.0], repeat=True)
    assert again.distance_m(np.array([0.0, 2.0, 3.5, 5.0])).tolist() == [0.0, 4.0, 2.0, 0.0]


@pytest.mark.parametrize(
    "knobs",
    [
        {"distance_m": None},
        {"far_m": 200.0},
        {"times_s": [0.0, 1.0], "distances_m": [1.0, 2.0]},
        {"distance_m": None, "times_s": [0.0, 1.0]},
        {"distance_m": None, "times_s": [1.0, 1.0], "distances_m": [1.0, 2.0]},
        {"repeat": True},
        {"trace_file": "walk.csv"},
        {"bandwidth_hz": None},
        {"pathloss": "moon"},
    ],
)
def test_budgets_that_say_too_little_or_too_much_are_refused(knobs: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"distance_m|times|bandwidth_hz|pathloss"):
        link(**knobs)


LINE = {"profile": "A", "delay_spread_s": 3e-7, "bandwidth_hz": 20e6, "subcarriers": 16, "coherence_s": 0.01}
NESTED: dict[str, Channel] = {
    "ideal": Ideal(),
    "awgn": AWGN(snr_db=0.0),
    "awgn at 7 dB": AWGN(snr_db=7.0),
    "rayleigh at 7 dB": Rayleigh(snr_db=7.0, coherence_s=0.01),
    "rayleigh": Rayleigh(snr_db=0.0, coherence_s=0.01),
    "rician": Rician(snr_db=0.0, k_db=6.0, coherence_s=0.01),
    "nakagami": Nakagami(snr_db=0.0, m=2.0, coherence_s=0.01),
    "erasure": Erasure(loss=0.5),
    "gilbert_elliott": GilbertElliott(loss=0.1, burst_s=0.02),
    "bit_flip": BitFlip(bit_error_rate=1e-3),
}


@pytest.mark.parametrize("kind", NESTED)
def test_the_link_sets_the_snr_whatever_the_fading_says(kind: str) -> None:
    """snr = mean snr x |h|^2, and that of the fading alone does not matter."""
    fading = NESTED[kind]
    channel = link(fading=fading, sight="no")
    draws, alone = channel.draws(0.5, 20, key=3), fading.draws(0.5, 20, key=3)
    mean = units.linear(channel.mean_snr_db(0.0, key=3))
    np.testing.assert_allclose(draws.snr, alone.gain * mean, rtol=1e-12)
    assert 1.0 < mean < 1000.0
    x = torch.randn(40_000, generator=torch.Generator().manual_seed(1))
    one = channel.draws(0.5, 1, key=3)
    error = (channel.apply(x, one, torch.Generator().manual_seed(2)) - x).double()
    assert float(error.square().mean()) * one.snr[0] == pytest.approx(1.0, rel=SIGMA * math.sqrt(2.0 / 40_000))
    assert channel.bit_error_rate == fading.bit_error_rate


def test_a_tapped_delay_line_has_its_effective_snr_at_the_links_mean() -> None:
    """log2(1 + snr_eff) = mean_k log2(1 + m |H_k|^2) with m of the link; scaling the value at 0 dB is 0.3 dB off and more."""
    fading = TDL(snr_db=0.0, **LINE)
    channel = link(fading=fading, sight="no")
    mean_db = channel.mean_snr_db(0.0, key=4)
    here, there = channel.draws(0.1, 50, key=4), TDL(snr_db=mean_db, **LINE).draws(0.1, 50, key=4)
    np.testing.assert_allclose(here.snr, there.snr, rtol=1e-5)
    np.testing.assert_allclose(here.gain, there.gain, rtol=1e-5)
    naive = fading.draws(0.1, 50, key=4).snr * units.linear(mean_db)
    assert 10.0 * np.log10(naive / here.snr).mean() > 0.3
    assert channel.subcarriers == 16


def test_a_tapped_delay_line_that_moves_away() -> None:
    """At every look the SNR is that of a tapped delay line at the mean SNR there."""
    fading = TDL(snr_db=0.0, **LINE)
    moves = {"distance_m": None, "times_s": [0.0, 10.0], "distances_m": [20.0, 400.0]}
    channel = link(fading=fading, pathloss="log_distance", exponent=3.5, update_s=1.0, **moves)
    for start in (0.0, 3.0, 9.0):
        draws = channel.draws(start, 5, key=4)
        mean_db = channel.mean_snr_db(start + 0.5, key=4)
        expected = TDL(snr_db=mean_db, **LINE).draws(start, 5, key=4)
        np.testing.assert_allclose(draws.snr, expected.snr, rtol=1e-5)
        wide = channel.by_subcarrier(start, 5, key=4)
        np.testing.assert_allclose(wide.snr, wide.gain * units.linear(mean_db), rtol=1e-9)


@pytest.mark.parametrize("fading", [AdcReference(), LinkBudget(fading=Ideal(), distance_m=1.0, bandwidth_hz=1e6)])
def test_a_fading_that_makes_its_own_noise_is_refused(fading: Channel) -> None:
    with pytest.raises(ValueError, match="noise itself"):
        link(fading=fading)


def test_a_walk_has_the_distance_of_its_positions() -> None:
    """Past the station in a straight line: the distance is a hyperbola in time, not a line between its ends."""
    walk = Walk([0.0, 10.0], [-30.0, 30.0], [40.0, 40.0])
    times = np.array([0.0, 2.5, 5.0, 10.0, 99.0])
    np.testing.assert_allclose(walk.distance_m(times), np.hypot([-30.0, -15.0, 0.0, 30.0, 30.0], 40.0))
    assert walk.span_m == pytest.approx((40.0, 50.0))
    np.testing.assert_allclose(walk.places_m(times)[1], [-15.0, 40.0])
    still = Walk([0.0, 1.0, 2.0], [3.0, 3.0, 3.0], [4.0, 4.0, 4.0], repeat=True)
    assert still.span_m == (5.0, 5.0)
    assert Walk([0.0, 1.0], [-5.0, 5.0], [0.0, 0.0]).span_m == (0.0, 5.0)


def test_the_shadowing_of_a_walk_belongs_to_its_positions(tmp_path: Path) -> None:
    """On a circle the distance never changes, the shadowing does; back where it began it is the same."""
    angles = np.linspace(0.0, 2.0 * math.pi, 65)
    rows = [f"{time},{50 * math.cos(angle)},{50 * math.sin(angle)}" for time, angle in enumerate(angles)]
    path = tmp_path / "circle.csv"
    path.write_text("time_s,x_m,y_m\n" + "\n".join(rows))
    channel = link(distance_m=None, trace_file=str(path), shadowing_db=6.0, sight="no")
    around = np.array([channel.mean_snr_db(float(time), key=2) for time in range(65)])
    assert around.std() > 2.0
    assert around[0] == pytest.approx(around[-1], abs=1e-6)
    clean = link(distance_m=None, trace_file=str(path), sight="no")
    assert np.ptp([clean.mean_snr_db(float(time), key=2) for time in range(65)]) < 1e-6


def test_the_shadowing_along_a_walk_is_gudmundsons() -> None:
    """E S(p) S(q) = e^(-|p - q|/d_corr) over links, also around a corner; variance of a product of unit normals 1 + R^2."""
    links = 3000
    walk = Surroundings("umi", (20.0, 60.0), 3.5e9, sight="yes", shadowing_db=1.0, correlation_m=10.0, dimensions=2)
    places = np.array([[20.0, 0.0], [20.0, 6.0], [28.0, 6.0]])
    distances = np.hypot(*places.T)
    clean = walk.mean_loss_db(distances, sight=True)
    shadows = np.array([walk.loss_db(distances, key, places) - clean for key in range(links)])
    for one, other in ((0, 1), (1, 2), (0, 2)):
        expected = math.exp(-np.hypot(*(places[one] - places[other])) / 10.0)
        products = shadows[:, one] * shadows[:, other]
        assert abs(products.mean() - expected) <= SIGMA * math.sqrt((1 + expected**2) / links)


def test_high_clients_of_uma_have_their_environment_drawn_as_often_as_the_table_says() -> None:
    """22 m up, 250 m away: C = 0.9^1.5 x 1.25 x 2.5^3 e^(-250/150) = 3.15; 1 m in 1/(1 + C) of all cases, else 12, 15, 18 m."""
    c = 0.9**1.5 * 1.25 * 2.5**3 * math.exp(-250.0 / 150.0)
    links = 3000
    channel = link(pathloss="uma", client_m=22.0, distance_m=250.0)
    drawn = [channel.surroundings.drawn(key) for key in range(links)]
    heights = np.array([found.around_m for found in drawn])
    for height, share in {
        1.0: 1.0 / (1.0 + c),
        12.0: c / (1.0 + c) / 3,
        15.0: c / (1.0 + c) / 3,
        18.0: c / (1.0 + c) / 3,
    }.items():
        assert abs((heights == height).mean() - share) <= SIGMA * math.sqrt(share * (1.0 - share) / links)
    sight = (18.0 / 250.0 + math.exp(-250.0 / 63.0) * (1.0 - 18.0 / 250.0)) * (1.0 + c)
    seen = np.mean([found.sight for found in drawn])
    assert abs(seen - sight) <= SIGMA * math.sqrt(sight * (1.0 - sight) / links)
    low = link(pathloss="uma", client_m=13.0, distance_m=250.0)
    assert {low.surroundings.drawn(key).around_m for key in range(200)} == {1.0}
    street = link(pathloss="umi", client_m=22.0, distance_m=250.0)
    assert {street.surroundings.drawn(key).around_m for key in range(200)} == {1.0}
