"""Digital transmission beside Sionna's: mapping, decisions, likelihoods, and the block error rate of its 5G LDPC code.

Needs the extra `[sionna]`; skipped without it.
"""

import math
from types import ModuleType

import numpy as np
import pytest
import torch

from channels import coding, gray, mcs
from channels.modulation import Modulation

pytestmark = pytest.mark.sionna
BLOCKS, BLOCK_BITS = 100, 1000


@pytest.fixture(scope="module")
def phy() -> ModuleType:
    found: ModuleType = pytest.importorskip("sionna.phy", reason="the extra [sionna] is not installed")
    found.config.device = "cpu"
    return found


def received(symbols: torch.Tensor, snr: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(*symbols.shape, 2, generator=generator) * math.sqrt(0.5 / snr)
    return symbols + torch.view_as_complex(noise)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_mapping_bit_for_bit(phy: ModuleType, order: int) -> None:
    """Every label's symbol, and a long random message; Sionna computes in single precision."""
    from sionna.phy.mapping import Constellation, Mapper

    assert np.abs(Constellation("qam", order)().cpu().numpy() - gray.symbols(order)).max() < 1e-6
    bits = torch.randint(2, (20, 30 * order), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(Modulation(order).map(bits), Mapper("qam", order)(bits.float()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_decisions_and_likelihoods(phy: ModuleType, order: int) -> None:
    """Both state ln p(1)/p(0); Sionna searches all points."""
    from sionna.phy.mapping import Demapper

    snr = 10.0
    bits = torch.randint(2, (4, 500 * order), generator=torch.Generator().manual_seed(2))
    y = received(Modulation(order).map(bits), snr, seed=3)
    theirs = Demapper("maxlog", "qam", order)(y, torch.tensor(1.0 / snr))
    ours = Modulation(order).llr(y, snr)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    clear = theirs.abs() > 1e-3
    assert torch.equal(Modulation(order).hard(y)[clear].bool(), theirs[clear] > 0)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [4, 13, 22])
@pytest.mark.parametrize("offset_db", [-0.5, 0.5])
def test_block_error_rate_within_half_a_decibel(phy: ModuleType, scheme: int, offset_db: float) -> None:
    """QPSK at rate 0.30, 16-QAM at 0.48, 64-QAM at 0.65: half a decibel below and above the SNR of one failure in ten.

    If the decoder's rate were at most (at least) 0.1 there, more than 26 (none) of 100 blocks would fail with probability
    < 3e-6 (< 3e-5); one of these is therefore seen only if its SNR of one in ten is within half a decibel.
    """
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder
    from sionna.phy.mapping import Demapper, Mapper

    table = mcs.TABLES["mcs1"]
    order = int(table.bits[scheme])
    coded = order * round(BLOCK_BITS / table.efficiency[scheme])
    levels = np.arange(-5.0, 20.0, 0.01)
    rates = coding.block_error_rate(order, 10.0 ** (levels / 10.0), coded / order, BLOCK_BITS)
    snr = 10.0 ** ((float(levels[np.argmax(rates < 0.1)]) + offset_db) / 10.0)
    encoder = LDPC5GEncoder(BLOCK_BITS, coded, num_bits_per_symbol=order)
    decoder = LDPC5GDecoder(encoder, num_iter=20, hard_out=True)
    bits = torch.randint(2, (BLOCKS, BLOCK_BITS), generator=torch.Generator().manual_seed(4)).float()
    y = received(Mapper("qam", order)(encoder(bits)), snr, seed=5)
    decoded = decoder(Demapper("app", "qam", order)(y, torch.tensor(1.0 / snr)))
    failed = int((decoded != bits).any(dim=1).sum())
    assert failed > 26 if offset_db < 0 else failed == 0, f"{failed} of {BLOCKS} blocks failed"
