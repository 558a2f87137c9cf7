"""What the air does to tensors, entry by entry."""

import numpy as np
import pytest
import torch

from channels import AWGN, Draws
from edgesim.errors import RunError
from edgesim.learn.air import AnalogAir, ErasingAir, FlippingAir
from edgesim.wire import Below, Field, Manifest, Payload, Subset

VALUES = Field("values", (2, 3), 32, "values", analog=True)
CODES = Field("values", (2, 3), 4, "values")


def payload(item: Field, tensor: torch.Tensor) -> Payload:
    return Payload(Manifest((item,)), {"values": tensor})


def reals() -> torch.Tensor:
    return torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]])


def mask(*places: int) -> dict[str, np.ndarray]:
    return {"values": np.isin(np.arange(6), places)}


def test_nothing_harmed_is_nothing_changed() -> None:
    sent = payload(VALUES, reals())
    for air in (ErasingAir("zero"), FlippingAir("clamp"), AnalogAir(AWGN(snr_db=0.0), "mmse", 1)):
        assert air(sent, None, 1) is sent


def test_missing_values_become_zero_or_the_last_one() -> None:
    before = reals()
    zero = ErasingAir("zero")
    assert zero(payload(VALUES, before), mask(1, 3), 1).tensors["values"].tolist() == [[1.0, 0.0, 3.0], [0.0, 0.25, -1.0]]
    assert zero.caught == {"erased_values": 2}
    last = ErasingAir("last")
    filled = last(payload(VALUES, before), mask(0, 2, 3), 1).tensors["values"]
    assert filled.tolist() == [[0.0, -2.0, -2.0], [-2.0, 0.25, -1.0]]
    assert torch.equal(before, reals())  # what was sent stays what it was


def test_missing_codes_become_the_middle_one() -> None:
    codes = torch.tensor([[15, 0, 3], [4, 5, 6]], dtype=torch.int32)
    assert ErasingAir("zero")(payload(CODES, codes), mask(0, 5), 1).tensors["values"].tolist() == [[8, 0, 3], [4, 5, 8]]


def test_a_lost_entry_takes_all_that_is_coded_with_it() -> None:
    joint = Field("values", (2,), 96, "values")
    filled = ErasingAir("zero")(payload(joint, reals()), {"values": np.array([False, True])}, 1).tensors["values"]
    assert filled.tolist() == [[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]]


def test_bits_are_counted_from_the_sign() -> None:
    """Bit 0 of a float32 is its sign, bit 1 the highest of its exponent: 0.5 has exponent 126, so 0.5 -> 2^127."""
    off = FlippingAir("off")
    wrong = off(payload(VALUES, reals()), {"values": np.array([0, 3 * 32 + 1])}, 1).tensors["values"]
    assert wrong[0, 0] == -1.0
    assert wrong[1, 0] == 2.0**127
    assert off.caught == {"nonfinite_values": 0, "clamped_values": 1}
    codes = torch.tensor([[15, 0, 3], [4, 5, 6]], dtype=torch.int32)
    wrong = off(payload(CODES, codes), {"values": np.array([0, 2, 7])}, 1).tensors["values"]
    assert wrong.tolist() == [[5, 1, 3], [4, 5, 6]]  # 15 loses 8 and 2, 0 gains 1


@pytest.mark.parametrize(("guard", "expected"), [("clamp", 3.0), ("zero", 0.0)])
def test_guards_keep_values_in_the_announced_range(guard: str, expected: float) -> None:
    air = FlippingAir(guard)
    infinite = {"values": np.array([1])}  # 1.0 has exponent 127: its highest bit makes it 255, infinity
    assert air(payload(VALUES, reals()), infinite, 1).tensors["values"][0, 0] == expected
    assert air.caught == {"nonfinite_values": 1, "clamped_values": 0}
    large = {"values": np.array([3 * 32 + 1])}
    assert air(payload(VALUES, reals()), large, 2).tensors["values"][1, 0] == expected
    assert air.caught == {"nonfinite_values": 1, "clamped_values": 1}


def test_the_strict_guard_stops_the_run() -> None:
    with pytest.raises(RunError, match="not finite"):
        FlippingAir("raise")(payload(VALUES, reals()), {"values": np.array([1])}, 1)


def test_jointly_coded_fields_cannot_have_single_wrong_bits() -> None:
    joint = Field("values", (2,), 20, "side")
    with pytest.raises(RunError, match="protect_side"):  # neither numbers nor sets
        FlippingAir("off")(payload(joint, torch.ones(2, 3, dtype=torch.int64)), {"values": np.array([1])}, 1)


def test_sets_lose_bits_on_their_own_wire() -> None:
    """{1, 4} of five, the bitmap 01001: without bit 1 it is 4 and the first other, 0; with bit 0 too it is 0 and 1."""
    bitmap = Field("values", (1,), 5, "side", form=Subset(5, 2))
    sets = torch.tensor([[1, 4]])
    for place, expected in ((1, [0, 4]), (0, [0, 1])):
        wrong = FlippingAir("off")(payload(bitmap, sets), {"values": np.array([place])}, 1).tensors["values"]
        assert wrong.tolist() == [expected]
    number = Field("values", (1,), 4, "side", form=Subset(5, 2))  # 7 of ten, 0111
    wrong = FlippingAir("off")(payload(number, sets), {"values": np.array([1])}, 1).tensors["values"]
    assert wrong.tolist() == [[0, 3]]  # 3 = binom(0, 1) + binom(3, 2)


