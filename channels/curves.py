"""A configured channel beside its theory: what `python -m channels` draws, as numbers.

Measured points come from the channel's own draws and from symbols sent through them; theory from `channels.theory`,
`channels.bit_error_rates`, `channels.laws` and `channels.crossings`.
"""

from collections.abc import Callable

import numpy as np
import torch

from channels import bit_error_rates, correlations, theory
from channels.adc_reference import AdcReference
from channels.base import Channel
from channels.blocks import CHUNK
from channels.erasure import Erasure
from channels.figure import Curve, Figure
from channels.gilbert_elliott import GilbertElliott
from channels.ideal import Ideal
from channels.link_budget import LinkBudget
from channels.modulation import Modulation
from channels.nakagami import Nakagami
from channels.ofdm import effective
from channels.rayleigh import Rayleigh
from channels.rician import Rician
from channels.sionna_tdl import INTERVAL, SionnaTDL
from channels.tdl import TDL

__all__ = ["Curve", "Figure", "figures"]

Array = np.ndarray
LEVELS_DB = np.arange(-5.0, 31.0, 2.5)
SYMBOLS = 1 << 16  # per measured bit error rate
BLOCKS = 20_000  # per measured capacity and outage
LINKS = 400  # per measured correlation
SLOW = 20  # fewer links of a channel that takes milliseconds a link
RATES = (1.0, 2.0, 4.0)  # bit/symbol, whose outage is drawn
ORDERS = {1: "BPSK", 2: "QPSK", 4: "16-QAM", 6: "64-QAM", 8: "256-QAM"}
ROW = 192  # values in a row that sets its own noise


def figures(channel: Channel, seed: int = 0) -> list[Figure]:
    """All figures that make sense for the channel; none for `ideal`, which changes nothing.

    Bit error rates, capacity and outage are drawn over mean SNRs of their own; of a link budget those of its fading, and how
    its mean SNR differs from link to link.
    """
    if isinstance(channel, LinkBudget):
        return [correlations.over_places(channel, 5 * LINKS, seed), *figures(channel.fading, seed)]
    if isinstance(channel, Ideal):
        return []
    if isinstance(channel, AdcReference):
        return [own_noise(channel, seed)]
    links = LINKS // SLOW if isinstance(channel, SionnaTDL) else LINKS
    found = [error_rates(channel, seed), capacity(channel, seed)]
    if isinstance(channel, Rayleigh | Rician | Nakagami | TDL | SionnaTDL):
        found.append(outage(channel, seed))
        if np.isfinite(channel.timing.block_s):  # otherwise the gain never changes
            found.append(correlations.over_time(channel, links, seed))
    if isinstance(channel, TDL | SionnaTDL):
        found.append(correlations.over_frequency(channel, links, seed))
    if isinstance(channel, GilbertElliott | Erasure):
        found.append(correlations.bursts(channel, 10 * LINKS, seed))
    return found


def error_rates(channel: Channel, seed: int) -> Figure:
    """Bit error rates over SNR: symbols sent, one gain each, against the exact averages; then the channel's own bit errors."""
    exact, own = averages(channel), channel.bit_error_rate
    gains = _gains(channel, SYMBOLS, seed)
    figure = Figure("ber", "Bit error rate, coherent detection", "mean Es/N0 [dB]", "bit error rate", log=True)
    generator = torch.Generator().manual_seed(seed)
    for bits, name in ORDERS.items():
        modulation = Modulation(bits)
        sent = torch.randint(0, 2, (SYMBOLS * bits,), generator=generator)
        symbols = modulation.map(sent)
        rates = []
        for level in LEVELS_DB:
            spread = torch.from_numpy(np.sqrt(0.5 / (gains * 10.0 ** (level / 10.0))).astype(np.float32))
            noise = torch.complex(*(torch.empty(SYMBOLS).normal_(generator=generator) * spread for _ in range(2)))
            wrong = modulation.hard(symbols + noise) != sent
            if own:
                wrong ^= torch.rand(wrong.shape, generator=generator) < own
            rates.append(float(wrong.float().mean()))
        expected = exact(bits, 10.0 ** (LEVELS_DB / 10.0)).mean(axis=0)
        figure.curves.append(Curve(name, LEVELS_DB, expected + own - 2.0 * expected * own, np.array(rates)))
    return figure


