"""The perfect channel."""

import math

import torch

from channels import Ideal


def test_it_changes_nothing() -> None:
    channel = Ideal()
    draws = channel.draws(3.0, 10, key=1)
    assert (draws.gain.tolist(), draws.snr.tolist(), draws.seconds.tolist()) == ([1.0], [math.inf], [math.inf])
    x = torch.tensor([1.0, -0.0, math.inf, math.nan])
    assert channel.apply(x, draws, torch.Generator()) is x
