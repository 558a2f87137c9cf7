"""Optimisers follow their formulas."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from edgesim.learn import cargo
from edgesim.learn.optimisers.adam import Adam
from edgesim.learn.optimisers.adamw import AdamW
from edgesim.learn.optimisers.base import Optimiser
from edgesim.learn.optimisers.sgd import Sgd

LR, DECAY, EPS = 0.1, 0.3, 1e-3


def adam(w: Tensor, gradients: list[Tensor], *, decoupled: bool) -> Tensor:
    """Kingma and Ba, algorithm 1; Loshchilov and Hutter, algorithm 2."""
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for step, g in enumerate(gradients, 1):
        g = g if decoupled else g + DECAY * w
        w = w - LR * DECAY * w if decoupled else w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - LR * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + EPS)
    return w


def sgd(w: Tensor, gradients: list[Tensor]) -> Tensor:
    velocity = torch.zeros_like(w)
    for g in gradients:
        velocity = 0.5 * velocity + g + DECAY * w
        w = w - LR * velocity
    return w


@pytest.mark.parametrize(
    ("optimiser", "formula"),
    [
        (Adam(lr=LR, weight_decay=DECAY, eps=EPS), lambda w, g: adam(w, g, decoupled=False)),
        (AdamW(lr=LR, weight_decay=DECAY, eps=EPS), lambda w, g: adam(w, g, decoupled=True)),
        (Sgd(lr=LR, momentum=0.5, weight_decay=DECAY), sgd),
    ],
    ids=["adam", "adamw", "sgd"],
)
def test_formula(optimiser: Optimiser, formula: Callable[[Tensor, list[Tensor]], Tensor]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(37, generator=generator)
    gradients = [torch.randn(37, generator=generator) for _ in range(4)]
    weight = Parameter(start.clone())
    made = optimiser.make(iter([weight]))
    for gradient in gradients:
        weight.grad = gradient.clone()
        made.step()
    wanted = formula(start.double(), [gradient.double() for gradient in gradients])
    torch.testing.assert_close(weight.detach().double(), wanted, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [Adam, AdamW, Sgd])
def test_refusals(kind: type[Adam] | type[AdamW] | type[Sgd]) -> None:
    for lr in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="lr must be above 0"):
            kind(lr=lr)
    with pytest.raises(ValueError, match="weight_decay must be at least 0"):
        kind(weight_decay=-0.1)


def test_sgd_refusals() -> None:
    with pytest.raises(ValueError, match="momentum must be in"):
        Sgd(momentum=1.0)
    with pytest.raises(ValueError, match="nesterov needs momentum"):
        Sgd(momentum=0.0, nesterov=True)
    assert Sgd(nesterov=True).make([Parameter(torch.zeros(1))]).defaults["nesterov"]


@pytest.mark.parametrize("kind", [Adam, AdamW, Sgd])
def test_one_kernel_per_tensor_on_a_cpu(kind: type[Adam] | type[AdamW] | type[Sgd]) -> None:
    assert kind().make([Parameter(torch.zeros(1))]).defaults["fused"] is True


@pytest.mark.parametrize("optimiser", [Adam(), AdamW(), Sgd(), Sgd(momentum=0.0)], ids=["adam", "adamw", "sgd", "plain sgd"])
def test_the_stated_moments_are_what_a_step_leaves(optimiser: Optimiser) -> None:
    weight = Parameter(torch.zeros(37))
    weight.grad = torch.ones(37)
    made = optimiser.make([weight])
    made.step()
    kept = [value for value in made.state[weight].values() if isinstance(value, Tensor) and value.numel() == 37]
    assert optimiser.moments == len(kept)
    assert cargo.moments(optimiser, 1000) == 1000 * len(kept) + 1


def test_the_moments_of_a_stranger_are_found_by_a_step() -> None:
    class Stranger(Optimiser):
        def make(self, parameters: Iterable[Parameter]) -> torch.optim.Optimizer:
            return torch.optim.RMSprop(parameters, momentum=0.5, centered=True)

    assert cargo.moments(Stranger(), 10) == 31
