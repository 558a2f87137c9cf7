"""Bit error rates of every order over every fading law, by simulation of symbols (phy.md 15, row 3)."""

import numpy as np
import pytest
import torch

from channels import AWGN, Nakagami, Rayleigh, Rician
from channels import bit_error_rates as rates
from channels.base import Channel
from channels.gray import BITS
from channels.modulation import Modulation

SIGMA = 4.5
SYMBOLS = 100_000
SNR_DB = 12.0
SNR = 10.0 ** (SNR_DB / 10.0)
BLOCK_S = 0.01  # one symbol a block
LAWS = {  # channel, and rates of the bits of a symbol at its mean SNR
    "awgn": (AWGN(snr_db=SNR_DB), rates.bit_errors),
    "rayleigh": (Rayleigh(snr_db=SNR_DB, coherence_s=BLOCK_S), rates.rayleigh_bit_errors),
    "rician": (
        Rician(snr_db=SNR_DB, k_db=5.0, coherence_s=BLOCK_S),
        lambda order, snr: rates.rician_bit_errors(order, snr, 10.0**0.5),
    ),
    "nakagami": (
        Nakagami(snr_db=SNR_DB, m=2.5, coherence_s=BLOCK_S),
        lambda order, snr: rates.nakagami_bit_errors(order, snr, 2.5),
    ),
    "nakagami_half": (
        Nakagami(snr_db=SNR_DB, m=0.5, coherence_s=BLOCK_S),
        lambda order, snr: rates.nakagami_bit_errors(order, snr, 0.5),
    ),
}


def errors(channel: Channel, order: int) -> np.ndarray:
    """Wrong bits of symbols that are sent one in each block, and decided after perfect equalisation, [symbols, order]."""
    generator = torch.Generator().manual_seed(order)
    sent = torch.randint(2, (SYMBOLS * order,), generator=generator, dtype=torch.uint8)
    draws = channel.draws(0.0, SYMBOLS, key=order)
    gains = torch.from_numpy(np.broadcast_to(draws.gain, SYMBOLS).copy()).sqrt()
    noise = torch.view_as_complex(torch.randn(SYMBOLS, 2, generator=generator, dtype=torch.float64)) * (0.5 / SNR) ** 0.5
    received = (gains * Modulation(order).map(sent) + noise) / gains
    return (Modulation(order).hard(received) != sent).view(SYMBOLS, order).double().numpy()


@pytest.mark.parametrize("order", BITS)
@pytest.mark.parametrize("law", LAWS)
def test_every_order_over_every_law(law: str, order: int) -> None:
    """Symbols are independent, so each bit's rate has the binomial deviation; the mean over bits that of the symbols' means,
    because the bits of a symbol share a fade. 100 to 40 000 errors are seen."""
    channel, theory = LAWS[law]
    expected = np.asarray(theory(order, SNR))
    wrong = errors(channel, order)
    assert (np.abs(wrong.mean(axis=0) - expected) <= SIGMA * np.sqrt(expected * (1.0 - expected) / SYMBOLS)).all()
    each = wrong.mean(axis=1)
    assert abs(each.mean() - expected.mean()) <= SIGMA * max(each.std(), 1.0 / SYMBOLS**0.5) / SYMBOLS**0.5
