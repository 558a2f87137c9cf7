"""Gilbert-Elliott losses, erasures and bit flips (phy.md 3.2; 15, rows 9 and 10)."""

import math

import numpy as np
import pytest
import torch
from scipy import special

from channels import bursts
from channels.bit_flip import BitFlip
from channels.bursts import Chain, burst_length, chain, from_fading, sampled
from channels.erasure import Erasure
from channels.gilbert_elliott import TOGETHER, GilbertElliott

SIGMA = 4.5
PACKET_S = 0.01


def runs(lost: np.ndarray) -> np.ndarray:
    """Lengths of the complete runs of losses."""
    edges = np.flatnonzero(np.diff(lost.astype(np.int8)))
    starts = edges[lost[edges + 1]]
    ends = edges[~lost[edges + 1]]
    ends = ends[ends > starts[0]]
    return ends - starts[: len(ends)]


@pytest.mark.parametrize(("loss", "burst"), [(0.05, 8.0), (0.3, 3.0), (0.01, 50.0)])
def test_losses_have_the_asked_share_and_bursts(loss: float, burst: float) -> None:
    """n packets of memory c: the variance of the share is L (1 - L) (1 + c) / (1 - c) / n."""
    wanted, n = chain(loss, burst), 400_000
    lost = GilbertElliott.of_packets(wanted, PACKET_S).losses(5.0, n, PACKET_S, key=3)
    variance = loss * (1.0 - loss) * (1.0 + wanted.memory) / (1.0 - wanted.memory) / n
    assert abs(lost.mean() - loss) <= SIGMA * math.sqrt(variance)
    lengths = runs(lost)  # geometric: variance (1 - r) / r^2
    assert abs(lengths.mean() - burst) <= SIGMA * math.sqrt(burst * (burst - 1.0) / len(lengths))
    assert abs(np.mean(lengths == 1) - wanted.r) <= SIGMA * math.sqrt(wanted.r * (1.0 - wanted.r) / len(lengths))


@pytest.mark.parametrize("lag", [1, 3, 10])
def test_correlation_falls_geometrically(lag: int) -> None:
    """Over 400 links, so that the products are independent."""
    wanted = chain(0.2, 6.0)
    channel = GilbertElliott.of_packets(wanted, PACKET_S)
    products = []
    for key in range(400):
        centred = channel.losses(0.0, 2000, PACKET_S, key) - 0.2
        products.append(np.mean(centred[lag:] * centred[:-lag]) / (0.2 * 0.8))
    spread = np.std(products) / math.sqrt(len(products))
    assert abs(np.mean(products) - wanted.memory**lag) <= SIGMA * spread
    assert wanted.memory == pytest.approx(1.0 - wanted.p - wanted.r)


def test_sojourns_are_exponential() -> None:
    """Sampled a thousand times a burst: mean and standard deviation are both `burst_s`."""
    channel = GilbertElliott(loss=0.25, burst_s=1.0)
    lengths = runs(channel.losses(0.0, 4_000_000, 1e-3, key=1)) * 1e-3
    bound = SIGMA / math.sqrt(len(lengths))
    assert len(lengths) > 800
    assert abs(lengths.mean() - 1.0) <= bound + 0.001
    assert abs(lengths.std() - 1.0) <= 2.0 * bound  # of an exponential law: sqrt((9 - 1) / (4 n))


def test_two_loss_probabilities() -> None:
    """The losses within a state are independent: neighbours correlate by the state alone."""
    channel, n = GilbertElliott(loss=0.2, burst_s=0.1, loss_good=0.05, loss_bad=0.8), 300_000
    assert channel.bad == pytest.approx(0.2)
    packets = sampled(channel.bad, 0.1, PACKET_S)
    lost = channel.losses(0.0, n, PACKET_S, key=2)
    inflated = 0.2 * 0.8 * (1.0 + packets.memory) / (1.0 - packets.memory) / n
    assert abs(lost.mean() - 0.2) <= SIGMA * math.sqrt(inflated)
    bad = channel.is_bad(PACKET_S * np.arange(n), key=2)
    for state, share in ((True, 0.8), (False, 0.05)):
        among = lost[bad == state]
        assert abs(among.mean() - share) <= SIGMA * math.sqrt(share * (1.0 - share) / len(among))
    assert packets.loss(0.05, 0.8) == pytest.approx(0.2)


