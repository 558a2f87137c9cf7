"""Shares of the band against the rate formula b B log2(1 + snr / b)."""

import math

import numpy as np
import pytest

from channels.draws import Draws
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.fdma import Fdma
from edgesim.sim.radio import Radio


def rate(medium: Fdma, client: int, snr: float, band_hz: float = 1e6) -> float:
    """Bits per second of a client's radio in its share."""
    radio = Radio(bandwidth_hz=band_hz * medium.share(client), max_bits_per_symbol=16.0)
    met = snr * medium.gain(client)
    airtime = radio.walk(10**6, 0.0, lambda start, blocks: Draws(np.ones(1), np.full(1, met), np.full(1, math.inf)))
    return 1e6 / airtime.seconds


@pytest.mark.parametrize("clients", [1, 4, 16])
@pytest.mark.parametrize("snr", [0.1, 10.0])
def test_power_in_a_narrow_band_is_worth_more_than_the_share(clients: int, snr: float) -> None:
    concentrated = Fdma(Ledger(), "up", clients, 0, power_concentration=True)
    spread = Fdma(Ledger(), "up", clients, 0)
    share = 1.0 / clients
    assert rate(concentrated, 0, snr) == pytest.approx(share * 1e6 * math.log2(1.0 + snr / share))
    assert rate(spread, 0, snr) == pytest.approx(share * 1e6 * math.log2(1.0 + snr))
    assert not spread.shared


def test_weights_are_shares() -> None:
    medium = Fdma(Ledger(), "up", 3, 0, weights=[1.0, 1.0, 2.0], power_concentration=True)
    assert [medium.share(client) for client in range(3)] == [0.25, 0.25, 0.5]
    assert [medium.gain(client) for client in range(3)] == [4.0, 4.0, 2.0]
    with pytest.raises(ValueError, match="weights must be 3 positive numbers"):
        Fdma(Ledger(), "up", 3, 0, weights=[1.0, 1.0])
