"""QAM mapping, decisions and likelihoods (phy.md 5.1 and 15, row 2)."""

import math

import numpy as np
import pytest
import torch

from channels import gray
from channels.bit_error_rates import bit_errors
from channels.modulation import Modulation

ORDERS = gray.BITS
SIGMA = 4.5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bits_of(order: int, symbols: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, (symbols * order,), generator=seeded(seed), dtype=torch.uint8)


def all_labels(order: int) -> np.ndarray:
    """[2^order, order], label by label."""
    return np.arange(2**order)[:, None] >> np.arange(order - 1, -1, -1) & 1


def noisy(x: torch.Tensor, snr: float, seed: int) -> torch.Tensor:
    noise = torch.randn(*x.shape, 2, generator=seeded(seed), dtype=x.real.dtype) * math.sqrt(0.5 / snr)
    return x + torch.view_as_complex(noise)


@pytest.mark.parametrize("order", ORDERS)
def test_symbols_follow_the_standard(order: int) -> None:
    """TS 38.211, 5.1.3-5.1.6, written out; BPSK on the real axis."""
    s = 1.0 - 2.0 * all_labels(order).T
    written = {
        1: lambda: s[0] + 0j,
        2: lambda: (s[0] + 1j * s[1]) / math.sqrt(2),
        4: lambda: (s[0] * (2 - s[2]) + 1j * s[1] * (2 - s[3])) / math.sqrt(10),
        6: lambda: (s[0] * (4 - s[2] * (2 - s[4])) + 1j * s[1] * (4 - s[3] * (2 - s[5]))) / math.sqrt(42),
        8: lambda: (
            (s[0] * (8 - s[2] * (4 - s[4] * (2 - s[6]))) + 1j * s[1] * (8 - s[3] * (4 - s[5] * (2 - s[7])))) / math.sqrt(170)
        ),
    }[order]()
    mapped = Modulation(order).map(torch.from_numpy(all_labels(order)).flatten(), dtype=torch.complex128)
    np.testing.assert_allclose(mapped.numpy(), written, rtol=0, atol=1e-15)


@pytest.mark.parametrize("order", ORDERS)
def test_unit_energy_and_gray_neighbours(order: int) -> None:
    points, label = gray.symbols(order), all_labels(order)
    assert np.mean(np.abs(points) ** 2) == pytest.approx(1.0, abs=1e-14)
    distance = np.abs(points[:, None] - points)
    closest = distance[distance > 0].min()
    assert closest == pytest.approx(2.0 * gray.spacing(order))
    for one, other in np.argwhere(np.isclose(distance, closest)):
        assert (label[one] != label[other]).sum() == 1


@pytest.mark.parametrize("order", ORDERS)
def test_decisions_are_the_nearest_symbols(order: int) -> None:
    """Against all 2^bits distances."""
    points = torch.from_numpy(gray.symbols(order))
    y = noisy(Modulation(order).map(bits_of(order, 3000), torch.complex128), 3.0, seed=1)
    nearest = (y[:, None] - points).abs().argmin(dim=1)
    assert torch.equal(Modulation(order).hard(y).view(-1, order), torch.from_numpy(all_labels(order))[nearest].to(torch.uint8))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("per_symbol", [False, True])
def test_likelihoods_are_max_log(order: int, per_symbol: bool) -> None:
    points, label = torch.from_numpy(gray.symbols(order)), torch.from_numpy(all_labels(order))
    y = noisy(Modulation(order).map(bits_of(order, 2000), torch.complex128), 2.0, seed=2)
    snr = torch.rand(2000, generator=seeded(3), dtype=torch.float64) * 9 if per_symbol else torch.tensor(2.0).double()
    distance = (y[:, None] - points).abs().square()  # [2000, 2^order]
    expected = torch.stack(
        [distance[:, label[:, k] == 0].amin(dim=1) - distance[:, label[:, k] == 1].amin(dim=1) for k in range(order)], dim=1
    ) * snr.reshape(-1, 1)
    found = Modulation(order).llr(y, snr if per_symbol else 2.0).view(-1, order)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_likelihoods_decide_like_the_slicer(order: int) -> None:
    y = noisy(Modulation(order).map(bits_of(order, 5000)), 4.0, seed=4)
    llr = Modulation(order).llr(y, 4.0)
    clear = llr.abs() > 1e-5  # on a threshold either is right
    assert torch.equal((llr > 0)[clear], Modulation(order).hard(y).bool()[clear])


