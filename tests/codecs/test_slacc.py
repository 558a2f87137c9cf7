"""SL-ACC: entropies against closed forms, widths by group, and messages of the size asked for."""

import math

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.slacc import SLACC, channel_entropies
from edgesim.wire import Payload, Smashed

CUT = Cut((9, 16))
X = torch.randn(8, 9, 16, generator=Generator().manual_seed(0)) * torch.logspace(-2, 0, 16)


def sent(codec: SLACC, x: Tensor, seed: int = 0) -> Payload:
    return codec.encode(Smashed(x), Generator().manual_seed(seed))


def test_golden_message() -> None:
    """DeiT-T, B = 64, 4 bits a value: 767 bits for each of 12 608 tokens; 192 2 + 4 (4 + 64) beside it."""
    manifest = SLACC(Cut((197, 192), classes=100), xi=0.125).manifest(64)
    assert manifest.by_role == {"values": 12_608 * 767, "side": 192 * 2 + 4 * 68, "labels": 64 * 7, "model": 0}


def test_histogram_entropies() -> None:
    """A constant tells nothing; two values evenly, 1 bit; 256 values evenly over the range, 8 bits."""
    even = torch.arange(256.0)
    x = torch.stack([torch.full((256,), 100.0), (even % 2) * 200.0, even], 1)
    torch.testing.assert_close(channel_entropies(x, "histogram"), torch.tensor([0.0, 1.0, 8.0]))


def test_softmax_entropies() -> None:
    """log2 M of a constant; two values a and b evenly: softmax shares 2 e^a / (M (e^a + e^b)) and so on, in closed form."""
    rows = 64
    x = torch.stack([torch.full((rows,), 0.5), (torch.arange(rows) % 2).float()], 1)
    high = 1.0 / (1.0 + math.exp(-1.0 / float(x.std(correction=0))))
    second = math.log2(rows / 2) - high * math.log2(high) - (1 - high) * math.log2(1 - high)
    torch.testing.assert_close(channel_entropies(x, "softmax"), torch.tensor([math.log2(rows), second]))


def test_without_a_target_widths_run_from_least_to_most() -> None:
    codec = SLACC(CUT, bits_min=2, bits_max=8, groups=4)
    payload = sent(codec, X)
    widths, groups = payload.tensors["widths"], payload.tensors["groups"]
    assert not codec.fixed_size
    assert int(widths.min()) == 2
    assert int(widths.max()) == 8
    entropies = channel_entropies(X.reshape(-1, 16), "histogram")
    means = torch.stack([entropies[groups == group].mean() for group in range(4)])
    place = (means - means.min()) / (means.max() - means.min())
    assert torch.equal(widths, (2 + 6 * place).round().long())
    assert payload.manifest.fields[0].bits == 72 * int(widths[groups].sum())
    assert payload.manifest.bits <= codec.manifest(8).bits


def test_groups_are_intervals_of_entropy() -> None:
    """k-means in one dimension: no channel of one group lies between two of another."""
    payload = sent(SLACC(CUT, xi=0.2), X)
    order = channel_entropies(X.reshape(-1, 16), "histogram").argsort()
    changes = int((payload.tensors["groups"][order].diff() != 0).sum())
    assert changes == len(payload.tensors["groups"].unique()) - 1


@pytest.mark.parametrize("xi", [0.01, 0.05, 0.1, 0.25, 0.5])
def test_the_target_is_kept_to(xi: float) -> None:
    codec = SLACC(Cut((197, 192)), xi=xi)
    assert codec.ratios(64).paper_up <= xi
    assert codec.ratios(64).paper_up == pytest.approx(min(xi, 15 / 32), rel=0.15 if xi == 0.01 else 0.02)


def test_error_is_at_most_half_a_step_of_the_group() -> None:
    codec = SLACC(CUT, xi=0.25)
    payload = sent(codec, X)
    widths, ranges, groups = (payload.tensors[name] for name in ("widths", "ranges", "groups"))
    step = (ranges[:, 1] - ranges[:, 0]) / (2.0**widths - 1).clamp_min(1.0)
    error = (codec.receive(payload) - X).abs().amax((0, 1))
    quantised = widths[groups] > 0
    assert (error[quantised] <= 0.501 * step[groups][quantised]).all()


def test_groups_without_bits_send_their_mean() -> None:
    codec = SLACC(CUT, xi=0.6 / 32, groups=2)
    payload = codec.encode(Smashed((X + 5.0).repeat(20, 1, 1)), Generator().manual_seed(0))
    widths, groups = payload.tensors["widths"], payload.tensors["groups"]
    silent = widths[groups] == 0
    assert silent.any()
    received = codec.receive(payload)[..., silent]
    torch.testing.assert_close(received, (X + 5.0)[..., silent].mean().expand_as(received), rtol=1e-4, atol=0.0)


def test_memory_blends_entropies_in_training_only() -> None:
    codec, other = SLACC(CUT, xi=0.2, memory=0.25), X.flip(-1)
    first, second = (channel_entropies(x.reshape(-1, 16), "histogram") for x in (X, other))
    sent(codec, X)
    torch.testing.assert_close(codec.history, first)
    sent(codec, other)
    torch.testing.assert_close(codec.history, 0.25 * first + 0.75 * second)
    before = codec.history.clone()
    sent(codec.eval(), X)
    assert torch.equal(codec.history, before)


def test_constant_and_tiny_data() -> None:
    codec = SLACC(CUT, xi=0.2)
    flat = torch.full((8, 9, 16), 1.5)
    assert torch.equal(codec.decode(sent(codec, flat).departed()).x, flat)
    even = torch.randn(8, 9, 16, generator=Generator().manual_seed(1)) * 1e-9
    codec = SLACC(CUT, xi=0.25)
    assert float((codec.decode(sent(codec, even)).x - even).norm() / even.norm()) < 0.1


def test_gradients_pass_straight_through() -> None:
    x = X.clone().requires_grad_()
    payload = sent(SLACC(CUT, xi=0.1), x)
    assert payload.handle is not None
    y = torch.randn(X.shape, generator=Generator().manual_seed(1))
    [gradient] = torch.autograd.grad(payload.handle, x, y)
    assert torch.equal(gradient, y)


def test_impossible_knobs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"xi must be at least 0\.002"):
        SLACC(CUT, xi=0.001)
    with pytest.raises(ValueError, match="bits_min must be at most bits_max, got 9 and 8"):
        SLACC(CUT, bits_min=9)