def averages(channel: Channel) -> Callable[[int, Array], Array]:
    """Exact error rate of each bit of a symbol at a mean SNR, (bits, snr [n]) -> [bits, n], over the channel's fading."""
    if isinstance(channel, Rayleigh):
        return bit_error_rates.rayleigh_bit_errors
    if isinstance(channel, Nakagami):
        return lambda bits, snr: bit_error_rates.nakagami_bit_errors(bits, snr, channel.m)
    if isinstance(channel, Rician):
        return lambda bits, snr: bit_error_rates.rician_bit_errors(bits, snr, channel.k)
    if isinstance(channel, TDL | SionnaTDL):
        k = channel.profile.direct / (1.0 - channel.profile.direct)
        return lambda bits, snr: bit_error_rates.rician_bit_errors(bits, snr, k)
    return bit_error_rates.bit_errors


def capacity(channel: Channel, seed: int) -> Figure:
    """Ergodic capacity over SNR: the mean over the channel's gains against the closed form."""
    gains = _gains(channel, BLOCKS, seed)
    levels = 10.0 ** (LEVELS_DB / 10.0)
    measured = np.array([np.log2(1.0 + gains * snr).mean() for snr in levels])
    steady = theory.capacity(levels)
    if channel.law is None:
        return _capacity([Curve("without fading", LEVELS_DB, steady, measured)])
    expected = np.array([float(channel.law.capacity(float(snr))) for snr in levels])
    return _capacity([Curve("ergodic", LEVELS_DB, expected, measured), Curve("without fading", LEVELS_DB, steady, np.zeros(0))])


def _capacity(curves: list[Curve]) -> Figure:
    return Figure("capacity", "Ergodic capacity", "mean Es/N0 [dB]", "bit/symbol", curves=curves)


def outage(channel: Rayleigh | Rician | Nakagami | TDL | SionnaTDL, seed: int) -> Figure:
    """How often a block cannot carry a rate, over SNR: the share of the channel's blocks against F((2^R - 1)/snr).

    Of a band that is selective there is no closed form; what all its subcarriers together carry is measured alone.
    """
    gains = _wide_gains(channel, BLOCKS // (SLOW if channel.subcarriers > 1 else 1), seed)  # [blocks, subcarriers]
    levels = 10.0 ** (LEVELS_DB / 10.0)
    figure = Figure("outage", "Outage of a fixed rate", "mean Es/N0 [dB]", "outage probability", log=True)
    for rate in RATES:
        least = theory.snr_for(rate)
        measured = np.array([(effective(gains * snr) < least).mean() for snr in levels])
        flat = channel.subcarriers == 1
        expected = np.asarray(channel.cdf(least / levels)) if flat else np.zeros(0)
        figure.curves.append(Curve(f"{rate:g} bit/symbol", LEVELS_DB, expected, measured))
    return figure


def own_noise(channel: AdcReference, seed: int) -> Figure:
    """The ratio of signal to noise that values of each size meet, less the nominal one, against that of their rows."""
    sizes = np.logspace(-3.0, 1.0, 9)
    draws = channel.draws(0.0, 1, seed)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(BLOCKS // 10, ROW, generator=generator)
    x /= x.square().mean(dim=-1, keepdim=True).sqrt()
    ratios = [
        float((size * x).square().mean() / (channel.apply(size * x, draws, generator) - size * x).square().mean())
        for size in sizes.tolist()
    ]
    measured = 10.0 * np.log10(np.array(ratios) / float(draws.snr[0]))
    expected = np.array([channel.realised_db(size, ROW) for size in sizes.tolist()])
    curves = [Curve(f"rows of {ROW}", sizes, expected, measured)]
    return Figure("own_noise", "Realised less nominal ratio", "rms of the values", "dB", curves=curves)


def _gains(channel: Channel, count: int, seed: int) -> Array:
    """`count` gains of blocks, links and subcarriers."""
    wide = _wide_gains(channel, -(-count // channel.subcarriers), seed)
    gains: Array = wide.ravel()[:count]
    return gains


def _wide_gains(channel: Channel, count: int, seed: int) -> Array:
    """Gains of `count` independent blocks or, of a channel with memory, as many links, [count, subcarriers]."""
    if not isinstance(channel, Rayleigh | Rician | Nakagami | TDL | SionnaTDL):
        return np.ones((count, 1))
    if channel.timing.time == "block" and np.isfinite(channel.timing.block_s):
        return channel.by_subcarrier(0.0, count, seed).gain
    if isinstance(channel, SionnaTDL):  # its intervals are independent of each other
        apart = INTERVAL * CHUNK * channel.timing.block_s
        return np.concatenate([channel.by_subcarrier(apart * (place + 0.5), 1, seed).gain for place in range(count)])
    return np.concatenate([channel.by_subcarrier(0.0, 1, seed + link).gain for link in range(count)])
