"""The noise of the published ADC code, with its defect."""

import math
from typing import Annotated

import numpy as np
import torch
from torch import Generator, Tensor

from channels import units
from channels.base import Channel, Draws, Equaliser


class AdcReference(Channel):
    """The noise of the published ADC code, whose power follows the norm instead of its square: compatibility only.

    A signal-to-noise ratio is drawn for each tensor, snr = 10^(U(low_db, high_db)/10). Each row x of d values (the last axis)
    then gets Gaussian noise of variance

        noise_power = (|x|_2 / d) / snr            where |x|_2^2 / d is the power of x

    so the ratio really met is snr |x|_2, and depends on the scale of what is sent. At a nominal 0 dB, activations of unit
    variance and width 192 have 11.4 dB, gradients of standard deviation 10^-3 have -18.6 dB: one looks cleaner, the other far
    noisier than stated. Use `awgn` for everything but comparison with published figures. Values are sent as they are, without
    normalisation and without an equaliser; half-precision values are computed in float32.
    Source: phy.md 11.6; Alvetreti et al., arXiv 2509.15058, public code, comm/communication.py, whose noise reaches activations
    in training and gradients always.

    low_db   least nominal ratio [dB]
    high_db  greatest nominal ratio [dB]

    >>> channel = AdcReference(low_db=0.0, high_db=0.0)
    >>> round(channel.realised_db(rms=1.0, width=192), 1), round(channel.realised_db(rms=1e-3, width=192), 1)
    (11.4, -18.6)
    """

    own_scale = True

    def __init__(
        self, *, low_db: Annotated[float, "(-inf, inf)"] = -10.0, high_db: Annotated[float, "(-inf, inf)"] = 10.0
    ) -> None:
        if not -math.inf < low_db <= high_db < math.inf:
            raise ValueError(f"need low_db <= high_db, both finite; got {low_db} and {high_db}")
        self.low_db = low_db
        self.high_db = high_db

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """One block without end: the nominal ratio of the message that starts at `start_s`, a function of (key, start_s)."""
        if not (0.0 <= start_s < math.inf and blocks >= 1 and key >= 0):
            raise ValueError(f"need 0 <= start_s < inf, blocks >= 1 and key >= 0; got {start_s}, {blocks}, {key}")
        instant = np.array([0, 0, np.float64(start_s).view(np.uint64), 0], dtype=np.uint64)
        share = np.random.Generator(np.random.Philox(key=key, counter=instant)).random()
        snr = units.linear(self.low_db + (self.high_db - self.low_db) * share)
        return Draws(np.ones(1), np.array([snr]), np.full(1, math.inf))

    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """x [..., d] plus noise of variance |x|_2 / (d snr) per row, as published; the equaliser changes nothing.

        Raises ValueError for a row whose norm is not finite.
        """
        if not x.dtype.is_floating_point:
            raise TypeError(f"values must be real floating point, got {x.dtype}")
        if equaliser not in ("zf", "mmse"):
            raise ValueError(f"equaliser must be 'zf' or 'mmse', got {equaliser!r}")
        if not draws.snr[0] > 0.0:
            raise ValueError(f"the nominal ratio must be positive, got {draws.snr[0]}")
        if x.numel() == 0 or math.isinf(draws.snr[0]):
            return x
        wide = x if x.dtype == torch.float64 else x.float()
        power = wide.detach().norm(dim=-1, keepdim=True) / x.shape[-1] / float(draws.snr[0])
        if not bool(power.isfinite().all()):
            raise ValueError(
                "a value is not finite, or its square is none: the norm of its row, which sets the noise, is neither"
            )
        noise = torch.empty(x.shape, dtype=wide.dtype, device=generator.device).normal_(generator=generator).to(x.device)
        noisy: Tensor = wide + noise * power.sqrt()
        return noisy.to(x.dtype)

    @staticmethod
    def realised_db(rms: float, width: int, nominal_db: float = 0.0) -> float:
        """What rows of `width` values of root mean square `rms` really meet: nominal_db + 10 log10(rms sqrt(width)) [dB]."""
        return nominal_db + units.decibel(rms * math.sqrt(width))
