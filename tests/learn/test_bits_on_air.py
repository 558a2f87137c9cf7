"""Bit errors from their plan to the tensor: rates of reals and codes against closed forms (phy.md 8 and 15, row 24)."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channels import Ideal, corruption
from channels.bit_error_rates import bit_errors
from edgesim.learn.air import FlippingAir
from edgesim.sim.packets import Chance
from edgesim.sim.radio import Radio
from edgesim.sim.transports.bits import Bits
from edgesim.wire import Field, Manifest, Payload

SIGMA = 4.5


def sent(tensor: torch.Tensor, bits_each: int, rate: float, guard: str, modulation: str = "qam64"):
    """A field through the transport at a bit error rate of the channel's own: what arrives, its plan and what was caught."""
    item = Field("values", tuple(tensor.shape), bits_each, "values", analog=tensor.is_floating_point())
    manifest = Manifest((item,))
    transport = Bits(Radio(None, bit_errors), modulation=modulation, guard=guard)
    ideal = Ideal()
    airtime = transport.plan(manifest, 1.5, lambda start, blocks: ideal.draws(start, blocks, 1), Chance(7, bit_error_rate=rate))
    air = FlippingAir(guard)
    return air(Payload(manifest, {"values": tensor}), airtime.harm, 1).tensors["values"], airtime, air.caught


@pytest.mark.parametrize(("dtype", "exponent"), [(torch.float32, 8), (torch.bfloat16, 8), (torch.float16, 5)])
@pytest.mark.parametrize("guard", ["clamp", "zero", "off"])
def test_what_the_guards_catch(dtype: torch.dtype, exponent: int, guard: str) -> None:
    """n values of magnitude 1 to 2 at bit error rate p: n p (1 - p)^(e - 1) become infinite or NaN, and are counted."""
    count, rate = 200_000, 2e-3
    values = (1.0 + torch.rand(count, generator=torch.Generator().manual_seed(1)) * 0.98).to(dtype)
    arrived, airtime, caught = sent(values, values.element_size() * 8, rate, guard)
    expected = count * corruption.nonfinite_probability(rate, exponent)
    assert abs(caught["nonfinite_values"] - expected) <= SIGMA * math.sqrt(expected)
    words = 1.0 - (1.0 - rate) ** (8 * values.element_size())
    assert abs(airtime.corrupted_values - count * words) <= SIGMA * math.sqrt(count * words * (1 - words))
    if guard == "off":
        assert int((~arrived.isfinite()).sum()) == caught["nonfinite_values"]
        assert (
            int((arrived.isfinite() & ((arrived < values.min()) | (arrived > values.max()))).sum()) == caught["clamped_values"]
        )
    else:
        assert arrived.isfinite().all()
        inside = (arrived >= values.min()) & (arrived <= values.max())
        assert bool((inside | (arrived == 0)).all() if guard == "zero" else inside.all())
        assert int((arrived == 0).sum()) == (sum(caught.values()) if guard == "zero" else 0)


@pytest.mark.parametrize("bits", [1, 3, 4, 8, 12])
def test_codes_of_any_width(bits: int) -> None:
    """E[e^2] = p (4^B - 1)/3 of uniform codes of B bits; codes stay below 2^B, and no guard has anything to catch."""
    count, rate = 200_000, 0.01
    codes = torch.randint(1 << bits, (count,), generator=torch.Generator().manual_seed(2), dtype=torch.int32)
    arrived, airtime, caught = sent(codes, bits, rate, "clamp")
    error = (arrived.double() - codes.double()).square().numpy()
    assert abs(error.mean() - corruption.code_distortion(rate, bits)) <= SIGMA * error.std() / math.sqrt(count)
    assert 0 <= int(arrived.min()) <= int(arrived.max()) < 1 << bits
    words = 1.0 - (1.0 - rate) ** bits
    assert abs(airtime.corrupted_values - count * words) <= SIGMA * math.sqrt(count * words * (1 - words))
    assert airtime.corrupted_values == int((arrived != codes).sum())
    assert sum(caught.values()) == 0


def test_normal_values_in_single_precision() -> None:
    """N(0, 1) at p = 1e-3: 3.15 % of the words change, and 2.7e-4 are no longer finite: P(1 <= |x| < 2) p (1 - p)^7.

    phy.md 8 gives 2.4e-4 for the latter, which is 4.5 standard deviations below what 6 million values show.
    """
    count, rate = 6_000_000, 1e-3
    values = torch.randn(count, generator=torch.Generator().manual_seed(3))
    _, airtime, caught = sent(values, 32, rate, "off", "qpsk")
    between = 2.0 * float(np.diff(stats.norm.cdf([1.0, 2.0]))[0])
    expected = between * corruption.nonfinite_probability(rate, 8)
    deviation = math.sqrt(expected / count)
    assert abs(caught["nonfinite_values"] / count - expected) <= SIGMA * deviation
    assert caught["nonfinite_values"] / count > 2.4e-4 + 3.0 * deviation
    words = 1.0 - (1.0 - rate) ** 32
    assert words == pytest.approx(0.0315, rel=0.01)
    assert abs(airtime.corrupted_values / count - words) <= SIGMA * math.sqrt(words * (1 - words) / count)
