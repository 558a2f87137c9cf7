"""Values sent over a selective channel meet their own subcarrier's gain (phy.md 4 and 11), against closed forms."""

import math

import numpy as np
import pytest
import torch

from channels import TDL, Draws, Rayleigh, tdl
from channels.equalise import laid, transmit
from channels.ofdm import effective

SIGMA = 4.5
CARRIERS = 8
MEAN = 10.0  # linear SNR


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def line(**knobs: object) -> TDL:
    given = {"snr_db": 10.0, "profile": "A", "delay_spread_s": 3e-7, "bandwidth_hz": 20e6, "subcarriers": CARRIERS}
    timed = {} if {"doppler_hz", "coherence_s"} & set(knobs) else {"coherence_s": 1e-3}
    return TDL(**given | timed | knobs)


def test_symbols_go_over_the_subcarriers_first_then_over_time() -> None:
    """Eight symbols on three subcarriers are spans of 3, 3 and 2, whose middles are at 1.5, 4.5 and 7.5 eighths."""
    gain = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    there = laid(Draws(gain, 10.0 * gain, np.array([1.0, 1.0])), 8)
    assert there.gain.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0]
    assert there.snr.tolist() == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 40.0, 50.0]
    assert np.unique(there.seconds).size == 1
    for_ever = laid(Draws(gain[:1], gain[:1], np.array([math.inf])), 4)
    assert for_ever.gain.tolist() == [1.0, 2.0, 3.0, 1.0]


def test_flat_realisations_stay_as_they_are() -> None:
    flat = Draws(np.ones(3), np.ones(3), np.ones(3))
    assert laid(flat, 100) is flat
    one = laid(Draws(np.ones((3, 1)), np.full((3, 1), 2.0), np.array([1.0, 2.0, 3.0])), 100)
    assert one.snr.tolist() == [2.0] * 3
    assert one.seconds.tolist() == [1.0, 2.0, 3.0]


def test_blocks_without_an_end_have_no_shares() -> None:
    with pytest.raises(ValueError, match="during"):
        laid(Draws(np.ones((2, 3)), np.ones((2, 3)), np.array([1.0, math.inf])), 10)


@pytest.mark.parametrize("knobs", [{"coherence_s": 1e-3}, {"doppler_hz": 30.0, "time": "clarke"}, {"coherence_s": math.inf}])
@pytest.mark.parametrize("profile", ["A", "D"])
def test_subcarriers_are_those_of_the_draws_and_of_the_response(profile: str, knobs: dict[str, object]) -> None:
    channel = line(profile=profile, **knobs)
    start, key = 1.00037, 6
    draws, wide = channel.draws(start, 600, key), channel.by_subcarrier(start, 600, key)
    assert np.array_equal(wide.seconds, draws.seconds)
    np.testing.assert_allclose(wide.gain.mean(axis=1), draws.gain, rtol=1e-5)
    np.testing.assert_allclose(effective(wide.snr), draws.snr, rtol=1e-5)
    np.testing.assert_allclose(wide.snr, MEAN * wide.gain, rtol=1e-12)
    if "doppler_hz" not in knobs:  # the block's middle is not the instant asked for
        response = channel.frequency_response([start], key)[0]
        np.testing.assert_allclose(wide.gain[0], np.abs(response) ** 2, rtol=1e-5)
    else:
        middle = start + wide.seconds[0] - channel.timing.block_s / 2.0
        np.testing.assert_allclose(wide.gain[0], np.abs(channel.frequency_response([middle], key)[0]) ** 2, rtol=1e-3)


def test_many_blocks_are_worked_out_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = line(profile="D").by_subcarrier(1.00037, 600, 6)
    monkeypatch.setattr(tdl, "AT_ONCE", 7 * CARRIERS + 1)
    pieces = line(profile="D").by_subcarrier(1.00037, 600, 6)
    np.testing.assert_allclose(pieces.gain, whole.gain, rtol=1e-5)
    assert np.array_equal(pieces.seconds, whole.seconds)


