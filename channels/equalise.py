"""What a flat-fading channel with perfect channel knowledge at the receiver does to real values (phy.md 11).

Two values x1, x2 of unit mean square make the symbol s = (x1 + j x2)/sqrt(2); the receiver sees y = h s + n, n ~ CN(0, 1/snr0)
and knows h. With g = |h|^2 and snr = g snr0, each value comes back as

    zero forcing   x + n,                   n ~ N(0, 1/snr),  distortion 1/snr
    MMSE           snr/(1 + snr) (x + n),   distortion 1/(1 + snr), the least possible for Gaussian values (Goblick 1965)

The noise is circular, so the phase of h cancels and is never drawn.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from channels.draws import Draws, Equaliser

PIECE = 1 << 18  # values worked on together: the second level of a processor's cache


class Action(NamedTuple):
    """What happens to the values of each block: multiplied by `scale`, plus noise of standard deviation `noise`; [blocks]."""

    scale: np.ndarray
    noise: np.ndarray


def transmit(x: Tensor, draws: Draws, generator: Generator, equaliser: Equaliser) -> Tensor:
    """Send x [..., n] through `draws` and equalise: same shape, dtype and device, differentiable in x.

    Values go in memory order, two to a symbol (the last symbol may carry one); symbols are dealt to the blocks in order, in
    proportion to their seconds, and over the subcarriers first where there are several (`laid`). Noise is drawn once, on the
    generator's device, in float32 (float64 for float64 values); half precision is computed in float32. Without noise
    x itself comes back. A NaN stays where it is and spreads to no other value.

    Raises TypeError if x is not real floating point; ValueError for an unknown equaliser, an SNR that is negative or NaN, an
    SNR of zero with zero forcing (nothing arrives that could be scaled back), or several blocks whose lengths give no shares.
    """
    snr = draws.snr
    if snr.size == 1:
        return _steady(x, snr.item(), generator, equaliser)
    if snr.ndim > 1:
        draws = laid(draws, (x.numel() + 1) // 2)
    _check(x)
    action = equalisation(draws.snr, equaliser)
    if not action.noise.any() and (action.scale == 1.0).all():
        return x
    ends = np.cumsum(shares(draws.seconds, x.numel()))
    if x.requires_grad and torch.is_grad_enabled():
        noise = _noise(torch.zeros_like(x, requires_grad=False), action, ends, generator)
        if equaliser == "zf":
            return noise.add_(x).to(x.dtype)
        return noise.addcmul_(x.to(noise.dtype), _spread(action.scale, ends, 0, x.numel(), noise).view(x.shape)).to(x.dtype)
    return _noise(x, action, ends, generator).to(x.dtype)


def _noise(x: Tensor, action: Action, ends: np.ndarray, generator: Generator) -> Tensor:
    """scale x + noise, piece by piece, so that a piece stays in the cache; ends [blocks] are where the blocks' values end."""
    values = x.numel()
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    alike = values > 0 and np.array_equal(ends, ends[0] * np.arange(1, len(ends) + 1))
    width = int(ends[0]) if alike else 1  # blocks of one size are rows; otherwise each value is one
    rows, y = x.reshape(-1, width), torch.empty(values // width, width, dtype=dtype, device=x.device)
    step = max(1, PIECE // width) if generator.device.type == "cpu" else len(rows) or 1
    scaled = not (action.scale == 1.0).all()
    drawn = torch.empty(min(step, len(rows)), width, dtype=dtype, device=generator.device)
    for begin in range(0, len(rows), step):
        here = slice(begin, min(begin + step, len(rows)))
        noise = drawn[: here.stop - begin].normal_(generator=generator)
        noise = noise if noise.device == x.device else noise.to(x.device)
        given, strength = rows[here], _rows(action.noise, ends, here, width, y)
        given = given if given.dtype is dtype else given.to(dtype)
        if scaled:
            torch.addcmul(noise.mul_(strength), given, _rows(action.scale, ends, here, width, y), out=y[here])
        else:
            torch.addcmul(given, noise, strength, out=y[here])
    return y.view(x.shape)


def _rows(factor: np.ndarray, ends: np.ndarray, here: slice, width: int, like: Tensor) -> Tensor:
    """The factor of each row, [rows, 1]: a row is a block where blocks are alike, otherwise a single value."""
    if width > 1:
        return torch.from_numpy(factor[here]).to(like)[:, None]
    return _spread(factor, ends, here.start, here.stop, like)[:, None]


def _steady(x: Tensor, snr: float, generator: Generator, equaliser: Equaliser) -> Tensor:
    """`transmit` through one block, as few operations as it takes: short messages are sent often."""
    plain = x.dtype is torch.float32 and x.is_contiguous() and x.device == generator.device
    if plain and equaliser == "zf" and 0.0 < snr < math.inf:
        return torch.empty_like(x).normal_(0.0, snr**-0.5, generator=generator).add_(x)
    _check(x)
    action = equalisation(np.array([snr]), equaliser)
    if action.noise[0] == 0.0 and action.scale[0] == 1.0:
        return x
    return _normal(x, float(action.noise[0]), generator).add_(x, alpha=float(action.scale[0])).to(x.dtype)


def _check(x: Tensor) -> None:
    if not x.dtype.is_floating_point:
        raise TypeError(f"values must be real floating point, got {x.dtype}")


def _normal(x: Tensor, deviation: float, generator: Generator) -> Tensor:
    """Normal numbers of x's shape on x's device, drawn on the generator's: float64 for float64 values, otherwise float32."""
    dtype = torch.float64 if x.dtype is torch.float64 else torch.float32
    drawn = torch.empty(x.shape, dtype=dtype, device=generator.device)
    return drawn.normal_(0.0, deviation, generator=generator).to(x.device)


def equalisation(snr: np.ndarray, equaliser: Equaliser) -> Action:
    """Scale and noise of each block at linear SNR `snr` [blocks]. Raises as `transmit`."""
    if not (snr >= 0.0).all():
        raise ValueError(f"SNR must not be negative or NaN, got {snr.min()}")
    if equaliser == "zf":
        if not (snr > 0.0).all():
            raise ValueError("a block has SNR 0: zero forcing cannot undo it; use equaliser='mmse'")
        return Action(np.ones_like(snr), 1.0 / np.sqrt(snr))
    if equaliser == "mmse":
        distortion = 1.0 / (1.0 + snr)
        scale = np.divide(snr, 1.0 + snr, out=np.ones_like(snr), where=np.isfinite(snr))
        return Action(scale, np.sqrt(scale * distortion))  # = scale / sqrt(snr), also where snr is 0 or inf
    raise ValueError(f"equaliser must be 'zf' or 'mmse', got {equaliser!r}")


def shares(seconds: np.ndarray, values: int) -> np.ndarray:
    """How many of `values` consecutive values each block carries, [blocks] int: whole symbols, in proportion to `seconds`."""
    if len(seconds) == 1:
        return np.array([values])
    symbols = (values + 1) // 2
    upto = np.minimum(2 * np.rint(_ends(seconds) * symbols).astype(np.int64), values)
    counts: np.ndarray = upto.copy()
    counts[1:] -= upto[:-1]
    return counts


def laid(draws: Draws, symbols: int) -> Draws:
    """The realisation as each of `symbols` symbols meets it, in the order they are sent; flat realisations as they are.

    OFDM: symbol i travels on subcarrier i mod K during the (i div K)-th of the equal spans that K symbols take, under the block
    that spans its middle (phy.md 4). Gives [symbols] each, of equal seconds.
    """
    if draws.snr.ndim == 1:
        return draws
    blocks, subcarriers = draws.snr.shape
    if subcarriers == 1 or symbols == 0:
        return Draws(draws.gain[:, 0], draws.snr[:, 0], draws.seconds)
    middles = (np.arange(-(-symbols // subcarriers)) + 0.5) * (subcarriers / symbols)  # of the spans, in shares of the whole
    block = np.zeros(len(middles), dtype=np.int64)
    if blocks > 1:
        block = np.minimum(_ends(draws.seconds).searchsorted(middles, side="right"), blocks - 1)
    gain, snr = (column[block].reshape(-1)[:symbols] for column in (draws.gain, draws.snr))  # [spans, subcarriers], in order
    return Draws(gain, snr, np.ones(symbols))


def _ends(seconds: np.ndarray) -> np.ndarray:
    """Where blocks end, as shares of the whole transfer, [blocks]."""
    ends: np.ndarray = np.cumsum(seconds)
    if not 0.0 < ends[-1] < math.inf:
        raise ValueError(f"blocks of {ends[-1]} s in total have no shares: cut them to the transfer, draws.during(seconds)")
    ends /= ends[-1]
    return ends


def _spread(factor: np.ndarray, ends: np.ndarray, begin: int, end: int, like: Tensor) -> Tensor:
    """The factor of the block that carries each of the values begin ... end - 1, in the dtype and on the device of `like`."""
    first, last = ends.searchsorted(begin, side="right"), ends.searchsorted(end, side="left") + 1
    upto = np.minimum(ends[first:last], end)
    counts = upto.copy()
    counts[1:] -= upto[:-1]
    counts[:1] -= begin
    precise = np.float64 if like.dtype == torch.float64 else np.float32
    # numpy's repeat takes a tenth of the time of torch's repeat_interleave
    return torch.from_numpy(factor[first:last].astype(precise).repeat(counts)).to(like.device)  # [values]
