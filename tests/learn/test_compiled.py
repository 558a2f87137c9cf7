"""Compiled blocks compute what they computed before."""

import shutil
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from edgesim.errors import NotFoundError
from edgesim.learn.compiled import check_compiler, compile_blocks
from edgesim.learn.data.digits import Digits
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.models.vit import Vit

# torch looks at tensors while it traces, and warns itself
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
PICTURES = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def parts() -> tuple[ClientPart, ServerPart]:
    return Vit(name="tiny_digits", cut=2).build(Digits().facts(), 0, "cpu")


def learned(client: ClientPart, server: ServerPart) -> list[Tensor]:
    """The activations, attention, logits and gradients of one step."""
    client.with_attention = True
    z, attention = client(PICTURES)
    assert attention is not None
    logits = server(z)
    torch.autograd.backward(logits.square().mean())
    weights = [*client.parameters(), *server.parameters()]
    return [z.detach(), attention, logits.detach(), *(weight.grad for weight in weights if weight.grad is not None)]


@pytest.mark.parametrize(
    "backend",
    [
        "eager",
        pytest.param(
            "inductor",
            marks=[pytest.mark.slow, pytest.mark.skipif(not shutil.which("g++"), reason="no g++ to compile with")],
        ),
    ],
)
def test_a_step_is_the_same(backend: str) -> None:
    plain, mine = parts(), parts()
    names = [list(part.state_dict()) for part in mine]
    compile_blocks([*mine[0].blocks[:-1], *mine[1].blocks], backend=backend)
    wanted, found = learned(*plain), learned(*mine)
    assert len(wanted) == len(found)
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-4)
    assert [list(part.state_dict()) for part in mine] == names


def test_a_copy_computes_with_its_own_weights_and_a_block_is_heard() -> None:
    client, _ = parts()
    compile_blocks(client.blocks, backend="eager")
    other = deepcopy(client)
    with torch.no_grad():
        for weight in other.blocks[0].parameters():
            weight.zero_()
    seen: list[Tensor] = []
    client.blocks[0].register_forward_hook(lambda _block, _given, output: seen.append(output))
    with torch.no_grad():
        assert not torch.equal(client(PICTURES)[0], other(PICTURES)[0])
    assert len(seen) == 1


def test_a_host_without_a_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NotFoundError, match=r"needs a C\+\+ compiler \(no-such-compiler\)"):
        check_compiler("cpu")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotFoundError, match="needs the package triton"):
        check_compiler("cuda")
