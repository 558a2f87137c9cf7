"""Parts that compute in 16 bits between float32 ends, and lose no gradient for it."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor
from torch.nn import Linear, Parameter

from edgesim.learn.data.digits import Digits
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.models.vit import Vit
from edgesim.learn.precision import Precision

PICTURES = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def parts(precision: str) -> tuple[ClientPart, ServerPart]:
    return Vit(name="tiny_digits", cut=2, precision=precision).build(Digits().facts(), 0, "cpu")


def gradients(part: torch.nn.Module) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in part.named_parameters() if weight.grad is not None}


def distance(one: Tensor, other: Tensor) -> float:
    """Relative, over the whole tensor."""
    return float((one.double() - other.double()).norm() / other.double().norm())


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1.0, 1e6], ids="{:.0e}".format)
def test_gradients_of_any_size_pass_a_part_in_float16(size: float) -> None:
    """float16 ends at 6e-8 and at 65504. A relative error of 2^-11 a product, over some 20 of them: 1 % is far enough."""
    (exact, _), (half, _) = parts("float32"), parts("float16")
    z, reference = half(PICTURES)[0], exact(PICTURES)[0]
    assert z.dtype == torch.float32
    assert 0.0 < distance(z.detach(), reference.detach()) < 0.01
    answer = size * torch.randn(z.shape, generator=torch.Generator().manual_seed(1))
    seen: list[Tensor] = []
    z.register_hook(seen.append)
    torch.autograd.backward(z, answer)
    torch.autograd.backward(reference, answer)
    assert torch.equal(seen[0], answer)  # what is measured at the cut is the gradient, not a multiple of it
    found, wanted = gradients(half), gradients(exact)
    assert found.keys() == wanted.keys()
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        assert distance(gradient, wanted[name]) < 0.01, name


def test_two_groups_of_rows_share_one_scale() -> None:
    """Arrivals of different sizes go through the server one after the other, and come back in one pass."""
    (_, exact), (_, half) = parts("float32"), parts("float16")
    arrived = [torch.randn(4, tokens, 48, generator=torch.Generator().manual_seed(tokens)) for tokens in (17, 5)]
    found = []
    for part in (exact, half):
        wires = [each.clone().requires_grad_() for each in arrived]
        loss = sum(weight * part(wire).square().mean() for weight, wire in zip((1e-9, 1.0), wires, strict=True))
        assert isinstance(loss, Tensor)
        torch.autograd.backward(loss)
        found.append([wires[1].grad, *gradients(part).values()])
    for one, other in zip(found[1], found[0], strict=True):
        assert one is not None
        assert other is not None
        assert distance(one, other) < 0.02


def test_the_head_of_a_u_shaped_model_is_left_alone() -> None:
    _, server = parts("float16")
    tokens = torch.randn(4, 17, 48, generator=torch.Generator().manual_seed(2)).requires_grad_()
    features = server.features(tokens)
    torch.autograd.backward(features, torch.full_like(features, 1e-9))
    received = features.detach().requires_grad_()
    torch.autograd.backward(server.head(received).sum())
    [weight] = [each for each in server.head.parameters() if each.dim() == 2]
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, received.detach().sum(0).expand_as(weight))


def test_scaling_is_exact() -> None:
    """In float32 a power of two changes no digit: gradients are equal to the last bit."""
    precision, layer = Precision("float16"), Linear(3, 2)
    plain = deepcopy(layer)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(3))
    given, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    answer = torch.full((5, 2), 3e-7)
    torch.autograd.backward(precision.leaves(layer(precision.enters(given, layer.parameters()))), answer)
    torch.autograd.backward(plain(other), answer)
    assert given.grad is not None
    assert other.grad is not None
    assert torch.equal(given.grad, other.grad)
    for mine, theirs in zip(layer.parameters(), plain.parameters(), strict=True):
        assert torch.equal(_grad(mine), _grad(theirs))


def _grad(parameter: Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def test_a_copy_scales_its_own_weights() -> None:
    first, _ = parts("float16")
    first(PICTURES)
    second = deepcopy(first)
    for part in (first, second):
        z = part(PICTURES)[0]
        torch.autograd.backward(z, torch.full_like(z, 1e-10))
    for name, gradient in gradients(second).items():
        assert torch.equal(gradient, gradients(first)[name])
        assert float(gradient.abs().max()) < 1e-6


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_nothing_is_hooked_without_float16(precision: str) -> None:
    client, _ = parts(precision)
    z = client(PICTURES)[0]
    assert z.dtype == torch.float32
    assert not any(weight._backward_hooks for weight in client.parameters())


def test_a_gradient_of_nothing_is_nothing() -> None:
    client, _ = parts("float16")
    z = client(PICTURES)[0]
    torch.autograd.backward(z, torch.zeros_like(z))
    assert all(not bool(gradient.any()) for gradient in gradients(client).values())