def test_numbers_stay_below_their_bound() -> None:
    """Of 10 classes: 0 without its highest bit right is 8; 2 becomes 10, which is read as 9."""
    labels = Field("values", (2,), 4, "labels", form=Below(10))
    wrong = FlippingAir("off")(payload(labels, torch.tensor([0, 2])), {"values": np.array([0, 4])}, 1).tensors["values"]
    assert wrong.tolist() == [8, 9]


@pytest.mark.parametrize(("fill", "expected"), [("zero", [[0, 1], [2, 3], [0, 1]]), ("last", [[0, 1], [2, 3], [2, 3]])])
def test_a_lost_set_is_one_that_there_is(fill: str, expected: list[list[int]]) -> None:
    sets = Field("values", (3,), 4, "side", form=Subset(4, 2))
    sent = torch.tensor([[1, 2], [2, 3], [1, 3]])
    filled = ErasingAir(fill)(payload(sets, sent), {"values": np.array([True, False, True])}, 1)  # type: ignore[arg-type]
    assert filled.tensors["values"].tolist() == expected


def test_lost_bits_are_0() -> None:
    bits = Field("values", (4,), 1, "values")
    sent = torch.ones(4, dtype=torch.uint8)
    filled = ErasingAir("zero")(payload(bits, sent), {"values": np.array([True, False, False, True])}, 1).tensors["values"]
    assert filled.tolist() == [0, 1, 1, 0]
    assert filled.dtype == torch.uint8


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_values_of_a_silent_block_are_zero(equaliser: str) -> None:
    """Truncated inversion: a block of SNR 0 carried nothing."""
    draws = Draws(np.ones(2), np.array([1e12, 0.0]), np.ones(2))
    item = Field("values", (200,), 32, "values", analog=True)
    sent = torch.randn(200, generator=torch.Generator().manual_seed(0))
    received = AnalogAir(AWGN(snr_db=0.0), equaliser, 1)(payload(item, sent), draws, 1)
    assert received.missing["values"].tolist() == [False] * 100 + [True] * 100
    arrived = received.tensors["values"]
    assert torch.allclose(arrived[:100], sent[:100], atol=1e-4)
    assert not arrived[100:].any()


def test_a_missing_value_gets_no_gradient() -> None:
    """y = x where it arrived, a constant elsewhere: dy/dx is 1 and 0. A constant put before a normalisation would explode."""
    from edgesim.codecs.base import Cut
    from edgesim.codecs.exchange import Exchange
    from edgesim.codecs.identity import Identity
    from edgesim.wire import Smashed

    cut = Cut((2, 3), classes=2)
    exchange = Exchange(cut, Identity(cut), Identity(Cut(cut.item)))
    sent = exchange.send_up(Smashed(torch.ones(1, 2, 3), torch.tensor([1])), torch.Generator())
    arrived = ErasingAir("zero")(sent.departed(), mask(1, 5), 1)
    wire, smashed = exchange.receive_up(arrived)
    torch.autograd.backward(smashed.x.sum())
    assert wire.grad is not None
    assert wire.grad.flatten().tolist() == [1.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    assert smashed.x.detach().flatten().tolist() == [1.0, 0.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_cannot_be_sent_as_a_symbol(wrong: float) -> None:
    x = reals()
    x[0, 1] = wrong
    with pytest.raises(RunError, match="values holds a value that is not finite"):
        AnalogAir(AWGN(snr_db=0.0), "mmse", 1)(payload(VALUES, x), AWGN(snr_db=0.0).draws(0.0, 1, 0), 1)


@pytest.mark.parametrize("size", [1e-28, 1e-20, 1.0, 1e19, 1e37])
def test_messages_of_any_power_are_normalised(size: float) -> None:
    """Squares of tiny and huge values are no float32 numbers; the error still is that of unit power."""
    item = Field("values", (100, 200), 32, "values", analog=True)
    x = torch.randn(100, 200, generator=torch.Generator().manual_seed(1))
    channel = AWGN(snr_db=10.0)
    arrived = AnalogAir(channel, "zf", 1)(payload(item, x * size), channel.draws(0.0, 1, 0), 1).tensors["values"]
    error = (arrived.double() / size - x.double()).square().mean()
    assert float(error) == pytest.approx(0.1, rel=4.5 * (2.0 / 20_000) ** 0.5 + 0.02)


def test_a_message_of_zeros_stays_next_to_nothing() -> None:
    channel = AWGN(snr_db=10.0)
    arrived = AnalogAir(channel, "zf", 1)(payload(VALUES, torch.zeros(2, 3)), channel.draws(0.0, 1, 0), 1).tensors["values"]
    assert float(arrived.abs().max()) < 1e-28