def test_the_state_is_a_function_of_time() -> None:
    """Asked at once, packet by packet, backwards, and by another object."""
    channel, other = GilbertElliott(loss=0.3, burst_s=0.05), GilbertElliott(loss=0.3, burst_s=0.05)
    times = 1e5 + PACKET_S * np.arange(3000)
    together = channel.is_bad(times, key=9)
    assert 0 < together.sum() < 3000
    assert [bool(other.is_bad(time[None], key=9)[0]) for time in times[::-1]] == together.tolist()[::-1]


def test_groups_of_looks_join_without_a_seam() -> None:
    """Correlation over the boundary between two groups is that of any other place."""
    channel = GilbertElliott(loss=0.5, burst_s=1.0)
    boundary, gap, links = 3 * TOGETHER * 0.5, 0.2, 3000
    states = np.array([channel.is_bad(boundary + np.array([-gap / 2, gap / 2]), key) for key in range(links)]) - 0.5
    products = 4.0 * states[:, 0] * states[:, 1]
    assert abs(products.mean() - math.exp(-gap / 0.5)) <= SIGMA * products.std() / math.sqrt(links)


def test_chain_arithmetic() -> None:
    wanted = chain(0.05, 8.0)
    assert wanted.loss() == pytest.approx(0.05)
    assert wanted.mean_burst == pytest.approx(8.0)
    back = sampled(wanted.bad, burst_length(wanted, PACKET_S), PACKET_S)
    assert (back.p, back.r) == pytest.approx((wanted.p, wanted.r))
    jumped = np.linalg.matrix_power([[1 - wanted.p, wanted.p], [wanted.r, 1 - wanted.r]], 7)
    assert jumped[0, 1] == pytest.approx(wanted.bad * (1 - wanted.memory**7))
    assert jumped[1, 1] == pytest.approx(wanted.bad + (1 - wanted.bad) * wanted.memory**7)


def test_bursts_of_a_fading_link() -> None:
    """Zorzi, Rao & Milstein against pairs of correlated Rayleigh gains: 2e6 pairs, F = 10 (10 dB), f_D T = 0.02."""
    n, margin, doppler_s = 2_000_000, 10.0, 0.02
    rng = np.random.Generator(np.random.PCG64(1))
    rho = special.j0(2.0 * math.pi * doppler_s)
    first, fresh = (rng.standard_normal((n, 2)).view(np.complex128)[:, 0] * math.sqrt(0.5) for _ in range(2))
    second = rho * first + math.sqrt(1.0 - rho**2) * fresh
    fails, after = np.abs(first) ** 2 < 1.0 / margin, np.abs(second) ** 2 < 1.0 / margin
    found = from_fading(margin, doppler_s)
    for share, among in ((found.bad, fails), (found.r, ~after[fails]), (found.p, after[~fails])):
        assert abs(among.mean() - share) <= SIGMA * math.sqrt(share * (1.0 - share) / len(among))


@pytest.mark.parametrize("margin", [0.5, 10.0, 1000.0])
@pytest.mark.parametrize("doppler_s", [1e-5, 1e-6, 1e-9])
def test_packets_that_are_short_beside_a_fade(margin: float, doppler_s: float) -> None:
    """r is a packet over the mean fade (e^(1/F) - 1) sqrt(F) / (f_D sqrt(2 pi)) of a Rayleigh process."""
    fade = math.expm1(1.0 / margin) * math.sqrt(margin / (2.0 * math.pi))  # times f_D
    assert from_fading(margin, doppler_s).r == pytest.approx(doppler_s / fade, rel=1e-4)


