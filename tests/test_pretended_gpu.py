"""The pretended GPU is as strict as one."""

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor, nn

from edgesim.learn.ahead import moved
from tests.pretended_gpu import OnGpu, pretended_gpu

Act = Callable[[Tensor], object]

FORBIDDEN: dict[str, tuple[type[Exception], Act]] = {
    "adds what is on the CPU": (RuntimeError, lambda x: x + torch.ones(3)),
    "joins with what is on the CPU": (RuntimeError, lambda x: torch.cat([x, torch.ones(3)])),
    "gathers by numbers on the CPU": (RuntimeError, lambda x: x.gather(0, torch.tensor([1]))),
    "makes a tensor where it was not told to": (RuntimeError, lambda x: x * torch.arange(3)),
    "draws with a generator of the CPU": (RuntimeError, lambda x: torch.empty_like(x).normal_(generator=Generator())),
    "draws on the CPU with its generator": (RuntimeError, lambda x: torch.rand(3, generator=torch.Generator("cuda"))),
    "looks at its memory": (TypeError, lambda x: x.numpy()),
    "uses what only a CPU can": (NotImplementedError, lambda x: torch.histogram(x, 3)),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_a_gpu_refuses(what: str) -> None:
    error, act = FORBIDDEN[what]
    if error is NotImplementedError and torch.version.cuda is None:
        pytest.skip("this torch was built without CUDA, and does not know what a GPU can")
    with pretended_gpu(), pytest.raises(error):
        act(torch.ones(3, device="cuda"))


WAITING: dict[str, Act] = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x[0]),
    "if": lambda x: 1 if x[0] > 0 else 2,
    "list": lambda x: x.tolist(),
    "copy back": lambda x: x.cpu(),
    "to the CPU": lambda x: x.to("cpu"),
    "copy of a number there": lambda x: x.new_tensor(1.0),
    "made from a list": lambda x: torch.tensor([1.0], device="cuda"),
    "copy there": lambda x: torch.ones(3).to("cuda"),
    "places of a mask": lambda x: x[x > 0],
    "nonzero": lambda x: x.nonzero(),
    "places told by the CPU": lambda x: x[torch.tensor([0])],
}
GOING_ON: dict[str, Act] = {
    "sum": lambda x: x.sum(),
    "copy in turn": lambda x: moved(torch.ones(3), "cuda"),
    "made there": lambda x: x.new_full((), 1.0),
    "made there from shape and number": lambda x: torch.full((1,), 2, device="cuda"),
    "by a mask, in place": lambda x: x.masked_fill(x > 0, 0.0),
    "places told there": lambda x: x[torch.arange(2, device="cuda")],
    "of another type": lambda x: x.to(torch.float64),
    "where it is": lambda x: x.to("cuda"),
}


@pytest.mark.parametrize("what", [*WAITING, *GOING_ON])
def test_every_wait_is_counted(what: str) -> None:
    with pretended_gpu() as gpu:
        x = torch.ones(3, device="cuda")
        (WAITING | GOING_ON)[what](x)
        assert gpu.waits.total() == (what in WAITING)


def test_it_learns_what_a_cpu_learns() -> None:
    """A step of Adam on two layers, and a drawn mask: the same bits."""

    def learned(device: str) -> list[Tensor]:
        model = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 2))
        for number, weight in enumerate(model.parameters()):
            nn.init.constant_(weight, 0.1 * (number + 1))
        model = model.to(device)
        drawn = torch.rand(3, 4, generator=torch.Generator(device).manual_seed(5), device=device)
        optimiser = torch.optim.Adam(model.parameters(), fused=True)
        model(drawn).square().sum().backward()
        optimiser.step()
        assert {weight.device.type for weight in model.parameters()} == {device}
        return [weight.detach().cpu() for weight in model.parameters()]

    here = learned("cpu")
    with pretended_gpu():
        there = learned("cuda")
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))


def test_it_is_over_when_it_is_over() -> None:
    with pretended_gpu():
        assert isinstance(torch.ones(1, device="cuda"), OnGpu)
    assert torch.Generator is Generator
    assert type(torch.ones(1) + 1) is Tensor