def test_likelihoods_are_differentiable() -> None:
    y = noisy(Modulation(4).map(bits_of(4, 6), torch.complex128), 5.0, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(lambda value: Modulation(4).llr(value, 5.0), y)


@pytest.mark.parametrize(("order", "snr_db"), [(1, 4.0), (2, 7.0), (4, 12.0), (4, 6.0), (6, 17.0), (8, 22.0), (8, 10.0)])
def test_bit_error_rate_of_every_bit(order: int, snr_db: float) -> None:
    """n symbols, error probability p of each bit: standard deviation sqrt(p (1 - p) / n); bits of a symbol are taken singly."""
    n, snr = 250_000, 10.0 ** (snr_db / 10.0)
    sent = bits_of(order, n, seed=6)
    got = Modulation(order).hard(noisy(Modulation(order).map(sent), snr, seed=7))
    measured = (sent != got).view(n, order).double().mean(dim=0).numpy()
    expected = bit_errors(order, snr)
    assert (np.abs(measured - expected) <= SIGMA * np.sqrt(expected * (1 - expected) / n)).all()


@pytest.mark.parametrize("order", ORDERS)
def test_shapes_dtypes_and_layouts(order: int) -> None:
    modulation = Modulation(order)
    bits = torch.randint(2, (3, 5, 4 * order), generator=seeded(8))
    symbols = modulation.map(bits)
    assert symbols.shape == (3, 5, 4)
    assert symbols.dtype == torch.complex64
    assert torch.equal(modulation.hard(symbols), bits.to(torch.uint8))
    across = modulation.map(bits.bool()).transpose(0, 1)  # not contiguous
    assert torch.equal(modulation.hard(across), modulation.hard(across.contiguous()))
    assert modulation.llr(across, 3.0).shape == (5, 3, 4 * order)
    assert modulation.hard(modulation.map(torch.zeros(0, dtype=torch.uint8))).shape == (0,)
    assert modulation.llr(torch.zeros(0, dtype=torch.complex64), 1.0).shape == (0,)
    strided = torch.stack([bits, bits], dim=-1)[..., 0]
    assert torch.equal(modulation.map(strided), symbols)


def test_extreme_values() -> None:
    """Infinite parts are beyond the outermost amplitude, where the sign bit and the size bits are certain."""
    far = torch.complex(torch.tensor([math.inf]), torch.tensor([-math.inf]))
    assert Modulation(4).hard(far).tolist() == [0, 1, 1, 1]
    assert Modulation(4).llr(far, 1.0).tolist() == [-math.inf, math.inf, math.inf, math.inf]
    assert Modulation(4).llr(torch.tensor([1.0 + 1.0j]), 0.0).tolist() == [0.0] * 4


def test_bad_input_is_refused() -> None:
    modulation = Modulation(4)
    nan = torch.tensor([complex(math.nan, 0.0)])
    with pytest.raises(ValueError, match="NaN"):
        modulation.hard(nan)
    with pytest.raises(ValueError, match="NaN"):
        modulation.llr(nan, 1.0)
    for snr in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="snr"):
            modulation.llr(torch.tensor([1j]), snr)
    with pytest.raises(ValueError, match="whole number of symbols"):
        modulation.map(torch.zeros(6, dtype=torch.uint8))
    with pytest.raises(ValueError, match="0 or 1"):
        modulation.map(torch.tensor([0, 1, 2, 0]))
    with pytest.raises(TypeError, match="integer"):
        modulation.map(torch.zeros(4))
    with pytest.raises(TypeError, match="complex"):
        modulation.hard(torch.zeros(4))
    with pytest.raises(ValueError, match="got 3"):
        Modulation(3)