@pytest.mark.parametrize("loss", [0.0, 0.07, 0.5, 1.0])
def test_erasures(loss: float) -> None:
    lost = Erasure(loss=loss).losses(2.0, 100_000, PACKET_S, key=1)
    assert abs(lost.mean() - loss) <= SIGMA * math.sqrt(loss * (1.0 - loss) / len(lost))
    if 0.0 < loss < 1.0:
        neighbours = np.corrcoef(lost[1:], lost[:-1])[0, 1]
        assert abs(neighbours) <= SIGMA / math.sqrt(len(lost))


def test_a_packets_fate_depends_on_no_packet_after_it_and_repeats_are_new() -> None:
    channel = Erasure(loss=0.5)
    long = channel.losses(2.0, 1000, PACKET_S, key=1)
    assert channel.losses(2.0, 10, PACKET_S, key=1).tolist() == long[:10].tolist()
    for other in (channel.losses(2.5, 1000, PACKET_S, key=1), channel.losses(2.0, 1000, PACKET_S, key=2)):
        agreement = np.mean(other == long)
        assert abs(agreement - 0.5) <= SIGMA * 0.5 / math.sqrt(1000)


def test_erased_values_are_zero_and_pass_no_gradient() -> None:
    channel = Erasure(loss=0.0, value_loss=0.2, snr_db=20.0)
    x = torch.randn(40_000, generator=torch.Generator().manual_seed(1)).requires_grad_()
    y = channel.apply(x, channel.draws(0.0, 1, key=0), torch.Generator().manual_seed(2))
    [gradient] = torch.autograd.grad(y.sum(), x)
    gone = (y == 0.0).double()
    assert abs(float(gone.mean()) - 0.2) <= SIGMA * math.sqrt(0.2 * 0.8 / 40_000)
    assert torch.equal(gradient, (y != 0.0).float())
    noise = (y - x).detach()[y != 0.0].double()
    assert float(noise.square().mean()) == pytest.approx(0.01, rel=SIGMA * math.sqrt(2.0 / len(noise)))


def test_bit_flip_states_its_rate_and_capacity() -> None:
    assert BitFlip(bit_error_rate=1e-3).bit_error_rate == 1e-3
    assert BitFlip(bit_error_rate=0.5).capacity() == 0.0
    assert BitFlip(bit_error_rate=0.0).capacity() == 1.0
    assert BitFlip(bit_error_rate=0.25).capacity() == pytest.approx(1.0 - 0.8112781, abs=1e-6)
    assert not BitFlip(bit_error_rate=0.1).losses(0.0, 100, PACKET_S, key=0).any()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GilbertElliott(loss=0.05, burst_s=0.0), "burst_s"),
        (lambda: GilbertElliott(loss=1.0, burst_s=1.0), "loss"),
        (lambda: GilbertElliott(loss=0.05, burst_s=1.0, loss_good=0.1), "loss_good"),
        (lambda: GilbertElliott(loss=0.05, burst_s=1.0, snr_db=math.nan), "snr_db"),
        (lambda: Erasure(loss=1.1), "loss"),
        (lambda: Erasure(loss=0.1, value_loss=math.nan), "value_loss"),
        (lambda: BitFlip(bit_error_rate=0.6), "bit_error_rate"),
        (lambda: chain(0.9, 2.0), "loss 0.9"),
        (lambda: chain(0.0, 2.0), "0 < loss"),
        (lambda: sampled(0.5, 0.0, 1.0), "burst_s"),
        (lambda: burst_length(Chain(0.7, 0.7), 1.0), "memory"),
        (lambda: from_fading(0.0, 0.1), "margin"),
        (lambda: GilbertElliott(loss=0.05, burst_s=1e-30).losses(1.0, 3, 0.01, key=1), "longer bursts"),
    ],
)
def test_impossible_arguments_are_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_marcum_at_its_ends() -> None:
    """Q1(0, b) = e^(-b^2/2); Q1(a, 0) = 1."""
    assert bursts._marcum(0.0, 1.5) == pytest.approx(math.exp(-1.125))
    assert bursts._marcum(1.5, 0.0) == pytest.approx(1.0)