def test_more_gains_than_fit_into_memory_are_refused() -> None:
    with pytest.raises(ValueError, match=r"4000000 blocks of 4096 subcarriers do not fit into memory, at most 8192 do: use"):
        line(subcarriers=4096).by_subcarrier(0.0, 4_000_000, 1)
    assert line(subcarriers=4096, coherence_s=math.inf).by_subcarrier(0.0, 4_000_000, 1).gain.shape == (1, 4096)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_each_subcarrier_has_its_own_error(equaliser: str) -> None:
    """N0/|H_f|^2 after zero forcing and 1/(1 + |H_f|^2/N0) after MMSE; n squares of a normal law are within 4.5 sqrt(2/n)."""
    spans = 20_000
    channel = line(coherence_s=1.0)
    power = np.abs(channel.frequency_response([0.3], 5)[0]) ** 2
    wide = channel.by_subcarrier(0.3, 1, 5).during(0.1)
    x = torch.randn(spans * CARRIERS * 2, generator=seeded(1))
    error = (channel.apply(x, wide, seeded(2), equaliser=equaliser) - x).double().view(spans, CARRIERS, 2)
    realised = error.square().mean(dim=(0, 2)).numpy()
    expected = 1.0 / (MEAN * power) if equaliser == "zf" else 1.0 / (1.0 + MEAN * power)
    assert power.max() > 2.0 * power.min()  # the band is not flat
    np.testing.assert_allclose(realised, expected, rtol=SIGMA * math.sqrt(2.0 / (2 * spans)))


def test_each_block_of_each_subcarrier_has_its_own_error() -> None:
    spans, blocks = 3000, 4
    channel = line(coherence_s=1e-3)
    wide = channel.by_subcarrier(0.0, blocks, 5)
    x = torch.randn(spans * blocks * CARRIERS * 2, generator=seeded(1))
    error = (channel.apply(x, wide, seeded(2)) - x).double().view(blocks, spans, CARRIERS, 2)
    realised = error.square().mean(dim=(1, 3)).numpy() * wide.snr
    np.testing.assert_allclose(realised, 1.0, rtol=SIGMA * math.sqrt(2.0 / (2 * spans)))


def test_the_mean_error_is_that_of_rayleigh_fading() -> None:
    """Every subcarrier of TDL-A is Rayleigh: over links MMSE leaves e^(1/m) E1(1/m) / m, whatever the delay spread."""
    from channels import theory

    links = 4000
    channel = line()
    error = np.array([(1.0 / (1.0 + channel.by_subcarrier(0.0, 1, key).snr[0])).mean() for key in range(links)])
    expected = theory.rayleigh_mmse_distortion(MEAN)
    assert abs(error.mean() - expected) <= SIGMA * error.std() / math.sqrt(links)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_a_flat_profile_is_flat_fading(equaliser: str) -> None:
    """Without delay spread all subcarriers have one gain, and values arrive as they do over Rayleigh blocks of that gain."""
    channel = line(delay_spread_s=0.0)
    wide = channel.by_subcarrier(0.0, 40, 3)
    np.testing.assert_allclose(wide.gain, np.repeat(wide.gain[:, :1], CARRIERS, axis=1), rtol=1e-5)
    flat = channel.draws(0.0, 40, 3)
    x = torch.randn(40 * CARRIERS * 2 * 5, generator=seeded(1))
    over = Rayleigh(snr_db=10.0, coherence_s=1e-3).apply(x, flat, seeded(2), equaliser=equaliser)
    torch.testing.assert_close(channel.apply(x, wide, seeded(2), equaliser=equaliser), over, rtol=1e-4, atol=1e-5)


def test_gradients_are_the_scale_of_the_subcarrier() -> None:
    snr = np.array([[1.0, 3.0]])
    x = torch.randn(8, generator=seeded(1)).requires_grad_()
    y = transmit(x, Draws(snr, snr, np.ones(1)), seeded(2), "mmse")
    [gradient] = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, torch.tensor([0.5, 0.5, 0.75, 0.75] * 2))


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17])
def test_any_number_of_values(count: int) -> None:
    channel = line()
    wide = channel.by_subcarrier(0.0, 3, 1).during(0.0025)
    for equaliser in ("zf", "mmse"):
        assert channel.apply(torch.ones(count), wide, seeded(), equaliser=equaliser).isfinite().all()
    silent = line(snr_db=math.inf)
    assert torch.equal(silent.apply(torch.ones(count), silent.by_subcarrier(0.0, 1, 1), seeded()), torch.ones(count))


def test_outage_of_a_band_has_no_closed_form() -> None:
    assert line().ergodic_capacity() == pytest.approx(Rayleigh(snr_db=10.0, coherence_s=1.0).ergodic_capacity())
    with pytest.raises(ValueError, match="8 subcarriers"):
        line().outage_probability(1.0)
