"""From YAML to tensors: values sent uncoded over a tapped delay line meet the gain of their own subcarrier."""

import math

import numpy as np
import pytest
import torch

from edgesim import build
from edgesim.sim.link import Link
from edgesim.wire import Field, Manifest, Payload

SIGMA = 4.5
CARRIERS, SPANS, MEAN = 16, 4000, 10.0
LINE = {"kind": "tdl", "snr_db": 10, "profile": "A", "delay_spread_s": 3e-7, "bandwidth_hz": 20e6, "subcarriers": CARRIERS}
VALUES = Field("values", (SPANS, CARRIERS, 2), 32, "values", analog=True)


def uplink(make, channel: dict[str, object], **knobs: object) -> Link:
    both = {"codec": "identity", "radio": {"bandwidth_hz": 20e6}, "transport": {"kind": "analog", **knobs}}
    scenario = make(uplink=both | {"channel": channel}, downlink=both | {"channel": channel})
    return build.world(scenario, build.learning(scenario)).clients[0].uplink


def errors(link: Link) -> tuple[np.ndarray, object]:
    """Mean square error on each subcarrier over the mean square of the values, [CARRIERS], and the airtime."""
    manifest = Manifest((VALUES,))
    x = torch.randn(VALUES.shape, generator=torch.Generator().manual_seed(1)) * 7.0
    airtime = link.transport.plan(manifest, 0.25, link.fading, link.chance)
    y = link.air(Payload(manifest, {"values": x}), airtime.harm, 1).tensors["values"]
    return ((y - x).double().square().mean(dim=(0, 2)) / x.double().square().mean()).numpy(), airtime


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_each_subcarrier_has_its_own_error(make, equaliser: str) -> None:
    """N0/|H|^2 and 1/(1 + |H|^2/N0); the mean of n squares of a normal law lies within 4.5 sqrt(2/n) of it."""
    link = uplink(make, LINE | {"coherence_s": 100.0}, equaliser=equaliser)
    realised, _ = errors(link)
    [power] = link.chance.by_subcarrier(0.25, 1).gain
    expected = 1.0 / (MEAN * power) if equaliser == "zf" else 1.0 / (1.0 + MEAN * power)
    assert power.max() > 2.0 * power.min()
    np.testing.assert_allclose(realised, expected, rtol=SIGMA * math.sqrt(2.0 / (2 * SPANS)))


def test_within_a_link_budget_at_its_mean_snr(make) -> None:
    fading = {name: value for name, value in LINE.items() if name != "snr_db"} | {"coherence_s": 100.0}
    budget = {"kind": "link_budget", "pathloss": "free_space", "distance_m": 2000, "shadowing_db": 0, "fading": fading}
    link = uplink(make, budget, equaliser="zf")
    realised, _ = errors(link)
    wide = link.chance.by_subcarrier(0.25, 1)
    np.testing.assert_allclose(realised, 1.0 / wide.snr[0], rtol=SIGMA * math.sqrt(2.0 / (2 * SPANS)))
    # 23 dBm over free space of 2 km at 3.5 GHz against 20 MHz of noise with a figure of 5 dB
    mean_db = 23.0 - 20.0 * math.log10(4.0 * math.pi * 2000.0 * 3.5e9 / 299_792_458.0) + 95.963
    np.testing.assert_allclose(10.0 * np.log10(wide.snr / wide.gain), mean_db, atol=0.01)


def test_airtime_is_that_of_a_flat_channel_and_pilots_are_paid_on_each_subcarrier(make) -> None:
    moving = {"coherence_s": 1e-3}
    _, flat = errors(uplink(make, {"kind": "rayleigh", "snr_db": 10} | moving))
    _, wide = errors(uplink(make, LINE | moving))
    digital_symbols = flat.symbols - SPANS * CARRIERS  # the scale of the message, whose rate follows the SNR
    assert 0 < digital_symbols < 100
    assert SPANS * CARRIERS < wide.symbols < SPANS * CARRIERS + 100
    blocks = math.ceil(SPANS * CARRIERS / 20e6 / 1e-3) + 1
    _, known = errors(uplink(make, LINE | moving, pilots=2))
    assert (known.symbols - wide.symbols) in (2 * CARRIERS * blocks, 2 * CARRIERS * (blocks - 1))


def test_the_estimate_of_each_subcarrier_errs_as_the_formula_says(make) -> None:
    """MMSE from n pilots: given h', the error is 1/(1 + g') with g' = m |h'|^2/(1 + m e), e = 1/(1 + n m); its mean over many
    independent blocks and subcarriers is E 1/(1 + x (1 - e) m/(1 + m e)), x ~ Exp(1), as |h'|^2 has mean 1 - e."""
    from scipy import special

    link = uplink(make, LINE | {"coherence_s": 1e-5}, pilots=3)
    realised, airtime = errors(link)
    left = airtime.draws.snr
    error = 1.0 / (1.0 + 3 * MEAN)
    mean = MEAN * (1.0 - error) / (1.0 + MEAN * error)
    per_block = (1.0 / (1.0 + left)).mean(axis=1)  # blocks are independent, their subcarriers are not
    expected = special.exp1(1.0 / mean) * math.exp(1.0 / mean) / mean
    assert abs(per_block.mean() - expected) <= SIGMA * per_block.std() / math.sqrt(len(per_block))
    assert realised.mean() == pytest.approx(per_block.mean(), rel=0.02)


def test_truncated_inversion_evens_out_every_subcarrier(make) -> None:
    """SNR m/E1(t) where |H|^2 >= t, zero elsewhere and the values with it (phy.md 11.6)."""
    from scipy import special

    link = uplink(make, LINE | {"coherence_s": 1e-4}, inversion_db=-10)
    _, airtime = errors(link)
    snr = airtime.draws.snr
    assert snr.ndim == 2
    assert snr[snr > 0.0] == pytest.approx(MEAN / special.exp1(0.1), rel=1e-6)
    assert np.array_equal(snr > 0.0, airtime.draws.gain >= 0.1)
    x = torch.ones(VALUES.shape)
    arrived = link.air(Payload(Manifest((VALUES,)), {"values": x}), airtime.harm, 1)
    missing = arrived.missing["values"].float().mean()
    assert (arrived.tensors["values"][arrived.missing["values"]] == 0.0).all()
    assert float(missing) == pytest.approx(float((snr == 0.0).mean()), abs=0.02)


def test_a_share_of_the_band_has_the_effective_snr_of_its_concentrated_power() -> None:
    """Four times the mean SNR: the effective SNR of a tapped delay line 6.02 dB stronger, not four times the effective SNR."""
    from channels import TDL
    from edgesim.build.links import Fade

    knobs = {name: value for name, value in LINE.items() if name not in ("kind", "snr_db")} | {"coherence_s": 0.01}
    weak, strong = (TDL(snr_db=10.0 + 10.0 * math.log10(gain), **knobs) for gain in (1.0, 4.0))
    draws = Fade(weak.by_subcarrier, 5, 4.0, together=True)(0.0, 50)
    np.testing.assert_allclose(draws.snr, strong.draws(0.0, 50, 5).snr, rtol=1e-5)
    np.testing.assert_allclose(draws.gain, weak.draws(0.0, 50, 5).gain, rtol=1e-5)
    assert not np.allclose(draws.snr, 4.0 * weak.draws(0.0, 50, 5).snr, rtol=0.05)
    wide = Fade(weak.by_subcarrier, 5, 4.0)(0.0, 50)
    np.testing.assert_allclose(wide.snr, strong.by_subcarrier(0.0, 50, 5).snr, rtol=1e-9)
