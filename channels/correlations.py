"""How a configured channel hangs together over time, over frequency and over places, beside its theory; as numbers."""

import math

import numpy as np
from scipy import special, stats

from channels.base import Channel
from channels.erasure import Erasure
from channels.figure import Curve, Figure
from channels.gilbert_elliott import GilbertElliott
from channels.link_budget import LinkBudget
from channels.nakagami import Nakagami
from channels.rayleigh import Rayleigh
from channels.rician import Rician
from channels.sionna_tdl import SionnaTDL
from channels.tdl import LOS_DOPPLER, TDL

Array = np.ndarray
Line = TDL | SionnaTDL
Fader = Rayleigh | Rician | Nakagami | TDL | SionnaTDL


def over_time(channel: Fader, links: int, seed: int) -> Figure:
    """Correlation of the power gain |h|^2 with itself a while later, over links; of its middle subcarrier if there are many.

    Theory of Clarke's process with a direct path of factor K and Doppler shift f_S: (r^2 + 2 K r cos(2 pi f_S tau)) / (1 + 2 K)
    with r = J0(2 pi f_D tau); for Gauss-Markov gains r is its value at a block's length to the power of the lag. Independent
    blocks keep a share max(0, 1 - tau/T) of the pairs together.
    """
    timing = channel.timing
    span = 2.5 * timing.block_s if timing.time == "block" or timing.doppler_hz is None else 1.5 / timing.doppler_hz
    lags = np.linspace(0.0, span, 25)
    starts = np.random.default_rng(seed).uniform(0.0, 1000.0 * span, links)
    pairs = np.array([_gains_after(channel, start, lags, link) for link, start in enumerate(starts)])  # [links, lags]
    deviation = pairs - 1.0
    power = (deviation**2).mean(axis=0)  # of its own at each lag: both then err together, and not at all at lag 0
    measured = (deviation[:, :1] * deviation).mean(axis=0) / np.sqrt(power[0] * power)
    curve = Curve("|h|^2", lags, _correlation(channel, lags), measured)
    return Figure("correlation", "Correlation of the power gain", "lag [s]", "correlation", curves=[curve])


def _correlation(channel: Fader, lags: Array) -> Array:
    """Empty where it has no closed form."""
    timing = channel.timing
    if timing.time == "block" or timing.doppler_hz is None:
        return np.maximum(0.0, 1.0 - lags / timing.block_s)
    if isinstance(channel, Nakagami):
        return np.zeros(0)
    turns = 2.0 * math.pi * timing.doppler_hz
    k, shift = _direct(channel)
    if timing.time == "gauss_markov":
        whole, rest = np.divmod(lags / timing.block_s, 1.0)  # a share `rest` of the pairs is one block further apart
        step = special.j0(turns * timing.block_s)
        r, squared = ((1.0 - rest) * step ** (n * whole) + rest * step ** (n * (whole + 1.0)) for n in (1, 2))
    else:
        r = special.j0(turns * lags)
        squared = r**2
    both: Array = (squared + 2.0 * k * r * np.cos(turns * shift * lags)) / (1.0 + 2.0 * k)
    return both


def _direct(channel: Rayleigh | Rician | TDL | SionnaTDL) -> tuple[float, float]:
    """Rician factor of a gain, linear, and Doppler shift of its direct path over the largest one."""
    if isinstance(channel, Rician):
        return channel.k, channel.los_doppler
    if isinstance(channel, Rayleigh):
        return 0.0, 0.0
    return channel.profile.direct / (1.0 - channel.profile.direct), LOS_DOPPLER


def _gains_after(channel: Channel, start_s: float, lags_s: Array, key: int) -> Array:
    """Gains of one link at `start_s` and after each lag, [lags]."""
    draws = channel.by_subcarrier(start_s, 2, key)
    draws = channel.by_subcarrier(start_s, 3 + math.ceil(lags_s[-1] / float(draws.seconds[-1])), key)
    block = np.searchsorted(np.cumsum(draws.seconds), lags_s, side="right")
    gains: Array = draws.gain[block, channel.subcarriers // 2]
    return gains


def over_frequency(channel: Line, links: int, seed: int) -> Figure:
    """E H(f) H*(f + spacing) over links, its real part and its size, against sum_n p_n e^(j 2 pi spacing tau_n)."""
    spacings = np.linspace(0.0, float(channel.frequencies_hz[-1] - channel.frequencies_hz[0]), 25)
    response = np.stack([channel.frequency_response([0.0], seed + link, spacings)[0] for link in range(links)])
    measured = (response[:, :1] * response.conj()).mean(axis=0)
    expected = channel.profile.frequency_correlation(spacings, channel.delay_spread_s)
    figure = Figure("frequency", "Correlation over the band", "spacing [Hz]", "correlation")
    figure.curves.append(Curve("real part", spacings, expected.real, measured.real))
    figure.curves.append(Curve("size", spacings, np.abs(expected), np.abs(measured)))
    return figure


def bursts(channel: GilbertElliott | Erasure, links: int, seed: int) -> Figure:
    """How often a packet is lost if one a while before was, over links: L + (1 - L) e^(-(a + b) tau) for certain losses.

    Single erasures (`erasure`) know nothing of each other: L whatever the lag.
    """
    step = channel.burst_s / 5.0 if isinstance(channel, GilbertElliott) else 1e-3
    lags = step * np.arange(1, 26)
    starts = np.random.default_rng(seed).uniform(0.0, 5000.0 * step, links)
    lost = np.array([channel.losses(start, 26, step, link) for link, start in enumerate(starts.tolist())])  # [links, 26]
    first = lost[:, 0]
    after = lost[first, 1:].mean(axis=0) if first.any() else np.zeros(0)
    expected = np.full(len(lags), channel.loss)
    if isinstance(channel, GilbertElliott):
        held = channel.bad + (1.0 - channel.bad) * np.exp(-lags / (channel.burst_s * (1.0 - channel.bad)))  # bad again
        was_bad = channel.bad * channel.loss_bad / channel.loss  # how often a loss means the bad state
        then_bad = was_bad * held + (1.0 - was_bad) * channel.bad * (1.0 - held) / (1.0 - channel.bad)
        expected = channel.loss_good + (channel.loss_bad - channel.loss_good) * then_bad
    curve = Curve("lost again", lags, expected, after)
    return Figure("bursts", "Losses after a loss", "lag [s]", "loss probability", curves=[curve])


def over_places(channel: LinkBudget, links: int, seed: int) -> Figure:
    """How often the mean SNR at time 0 is below a level, over links: normal in dB with and without a line of sight.

    Theory without walls only: theirs is no normal law.
    """
    around, start = channel.surroundings, np.zeros(1)
    distance = channel.mobility.distance_m(start)
    seen = np.sort([channel.mean_snr_db(0.0, seed + link) for link in range(links)])
    levels = np.linspace(seen[0] - 1.0, seen[-1] + 1.0, 25)
    measured = np.searchsorted(seen, levels, side="right") / links
    expected = np.zeros(0)
    if around.building == "outside" and min(around.sigma_db) > 0.0:
        likely = around.sight_probability
        centres = [channel.above_loss_db - float(around.mean_loss_db(distance, sight)[0]) for sight in (True, False)]
        with_sight, without = (
            stats.norm.cdf(levels, centre, sigma) for centre, sigma in zip(centres, around.sigma_db, strict=True)
        )
        expected = likely * with_sight + (1.0 - likely) * without
    curve = Curve("mean SNR", levels, expected, measured)
    return Figure("places", "Mean SNR over links", "SNR [dB]", "probability of less", curves=[curve])
