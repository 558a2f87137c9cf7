"""Quantisers: error bounds, unbiasedness, ranges and packed sizes of compression.md 2.7."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.identity import Identity
from edgesim.codecs.quantise import Quantise
from edgesim.errors import RunError
from edgesim.wire import Smashed

ITEM = (5, 6)
PERS = ("tensor", "sample", "token", "channel")
GROUPS = {"tensor": 1, "sample": 3, "token": 15, "channel": 6}  # of 3 rows of ITEM


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def through(codec: Quantise, x: Tensor, seed: int = 0) -> Tensor:
    return codec.decode(codec.encode(Smashed(x), seeded(seed)).departed()).x


def steps_of(x: Tensor, per: str, bits: int) -> Tensor:
    """(max - min) / (2^bits - 1) of the group of every value, by numpy."""
    axes = {"tensor": None, "sample": tuple(range(1, x.dim())), "token": -1, "channel": tuple(range(x.dim() - 1))}[per]
    values = x.double().numpy()
    return torch.from_numpy(np.broadcast_to(np.ptp(values, axis=axes, keepdims=True) / (2**bits - 1), values.shape).copy())


@settings(max_examples=60)
@given(
    bits=st.integers(1, 16),
    per=st.sampled_from(PERS),
    rounding=st.sampled_from(["nearest", "stochastic"]),
    seed=st.integers(0, 99),
)
def test_error_is_within_the_step_of_the_group(bits: int, per: Any, rounding: Any, seed: int) -> None:
    """At most step/2 to the nearest, below one step if stochastic; float32 itself resolves 1e-6 of these values."""
    x = torch.randn(3, *ITEM, generator=seeded(seed)) * torch.logspace(-2, 1, 6)
    error = (through(Quantise(Cut(ITEM), bits=bits, per=per, rounding=rounding), x, seed) - x).abs()
    bound = steps_of(x, per, bits) * (0.5 if rounding == "nearest" else 1.0)
    assert bool((error <= bound + 1e-6 * x.abs().max()).all())


@pytest.mark.parametrize("per", PERS)
def test_the_ends_of_a_range_arrive_as_they_are(per: Any) -> None:
    x = torch.randn(3, *ITEM, generator=seeded(3))
    payload = Quantise(Cut(ITEM), bits=2, per=per).encode(Smashed(x), seeded())
    assert payload.tensors["ranges"].shape == (GROUPS[per], 2)
    assert payload.tensors["ranges"][:, 0].min() == x.min()
    assert payload.tensors["ranges"][:, 1].max() == x.max()
    there = through(Quantise(Cut(ITEM), bits=1, per="sample"), x)
    torch.testing.assert_close(there.flatten(1).min(1).values, x.flatten(1).min(1).values)
    torch.testing.assert_close(there.flatten(1).max(1).values, x.flatten(1).max(1).values)


def test_stochastic_rounding_is_unbiased() -> None:
    """Mean error of n draws within 4.5 sigma, sigma <= step/2 / sqrt(n); the variance is at most step^2/4 each."""
    x = torch.randn(3, *ITEM, generator=seeded(1))
    codec, draws = Quantise(Cut(ITEM), bits=2, rounding="stochastic"), 2000
    errors = torch.stack([through(codec, x, seed) - x for seed in range(draws)]).double()
    step = steps_of(x, "tensor", 2)
    assert bool((errors.mean(0).abs() <= 4.5 * step / 2 / draws**0.5).all())
    assert bool((errors.square().mean(0) <= step.square() / 4 * 1.1).all())
    biased = (through(Quantise(Cut(ITEM), bits=2), x) - x).double().abs()
    assert bool((biased > 4.5 * step / 2 / draws**0.5).any())


@pytest.mark.parametrize(("bits", "relative"), [(1, 13.6), (2, 0.82), (3, 0.13), (4, 0.029), (8, 1e-4)])
def test_golden_relative_error_of_normal_values(bits: int, relative: float) -> None:
    """compression.md 2.7, 1e5 normal values, one range for all. The range is that of the extremes, hence the wide band."""
    errors = []
    for seed in range(8):
        x = torch.randn(1, 100_000, generator=seeded(seed))
        errors.append(float((through(Quantise(Cut((100_000,)), bits=bits), x) - x).square().mean() / x.square().mean()))
    assert np.median(errors) == pytest.approx(relative, rel=0.2)


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_constant_groups_arrive_as_they_are(per: Any, rounding: Any) -> None:
    """No division by a range of zero."""
    x = torch.full((3, *ITEM), 0.1)
    codec = Quantise(Cut(ITEM), bits=4, per=per, rounding=rounding)
    assert torch.equal(through(codec, x), x)
    assert int(codec.encode(Smashed(x), seeded()).tensors["values"].abs().max()) == 0


@pytest.mark.parametrize("per", PERS)
def test_sizes(per: Any) -> None:
    roles = Quantise(Cut(ITEM), bits=3, per=per).manifest(3).by_role
    assert roles["values"] == 3 * 3 * 30
    assert roles["side"] == 64 * GROUPS[per]


@pytest.mark.parametrize(("knobs", "ratio"), [({"bits": 8}, 0.25), ({"bits": 4}, 0.125), ({"format": "bf16"}, 0.5)])
def test_ratios(knobs: dict[str, Any], ratio: float) -> None:
    """The published code charges bits/32 and no ranges; the wire adds 64 bits a range."""
    cut = Cut((197, 192), classes=100)
    codec, base = Quantise(cut, **knobs), Identity(cut).manifest(128)
    manifest = codec.manifest(128)
    assert codec.ratios(128) == (ratio, 1.0, ratio, 1.0)
    assert manifest.paper_bits == manifest.code_bits == base.paper_bits * ratio
    assert manifest.by_role["values"] == base.by_role["values"] * ratio
    assert manifest.by_role["side"] == (64 if "bits" in knobs else 0)


@pytest.mark.parametrize("bits", [1, 3, 4, 7, 8, 11, 16])
def test_codes_pack_into_the_bytes_they_are_charged(bits: int) -> None:
    x = torch.randn(3, *ITEM, generator=seeded(2))
    codec = Quantise(Cut(ITEM), bits=bits, per="sample")
    payload = codec.encode(Smashed(x), seeded())
    data = codec.to_bytes(payload)
    assert len(data) == -(-(x.numel() * bits + 3 * 64) // 8)
    assert torch.equal(codec.decode(codec.from_bytes(data, 3)).x, through(codec, x))


def test_half_formats_are_casts() -> None:
    x = torch.randn(3, *ITEM, generator=seeded(4)) * 100
    assert torch.equal(through(Quantise(Cut(ITEM), format="fp16"), x), x.half().float())
    assert torch.equal(through(Quantise(Cut(ITEM), format="bf16"), x), x.bfloat16().float())


def test_fp16_saturates() -> None:
    x = torch.tensor([[1e6, -1e6, 1e-9]])
    assert through(Quantise(Cut((3,)), format="fp16"), x).tolist() == [[65504.0, -65504.0, 0.0]]


def test_only_codes_are_kept_off_analog_links() -> None:
    assert Quantise(Cut(ITEM)).integer_values
    assert not Quantise(Cut(ITEM), format="fp16").integer_values
    assert Quantise(Cut(ITEM)).manifest(3).analog_values == 0
    assert Quantise(Cut(ITEM), format="fp16").manifest(3).analog_values == 90


def test_gradients_pass_straight_through() -> None:
    x = torch.randn(3, *ITEM).requires_grad_()
    payload = Quantise(Cut(ITEM), bits=1).encode(Smashed(x), seeded())
    answer = torch.randn(3, *ITEM)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, answer)
    assert torch.equal(x.grad, answer)  # type: ignore[arg-type]  # there is a gradient


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_diverged_training_is_named(value: float) -> None:
    x = torch.zeros(3, *ITEM)
    x[1, 2, 3] = value
    with pytest.raises(RunError, match="NaN or infinite"):
        Quantise(Cut(ITEM)).encode(Smashed(x), seeded())


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"bits": 0}, r"bits must lie in \[1, 16\]"),
        ({"bits": 17}, r"bits must lie in \[1, 16\]"),
        ({"bits": 4.0}, "bits must be an integer"),
        ({"per": "row"}, "per must be one of tensor, sample, token, channel"),
        ({"rounding": "up"}, "rounding must be one of"),
        ({"format": "fp8"}, "format must be one of"),
    ],
)
def test_impossible_knobs_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Quantise(Cut(ITEM), **knobs)
