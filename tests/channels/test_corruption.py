"""Bit errors in numbers (phy.md 5.4, 8 and 15, rows 4 and 24)."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channels import corruption
from channels.bit_error_rates import bit_errors
from channels.corruption import Damage, corrupted, distinct, flipped, wrong_bits
from channels.modulation import Modulation

SIGMA = 4.5
LEVEL = 7e-6  # of a test at 4.5 sigma
REALS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_number_of_errors_is_binomial_at_each_level() -> None:
    """A message of 1001 bits, four levels: 251, 250, 250 and 250 bits. Variances too: they tell apart dependent errors."""
    p = np.array([0.02, 0.3, 0.7, 0.0])
    random, trials = seeded(1), 2000
    counts = np.array([np.bincount(wrong_bits(1001, p, random) % 4, minlength=4) for _ in range(trials)])
    n = np.array([251, 250, 250, 250])
    variance = n * p * (1 - p)
    assert (np.abs(counts.mean(axis=0) - n * p) <= SIGMA * np.sqrt(variance / trials)).all()
    ratio = counts[:, :3].var(axis=0, ddof=1) / variance[:3]  # chi square with trials - 1 degrees of freedom
    assert (np.abs(ratio - 1.0) <= SIGMA * math.sqrt(2.0 / (trials - 1))).all()
    assert np.abs(np.corrcoef(counts[:, 0], counts[:, 1])[0, 1]) <= SIGMA / math.sqrt(trials)


@pytest.mark.parametrize(("size", "count"), [(6, 2), (6, 3), (6, 5)])
def test_every_set_is_equally_likely(size: int, count: int) -> None:
    random, trials = seeded(2), 6000
    seen: dict[tuple[int, ...], int] = {}
    for _ in range(trials):
        chosen = tuple(distinct(size, count, random).tolist())
        seen[chosen] = seen.get(chosen, 0) + 1
    assert len(seen) == math.comb(size, count)
    assert stats.chisquare(list(seen.values())).pvalue > LEVEL


@pytest.mark.parametrize(("size", "count"), [(10, 0), (10, 10), (100_000, 70_000), (1, 1), (0, 0)])
def test_as_many_as_asked_for(size: int, count: int) -> None:
    chosen = distinct(size, count, seeded(3))
    assert len(chosen) == count
    assert (np.diff(chosen) > 0).all()
    assert not count or (chosen[0] >= 0 and chosen[-1] < size)


def test_same_law_as_a_chain_of_symbols() -> None:
    """Errors of 400 packets of 4000 bits in 16-QAM at 10 dB: rate of each bit, and counts per packet in ten bins."""
    packets, size, snr = 400, 4000, 10.0
    generator = torch.Generator().manual_seed(4)
    sent = torch.randint(2, (packets, size), generator=generator, dtype=torch.uint8)
    symbols = Modulation(4).map(sent)
    noise = torch.view_as_complex(torch.randn(*symbols.shape, 2, generator=generator)) * math.sqrt(0.5 / snr)
    chain = (Modulation(4).hard(symbols + noise) != sent).numpy()
    random, sampled = seeded(5), np.zeros((packets, size), dtype=bool)
    for row in sampled:
        row[wrong_bits(size, bit_errors(4, snr), random)] = True
    for errors in (chain, sampled):
        measured, p = errors.reshape(-1, 4).mean(axis=0), bit_errors(4, snr)
        assert (np.abs(measured - p) <= SIGMA * np.sqrt(p * (1 - p) / (packets * size / 4))).all()
    edges = np.quantile(chain.sum(axis=1), np.linspace(0.1, 0.9, 9))
    tables = [np.bincount(np.searchsorted(edges, errors.sum(axis=1)), minlength=10) for errors in (chain, sampled)]
    assert stats.chi2_contingency(np.array(tables)).pvalue > LEVEL


@pytest.mark.parametrize("dtype", [*REALS, torch.uint8, torch.int16, torch.int32, torch.int64])
def test_bits_are_those_of_memory(dtype: torch.dtype) -> None:
    """Against the bytes of the tensor, lowest byte first as this machine stores them."""
    x = (torch.randn(50, 3, generator=torch.Generator().manual_seed(6)) * 40).abs().to(dtype)
    width = 8 * x.element_size()
    places = np.sort(seeded(7).choice(x.numel() * width, 200, replace=False))
    raw = x.contiguous().view(-1).view(torch.uint8).numpy().reshape(x.numel(), -1)[:, ::-1].copy()  # highest byte first
    expected = np.unpackbits(raw)
    expected[places] ^= 1
    got = flipped(x, places)
    assert got.shape == x.shape
    assert got.dtype == dtype
    again = got.view(-1).view(torch.uint8).numpy().reshape(x.numel(), -1)[:, ::-1].copy()
    assert np.array_equal(np.unpackbits(again), expected)
    assert torch.equal(flipped(got, places).view(-1).view(torch.uint8), x.view(-1).view(torch.uint8))  # twice is once back


def test_two_errors_in_one_number_both_count() -> None:
    assert flipped(torch.tensor([0, 0], dtype=torch.uint8), np.array([0, 7, 15])).tolist() == [0b10000001, 1]
    assert flipped(torch.tensor([5, 2]), np.array([0, 2, 3]), bits_each=3).tolist() == [0, 6]


def test_golden_reals() -> None:
    """1.5 is 0x3FC00000: sign, highest bit of the exponent, lowest bit of the mantissa."""
    x = torch.tensor([1.5, 1.5, 1.5])
    negative, nowhere, next_up = flipped(x, np.array([0, 33, 95])).tolist()
    assert (negative, next_up) == (-1.5, 1.5 + 2.0**-23)
    assert math.isnan(nowhere)
    assert flipped(torch.tensor([1.0]), np.array([1])).tolist() == [math.inf]
    assert flipped(torch.tensor([0.5]), np.array([1])).tolist() == [2.0**127]


def test_integer_codes() -> None:
    """E[e^2] = p (4^B - 1)/3 for uniform codes (phy.md 8); samples are the codes."""
    codes = torch.randint(256, (200_000,), generator=torch.Generator().manual_seed(8), dtype=torch.uint8)
    p = 0.01
    wrong, damage = corrupted(codes, p, seeded(9))
    error = (wrong.double() - codes.double()).square().numpy()
    assert abs(error.mean() - corruption.code_distortion(p, 8)) <= SIGMA * error.std() / math.sqrt(len(error))
    assert damage.nonfinite == damage.outside == 0
    assert abs(damage.bits - 1_600_000 * p) <= SIGMA * math.sqrt(1_600_000 * p * (1 - p))
    words = 1.0 - (1.0 - p) ** 8
    assert abs(damage.words - 200_000 * words) <= SIGMA * math.sqrt(200_000 * words * (1 - words))
    few, _ = corrupted(codes // 32, 0.2, seeded(10), bits_each=3)
    assert int(few.max()) == 7


@pytest.mark.parametrize(("dtype", "exponent"), [(torch.float32, 8), (torch.bfloat16, 8), (torch.float16, 5)])
def test_rate_of_values_that_are_not_finite(dtype: torch.dtype, exponent: int) -> None:
    x = (1.0 + torch.rand(400_000, generator=torch.Generator().manual_seed(11)) * 0.98).to(dtype)
    p = 1e-3
    expected = corruption.nonfinite_probability(p, exponent)
    _, damage = corrupted(x, p, seeded(12), guard="off")
    assert abs(damage.nonfinite - len(x) * expected) <= SIGMA * math.sqrt(len(x) * expected)


@pytest.mark.parametrize("dtype", REALS)
def test_guards(dtype: torch.dtype) -> None:
    x = torch.randn(20_000, generator=torch.Generator().manual_seed(13)).to(dtype)
    plain, damage = corrupted(x, 1e-2, seeded(14), guard="off")
    bad = ~plain.isfinite()
    outside = ~bad & ((plain < x.min()) | (plain > x.max()))
    assert (damage.nonfinite, damage.outside) == (int(bad.sum()), int(outside.sum()))
    assert damage.nonfinite
    assert damage.outside
    clamped, same = corrupted(x, 1e-2, seeded(14), guard="clamp")
    assert same == damage
    assert clamped.isfinite().all()
    assert ((clamped >= x.min()) & (clamped <= x.max())).all()
    assert torch.equal(clamped[~bad & ~outside], plain[~bad & ~outside])
    assert (clamped[plain == math.inf] == x.max()).all()
    zeroed, _ = corrupted(x, 1e-2, seeded(14), guard="zero")
    assert (zeroed[bad | outside] == 0).all()
    assert torch.equal(zeroed[~bad & ~outside], plain[~bad & ~outside])
    with pytest.raises(ValueError, match="infinite or NaN"):
        corrupted(x, 1e-2, seeded(14), guard="raise")


def test_without_errors_nothing_changes() -> None:
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(15)).T  # not contiguous
    got, damage = corrupted(x, 0.0, seeded(16))
    assert torch.equal(got, x)
    assert damage == Damage(0, 0)
    assert corrupted(torch.zeros(0), 0.5, seeded(16))[1] == Damage(0, 0)
    assert torch.equal(
        corrupted(torch.tensor([3], dtype=torch.uint8), 1.0, seeded(16))[0], torch.tensor([252], dtype=torch.uint8)
    )
    assert not corrupted(torch.ones(4, requires_grad=True), 0.5, seeded(16))[0].requires_grad


def test_a_layout_does_not_matter() -> None:
    x = torch.randn(30, 40, generator=torch.Generator().manual_seed(17))
    across = x.T.contiguous().T
    assert torch.equal(flipped(x, np.array([5, 700, 9000])), flipped(across, np.array([5, 700, 9000])))


def test_the_same_seed_gives_the_same_errors() -> None:
    assert np.array_equal(wrong_bits(10_000, [0.1, 0.01], seeded(18)), wrong_bits(10_000, [0.1, 0.01], seeded(18)))


def test_bad_input_is_refused() -> None:
    x, random = torch.ones(4), seeded(19)
    for rates in (-0.1, 1.1, math.nan, []):
        with pytest.raises(ValueError, match="rates between 0 and 1"):
            wrong_bits(10, rates, random)
    with pytest.raises(ValueError, match="cannot choose"):
        distinct(3, 4, random)
    for places in ([-1], [128], [3, 3], [4, 2]):
        with pytest.raises(ValueError, match="places must ascend"):
            flipped(x, np.array(places))
    with pytest.raises(TypeError, match="complex64"):
        flipped(torch.ones(2, dtype=torch.complex64), np.array([0]))
    with pytest.raises(ValueError, match="asked for 8"):
        flipped(x, np.array([0]), bits_each=8)
    with pytest.raises(ValueError, match="do not fit into 3 bits"):
        flipped(torch.tensor([8]), np.array([0]), bits_each=3)
    with pytest.raises(ValueError, match="guard must be one of"):
        corrupted(x, 0.1, random, guard="erase")  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(ValueError, match="no finite range"):
        corrupted(torch.tensor([1.0, math.nan]), 0.5, random)
