"""A configured channel beside its theory: what `python -m channels` draws, as numbers.

Measured points come from the channel's own draws and from symbols sent through them; theory from `channels.theory`,
`channels.bit_error_rates`, `channels.laws` and `channels.crossings`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import special

from channels import bit_error_rates, laws, theory
from channels.awgn import AWGN
from channels.base import Channel
from channels.gilbert_elliott import GilbertElliott
from channels.modulation import Modulation
from channels.nakagami import Nakagami
from channels.rayleigh import Rayleigh
from channels.rician import Rician

Array = np.ndarray
LEVELS_DB = np.arange(-5.0, 31.0, 2.5)
SYMBOLS = 1 << 16  # per measured bit error rate
BLOCKS = 20_000  # per measured capacity and outage
LINKS = 400  # per measured correlation
RATES = (1.0, 2.0, 4.0)  # bit/symbol, whose outage is drawn
ORDERS = {1: "BPSK", 2: "QPSK", 4: "16-QAM", 6: "64-QAM", 8: "256-QAM"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a figure.

    x         where
    theory    the closed form there, empty where there is none
    measured  what the channel does
    """

    label: str
    x: Array
    theory: Array
    measured: Array


@dataclass(frozen=True, slots=True)
class Figure:
    """Curves that share their axes."""

    name: str
    title: str
    x_label: str
    y_label: str
    log: bool = False
    curves: list[Curve] = field(default_factory=list)


def figures(channel: Channel, seed: int = 0) -> list[Figure]:
    """All figures that make sense for the channel."""
    found: list[Figure] = []
    if isinstance(channel, AWGN | Rayleigh | Rician | Nakagami):
        found.append(error_rates(channel, seed))
        found.append(capacity(channel, seed))
    if isinstance(channel, Rayleigh | Rician | Nakagami):
        found += [outage(channel, seed), correlation(channel, seed)]
    if isinstance(channel, GilbertElliott):
        found.append(bursts(channel, seed))
    return found


def error_rates(channel: AWGN | Rayleigh | Rician | Nakagami, seed: int) -> Figure:
    """Bit error rates over SNR: symbols sent, one gain each, against the exact averages."""
    exact = averages(channel)
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
            rates.append(float((modulation.hard(symbols + noise) != sent).float().mean()))
        expected = exact(bits, 10.0 ** (LEVELS_DB / 10.0)).mean(axis=0)
        figure.curves.append(Curve(name, LEVELS_DB, expected, np.array(rates)))
    return figure


def averages(channel: Channel) -> Callable[[int, Array], Array]:
    """Exact error rate of each bit of a symbol at a mean SNR, (bits, snr [n]) -> [bits, n], over the channel's fading."""
    if isinstance(channel, Rayleigh):
        return bit_error_rates.rayleigh_bit_errors
    if isinstance(channel, Nakagami):
        return lambda bits, snr: bit_error_rates.nakagami_bit_errors(bits, snr, channel.m)
    if isinstance(channel, Rician):
        return lambda bits, snr: bit_error_rates.rician_bit_errors(bits, snr, channel.k)
    return bit_error_rates.bit_errors


def capacity(channel: AWGN | Rayleigh | Rician | Nakagami, seed: int) -> Figure:
    """Ergodic capacity over SNR: the mean over the channel's gains against the closed form."""
    gains = _gains(channel, BLOCKS, seed)
    levels = 10.0 ** (LEVELS_DB / 10.0)
    measured = np.array([np.log2(1.0 + gains * snr).mean() for snr in levels])
    expected = np.array([_capacity(channel, float(snr)) for snr in levels])
    curves = [Curve("ergodic", LEVELS_DB, expected, measured)]
    if not isinstance(channel, AWGN):
        curves.append(Curve("without fading", LEVELS_DB, np.log2(1.0 + levels), np.zeros(0)))
    return Figure("capacity", "Ergodic capacity", "mean Es/N0 [dB]", "bit/symbol", curves=curves)


def _capacity(channel: Channel, snr: float) -> float:
    if isinstance(channel, Rician):
        return laws.rician_capacity(snr, channel.k)
    if isinstance(channel, Nakagami):
        return laws.nakagami_capacity(snr, channel.m)
    return float(theory.rayleigh_capacity(snr) if isinstance(channel, Rayleigh) else theory.capacity(snr))


