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

from channels.base import Draws, Equaliser


class Action(NamedTuple):
    """What happens to the values of each block: multiplied by `scale`, plus noise of standard deviation `noise`; [blocks]."""

    scale: np.ndarray
    noise: np.ndarray


def transmit(x: Tensor, draws: Draws, generator: Generator, equaliser: Equaliser) -> Tensor:
    """Send x [..., n] through `draws` and equalise: same shape, dtype and device, differentiable in x.

    Values go in memory order, two to a symbol (the last symbol may carry one); symbols are dealt to the blocks in order, in
    proportion to their seconds. Noise is drawn once, on the generator's device, in float32 (float64 for float64 values); half
    precision is computed in float32. Without noise x itself comes back. A NaN stays where it is and spreads to no other value.

    Raises TypeError if x is not real floating point; ValueError for an unknown equaliser, an SNR that is negative or NaN, an
    SNR of zero with zero forcing (nothing arrives that could be scaled back), or several blocks whose lengths give no shares.
    """
    if not x.dtype.is_floating_point:
        raise TypeError(f"values must be real floating point, got {x.dtype}")
    action = equalisation(draws.snr, equaliser)
    if not action.noise.any() and (action.scale == 1.0).all():
        return x
    counts = shares(draws.seconds, x.numel())
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    noise = torch.empty(x.shape, dtype=dtype, device=generator.device)
    if len(counts) == 1:
        noise = noise.normal_(0.0, float(action.noise[0]), generator=generator).to(x.device)
        return noise.add_(x, alpha=float(action.scale[0])).to(x.dtype)
    noise = noise.normal_(generator=generator).to(x.device).mul_(_per_value(action.noise, counts, noise))
    if equaliser == "zf":
        return noise.add_(x).to(x.dtype)
    return noise.addcmul_(x.to(dtype), _per_value(action.scale, counts, noise)).to(x.dtype)


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
    ends = np.cumsum(seconds)
    if not (0.0 < ends[-1] < math.inf):
        raise ValueError(f"blocks of {ends[-1]} s in total have no shares: cut them to the transfer, draws.during(seconds)")
    symbols = (values + 1) // 2
    upto = np.minimum(2 * np.rint(ends / ends[-1] * symbols).astype(np.int64), values)
    return np.diff(upto, prepend=0)


def _per_value(factor: np.ndarray, counts: np.ndarray, like: Tensor) -> Tensor:
    """The factor of the block that carries each value, in the shape, dtype and device of `like`."""
    # numpy's repeat takes a tenth of the time of torch's repeat_interleave
    factors = np.repeat(factor.astype(np.float64 if like.dtype == torch.float64 else np.float32), counts)  # [values]
    return torch.from_numpy(factors).to(like.device).view(like.shape)
