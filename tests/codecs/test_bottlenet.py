"""BottleNet: golden widths, the networks by their formulas, simulated noise and erasures against their moments."""

from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.bottlenet import BottleNet
from edgesim.learn.halves import parameters_of, state_of
from edgesim.wire import Payload, Smashed

TINY, SMALL = Cut((197, 192)), Cut((197, 384))
SQUARE = Cut((17, 24))
CONV: dict[str, Any] = {"xi": 0.25, "variant": "conv"}


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


def encoded(codec: BottleNet, x: Tensor, seed: int = 0) -> Payload:
    return codec.encode(Smashed(x), Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("cut", "widths"), [(TINY, (2, 10, 19, 38, 58, 77, 96)), (SMALL, (4, 19, 38, 77, 115, 154, 192))], ids=["tiny", "small"]
)
def test_golden_widths(cut: Cut, widths: tuple[int, ...]) -> None:
    """compression.md 2.3 (a)."""
    codecs = [BottleNet(cut, xi=xi) for xi in (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)]
    assert tuple(codec.item[1] for codec in codecs) == widths
    assert codecs[2].manifest(128).by_role["values"] == 128 * 197 * widths[2] * 32
    assert codecs[2].ratios(128) == (widths[2] / cut.item[1], widths[2] / cut.item[1], 0.1, 0.1)


def test_the_mlp_is_two_layers_a_side() -> None:
    codec, x = BottleNet(SQUARE, xi=0.25), normal(3, 17, 24)
    a, b, c, d, *rest = [parameter.detach() for parameter in codec.client.parameters()]
    assert not rest
    assert (a.shape, c.shape) == ((15, 24), (6, 15))  # floor((24 + 6) / 2) between
    payload = encoded(codec, x)
    assert payload.handle is not None
    narrow = (x @ a.t() + b).clamp(min=0.0) @ c.t() + d
    torch.testing.assert_close(payload.handle.detach(), narrow)
    a, b, c, d = (parameter.detach() for parameter in codec.server.parameters())
    wide = ((narrow @ a.t() + b).clamp(min=0.0) @ c.t() + d).clamp(min=0.0)
    torch.testing.assert_close(codec.decode(payload).x.detach(), wide)


def test_relu_at_the_end_is_a_choice() -> None:
    x = normal(4, 17, 24)
    for knobs in ({"xi": 0.25}, CONV):
        codecs = [BottleNet(SQUARE, **knobs, output=output) for output in ("relu", "none")]
        relu, none = (codec.decode(encoded(codec, x)).x.detach()[:, 1:] for codec in codecs)
        assert float(none.min()) < 0.0
        torch.testing.assert_close(relu, none.clamp(min=0.0))


@pytest.mark.parametrize(("halve", "item"), [(False, (197, 48)), (True, (50, 189))])
def test_convolutions_keep_the_ratio(halve: bool, item: tuple[int, int]) -> None:
    """Halved, 14 x 14 tokens become 7 x 7, and as many values are sent in wider ones: 9450 and 9456 of 37 824."""
    codec = BottleNet(TINY, xi=0.25, variant="conv", halve=halve)
    assert codec.item == item
    assert codec.ratios(128).paper_up == item[0] * item[1] / 37_824
    x = normal(2, 197, 192)
    payload = encoded(codec, x)
    assert payload.handle is not None
    assert payload.handle.shape == (2, *item)
    low, high = torch.aminmax(payload.handle.detach())
    assert 0.0 < low < high < 1.0
    assert codec.decode(payload).x.shape == x.shape


def test_a_patch_stays_where_it_was() -> None:
    """2 x 2 blocks with stride 2 do not overlap: the gradient of one narrow token touches four patches of a row of s."""
    codec = BottleNet(SQUARE, **CONV, halve=True).eval()
    x = normal(1, 17, 24).requires_grad_()
    payload = encoded(codec, x)
    assert payload.handle is not None
    torch.autograd.backward(payload.handle[0, 1 + 1].sum())  # block in row 0, column 1 of 2 x 2
    assert x.grad is not None
    assert x.grad[0].abs().sum(1).nonzero().flatten().tolist() == [1 + 2, 1 + 3, 1 + 6, 1 + 7]


def test_the_encoder_sees_the_noise_level() -> None:
    codec, x = BottleNet(SQUARE, **CONV, noise=2.0).eval(), normal(2, 17, 24)
    assert codec.manifest(2).by_role["side"] == 32
    payloads = [encoded(codec, x, seed) for seed in (0, 0, 1)]
    assert torch.equal(payloads[0].tensors["values"], payloads[1].tensors["values"])
    assert not torch.equal(payloads[0].tensors["values"][:, 1:], payloads[2].tensors["values"][:, 1:])