def outage(channel: Rayleigh | Rician | Nakagami, seed: int) -> Figure:
    """How often a block cannot carry a rate, over SNR: the share of the channel's blocks against F((2^R - 1)/snr)."""
    gains = _gains(channel, BLOCKS, seed)
    levels = 10.0 ** (LEVELS_DB / 10.0)
    figure = Figure("outage", "Outage of a fixed rate", "mean Es/N0 [dB]", "outage probability", log=True)
    for rate in RATES:
        least = (2.0**rate - 1.0) / levels
        measured = np.array([(gains < gain).mean() for gain in least])
        figure.curves.append(Curve(f"{rate:g} bit/symbol", LEVELS_DB, np.asarray(channel.cdf(least)), measured))
    return figure


def correlation(channel: Rayleigh | Rician | Nakagami, seed: int) -> Figure:
    """Correlation of the power gain |h|^2 with itself a while later, over links.

    Theory for Rayleigh fading: J0^2(2 pi f_D tau) (Clarke); its value at a block's length to the power of the lag
    (Gauss-Markov); blocks that are independent keep a share max(0, 1 - tau/T) of the pairs together.
    """
    timing = channel.timing
    span = 2.5 * timing.block_s if timing.time == "block" or timing.doppler_hz is None else 1.5 / timing.doppler_hz
    lags = np.linspace(0.0, span, 25)
    starts = np.random.default_rng(seed).uniform(0.0, 1000.0 * span, LINKS)
    pairs = np.array([_gains_after(channel, start, lags, link) for link, start in enumerate(starts)])  # [links, lags]
    deviation = pairs - 1.0
    measured = (deviation[:, :1] * deviation).mean(axis=0) / (deviation**2).mean()
    expected = np.zeros(0)
    if timing.time == "block":
        expected = np.maximum(0.0, 1.0 - lags / timing.block_s)
    elif isinstance(channel, Rayleigh) and timing.doppler_hz is not None:
        turns = 2.0 * math.pi * timing.doppler_hz
        step = special.j0(turns * timing.block_s)
        late = step ** (lags / timing.block_s) if timing.time == "gauss_markov" else special.j0(turns * lags)
        expected = late**2
    curve = Curve("|h|^2", lags, expected, measured)
    return Figure("correlation", "Correlation of the power gain", "lag [s]", "correlation", curves=[curve])


def bursts(channel: GilbertElliott, seed: int) -> Figure:
    """How often a packet is lost if one a while before was, over links: L + (1 - L) e^(-(a + b) tau) for certain losses."""
    step = channel.burst_s / 5.0
    lags = step * np.arange(1, 26)
    starts = np.random.default_rng(seed).uniform(0.0, 1000.0 * channel.burst_s, 10 * LINKS)
    lost = np.array([channel.losses(start, 26, step, link) for link, start in enumerate(starts.tolist())])  # [links, 26]
    after = lost[lost[:, 0], 1:].mean(axis=0)
    held = channel.bad + (1.0 - channel.bad) * np.exp(-lags / (channel.burst_s * (1.0 - channel.bad)))  # bad again, if it was
    was_bad = channel.bad * channel.loss_bad / channel.loss  # how often a loss means the bad state
    then_bad = was_bad * held + (1.0 - was_bad) * channel.bad * (1.0 - held) / (1.0 - channel.bad)
    expected = channel.loss_good + (channel.loss_bad - channel.loss_good) * then_bad
    curve = Curve("lost again", lags, expected, after)
    return Figure("bursts", "Losses after a loss", "lag [s]", "loss probability", curves=[curve])


def _gains(channel: Channel, count: int, seed: int) -> Array:
    """`count` gains of as many links."""
    if isinstance(channel, AWGN):
        return np.ones(count)
    if isinstance(channel, Rayleigh | Rician | Nakagami) and channel.timing.time == "block":
        return channel.draws(0.0, count, seed).gain
    return np.array([_gain_at(channel, 0.0, seed + link) for link in range(count)])


def _gains_after(channel: Channel, start_s: float, lags_s: Array, key: int) -> Array:
    """Gains of one link at `start_s` and after each lag, [lags]."""
    draws = channel.draws(start_s, 2, key)
    draws = channel.draws(start_s, 3 + math.ceil(lags_s[-1] / float(draws.seconds[-1])), key)
    block = np.searchsorted(np.cumsum(draws.seconds), lags_s, side="right")
    gains: Array = draws.gain[block]
    return gains


def _gain_at(channel: Channel, at_s: float, key: int) -> float:
    return float(channel.draws(at_s, 1, key).gain[0])
