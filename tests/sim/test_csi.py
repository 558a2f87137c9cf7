"""What imperfect knowledge of the channel costs: the analog transport's formula against symbols, pilots and an equaliser."""

import math

import numpy as np
import pytest
from scipy import special

from channels import Draws
from edgesim.sim.packets import Chance
from edgesim.sim.radio import Radio
from edgesim.sim.transports.analog import Analog
from edgesim.wire import Field, Manifest

SIGMA = 4.5
BLOCKS, EACH = 40_000, 8


def complex_normal(random: np.random.Generator, *shape: int) -> np.ndarray:
    return random.standard_normal((*shape, 2)).view(np.complex128)[..., 0] * math.sqrt(0.5)


def mean_error(mean: float, error: float) -> float:
    """E 1/(1 + g'), g' = mean |h'|^2/(1 + mean e), over |h'|^2 of an exponential law of mean 1 - e (phy.md 11.5)."""
    left = mean * (1.0 - error) / (1.0 + mean * error)
    return float(math.exp(1.0 / left) * special.exp1(1.0 / left) / left)


@pytest.mark.parametrize(("mean", "pilots", "correlation"), [(10.0, 1, 1.0), (10.0, 4, 1.0), (3.0, 2, 0.9), (100.0, 1, 0.99)])
def test_the_error_of_a_receiver_that_estimates(mean: float, pilots: int, correlation: float) -> None:
    """The receiver has pilots of the gain as it was, r times the gain as it is and something new. It takes the MMSE estimate h'
    of both steps and the linear MMSE equaliser given h': its error over Gaussian symbols is the formula's. So is the mean
    over the transport's draws, whose law of |h'|^2 given the true gain is another route to the same number."""
    random = np.random.default_rng(7)
    h = complex_normal(random, BLOCKS, 1)
    old = correlation * h + math.sqrt(1.0 - correlation**2) * complex_normal(random, BLOCKS, 1)
    heard = old + complex_normal(random, BLOCKS, 1) / math.sqrt(pilots * mean)
    known = correlation * pilots * mean / (1.0 + pilots * mean) * heard
    error = 1.0 - correlation**2 * (1.0 - 1.0 / (1.0 + pilots * mean))
    missed = np.abs(h - known) ** 2
    assert abs(missed.mean() - error) <= SIGMA * missed.std() / math.sqrt(BLOCKS)
    s = complex_normal(random, BLOCKS, EACH)
    y = h * s + complex_normal(random, BLOCKS, EACH) / math.sqrt(mean)
    decided = known.conj() * y / (np.abs(known) ** 2 + error + 1.0 / mean)
    off = (np.abs(decided - s) ** 2).mean(axis=1)
    expected = mean_error(mean, error)
    assert abs(off.mean() - expected) <= SIGMA * off.std() / math.sqrt(BLOCKS)

    gain = random.exponential(size=BLOCKS + 1)
    values = Manifest((Field("values", (2 * BLOCKS,), 32, "values", analog=True),))  # a symbol of 1 us a block
    transport = Analog(Radio(bandwidth_hz=1e6), pilots=pilots, csi_correlation=correlation)
    airtime = transport.plan(
        values, 0.0, lambda _, n: Draws(gain[:n], mean * gain[:n], np.full(len(gain[:n]), 1e-6)), Chance(3)
    )
    left = 1.0 / (1.0 + airtime.draws.snr)
    assert len(left) >= BLOCKS - 100
    assert abs(left.mean() - expected) <= SIGMA * left.std() / math.sqrt(len(left))


GAINS = np.array([0.0, 0.005, 0.02, 1.0, 3.0])  # a second each; nothing at all in the first: an outage
EVERY_BLOCK = Manifest((Field("values", (100,), 32, "values", analog=True),))  # 50 symbols at ten a second


def fades(_start: float, blocks: int) -> Draws:
    gain = np.append(GAINS, np.ones(blocks))[:blocks]
    return Draws(gain, 10.0 * gain, np.ones(blocks))


@pytest.mark.parametrize("knobs", [{"pilots": 2}, {"csi_correlation": 0.9}])
def test_where_nothing_arrives_nothing_is_known(knobs: dict[str, float]) -> None:
    airtime = Analog(Radio(bandwidth_hz=10.0), **knobs).plan(EVERY_BLOCK, 0.0, fades, Chance(3))
    values = airtime.draws.snr[:5]
    assert values[0] == 0.0
    assert (values[1:] > 0.0).all()


def test_an_inverting_sender_is_silent_below_its_threshold() -> None:
    """Above -20 dB every value has half the mean SNR of 10, whatever its gain; -17 dB is above, -23 dB is not."""
    transport = Analog(Radio(bandwidth_hz=10.0), inversion_db=-20.0)
    airtime = transport.plan(EVERY_BLOCK, 0.0, fades, Chance(3, inversion=lambda threshold: 50.0 * threshold))
    assert airtime.draws.snr[:5] == pytest.approx([0.0, 0.0, 5.0, 5.0, 5.0])