def test_awgn_has_a_uniform_level() -> None:
    """Level U(0, 0.6), so the noise has variance E[U^2] = 0.6^2 / 3 over many messages, and mean 0."""
    codec, x = BottleNet(SQUARE, **CONV, noise=0.6), normal(4, 17, 24)
    payloads = [encoded(codec, x, seed) for seed in range(400)]
    noise = torch.stack([codec.receive(payload) - payload.tensors["values"] for payload in payloads])
    variances = noise.square().mean((1, 2, 3))
    # U^2 has mean 1/3 and variance 1/5 - 1/9, of a message's 408 values the estimate adds 2/408 E[U^4]
    sigma = 0.36 * ((4 / 45 + 2 / 408 / 5) / 400) ** 0.5
    assert abs(float(variances.mean()) - 0.12) < 4.5 * sigma
    assert abs(float(noise.mean())) < 4.5 * (0.12 / noise.numel()) ** 0.5
    assert float(variances.max()) < 0.36 * 1.4


def test_codes_arrive_on_their_grid() -> None:
    codec, x = BottleNet(SQUARE, **CONV, air="erasure"), normal(2, 17, 24)
    payload = encoded(codec, x)
    assert payload.handle is not None
    assert payload.tensors["values"].dtype == torch.uint8
    assert codec.manifest(2).by_role["values"] == 2 * 17 * 6 * 8
    assert codec.ratios(2) == (0.0625, 0.25, 0.0625, 0.25)
    assert float((codec.receive(payload) - payload.handle.detach()).abs().max()) <= 0.5 / 255 + 1e-6


def test_the_simulated_air_is_the_same_for_whoever_receives() -> None:
    for air in ("awgn", "erasure"):
        codec = BottleNet(SQUARE, **CONV, air=air, noise=0.5)
        payload = encoded(codec, normal(2, 17, 24))
        assert torch.equal(codec.receive(payload), codec.receive(payload.departed()))
        assert not torch.equal(codec.receive(payload), payload.tensors["values"])


def test_each_side_learns_its_own_end() -> None:
    codec = BottleNet(SQUARE, xi=0.25)
    widths = 24 * 15 + 15 + 15 * 6 + 6  # d h + h + h d' + d'
    assert sum(parameter.numel() for parameter in parameters_of(codec, "client")) == widths
    assert len(parameters_of(codec, "client")) + len(parameters_of(codec, "server")) == len(list(codec.parameters()))
    assert {*state_of(codec, "client"), *state_of(codec, "server")} == set(codec.state_dict())


@pytest.mark.parametrize("knobs", [{"xi": 0.25}, CONV, {**CONV, "halve": True}], ids=["mlp", "conv", "halved"])
def test_initial_weights_follow_from_the_seed(knobs: dict[str, Any]) -> None:
    """Uniform within 1/sqrt(fan in); the global stream is not touched."""
    before = torch.get_rng_state()
    once, again, other = (BottleNet(SQUARE, **knobs, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in once.state_dict().items())
    assert not all(torch.equal(value, other.state_dict()[name]) for name, value in once.state_dict().items())
    for name, weight in once.named_parameters():
        if weight.dim() > 1:
            spread = float(weight.detach().abs().max()) * weight[0].numel() ** 0.5
            assert 0.9 < spread <= 1.0 + 1e-6, name


def test_flops_count_the_products() -> None:
    """2 FLOPs a product, three times for forward and both gradients."""
    encode, decode = BottleNet(TINY, xi=0.1).flops(2)
    assert encode == decode == 3 * 2 * 2 * 197 * (192 * 105 + 105 * 19)
    encode, decode = BottleNet(TINY, xi=0.25, variant="conv").flops(2)
    assert encode == 3 * 2 * 2 * (196 * 9 * 193 * 48 + 192 * 48)
    assert decode == 3 * 2 * 2 * (196 * 9 * 192 * 48 + 192 * 48)


@pytest.mark.parametrize(
    ("cut", "knobs", "message"),
    [
        (SQUARE, {"xi": 0.01}, "at least one value a token"),
        (SQUARE, {"xi": 0.0}, r"xi must lie in \(0, 1\]"),
        (SQUARE, {"xi": 0.5, "noise": 0.1}, "belong to variant=conv"),
        (SQUARE, {"xi": 0.5, "halve": True}, "belong to variant=conv"),
        (SQUARE, {**CONV, "layers": 2}, "layers belongs to variant=mlp"),
        (SQUARE, {**CONV, "air": "erasure", "noise": 1.5}, r"noise must lie in \[0, 1\]"),
        (SQUARE, {"xi": 0.5, "output": "tanh"}, "output must be one of relu, none"),
        (Cut((18, 24)), CONV, "a square of patch tokens"),
        (Cut((10, 24)), {**CONV, "halve": True}, "even number of patch tokens"),
        (Cut((30,)), {"xi": 0.5}, r"rows of \(tokens, width\)"),
    ],
)
def test_impossible_knobs_are_refused(cut: Cut, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BottleNet(cut, **knobs)
