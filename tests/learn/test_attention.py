"""The attention row beside the model equals the row of the explicit attention matrix, and the model does not notice."""

import pytest
import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import ParallelScalingBlock, VisionTransformer
from torch import Tensor, nn

from edgesim.errors import RunError
from edgesim.learn.attention import class_token_row, matrix, rollout, watched
from edgesim.learn.data.base import Facts
from edgesim.learn.models.vit import Vit

COLOUR = Facts(10, 10, 7, 3, 32, (0.5,) * 3, (0.25,) * 3, tuple("abcdefg"))


def explicit_row(block: nn.Module, x: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d_h)) in full, then the class token's row and the mean over heads."""
    attention = block.attn
    batch, tokens, _ = x.shape
    qkv = attention.qkv(block.norm1(x)).reshape(batch, tokens, 3, attention.num_heads, attention.head_dim)
    q, k, _ = qkv.permute(2, 0, 3, 1, 4)  # [B, H, n, d_h]
    q, k = attention.q_norm(q), attention.k_norm(k)
    matrix = (q @ k.transpose(-2, -1) / attention.head_dim**0.5).softmax(-1)  # [B, H, n, n]
    return matrix[:, :, 0].mean(1)


@pytest.mark.parametrize("name", ["tiny_digits", "deit_tiny_patch16_224"])
def test_row_is_that_of_the_full_matrix_and_output_is_untouched(name: str) -> None:
    model = Vit(name=name, cut=2, image_size=8 if name == "tiny_digits" else 32)
    client, _ = model.build(COLOUR, 3, "cpu")
    images = torch.randn(5, 3, model.view(COLOUR).image_size, model.view(COLOUR).image_size)
    plain, nothing = client(images)
    assert nothing is None
    client.with_attention = True
    z, row = client(images)
    assert torch.equal(z, plain)
    seen: list[Tensor] = []
    tap = client.vit.blocks[-1].register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    client(images)
    tap.remove()
    torch.testing.assert_close(row, explicit_row(client.vit.blocks[-1], seen[0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(row.sum(1), torch.ones(5))
    assert not row.requires_grad
    assert z.requires_grad


def test_query_and_key_norms_are_respected() -> None:
    torch.manual_seed(0)
    attention = Attention(24, num_heads=3, qk_norm=True, norm_layer=nn.LayerNorm)
    for parameter in attention.parameters():
        nn.init.normal_(parameter, std=0.5)
    block = nn.ModuleDict({"norm1": nn.Identity(), "attn": attention})
    block.norm1, block.attn = block["norm1"], block["attn"]
    x = torch.randn(4, 6, 24)
    torch.testing.assert_close(class_token_row(attention, attention.qkv(x)), explicit_row(block, x), atol=1e-6, rtol=0)


def test_fused_attention_stays_on() -> None:
    client, server = Vit(name="tiny_digits", cut=2).build(COLOUR, 0, "cpu")
    client.with_attention = True
    assert all(block.attn.fused_attn for block in [*client.vit.blocks, *server.vit.blocks])


def test_row_is_float32_under_mixed_precision_and_near_the_exact_one() -> None:
    images = torch.randn(5, 3, 8, 8)
    rows = []
    for precision in ("float32", "bfloat16"):
        client, _ = Vit(name="tiny_digits", cut=2, precision=precision).build(COLOUR, 3, "cpu")
        client.with_attention = True
        rows.append(client(images)[1])
    assert rows[1].dtype == torch.float32
    torch.testing.assert_close(rows[1], rows[0], atol=0.02, rtol=0)
    assert not torch.equal(rows[1], rows[0])


def test_watching_adds_no_parameter_and_is_refused_for_other_blocks() -> None:
    client, _ = Vit(name="tiny_digits", cut=2).build(COLOUR, 0, "cpu")
    before = list(client.state_dict())
    client.with_attention = True
    assert list(client.state_dict()) == before
    assert client.with_attention
    client.with_attention = False
    assert not client.with_attention
    client.vit = VisionTransformer(img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2, block_fn=ParallelScalingBlock)
    with pytest.raises(RunError, match="ParallelScalingBlock"):
        client.with_attention = True


def test_watched_layers_give_their_matrices_in_order_and_only_while_watched() -> None:
    client, server = Vit(name="tiny_digits", cut=2).build(COLOUR, 0, "cpu")
    size = Vit(name="tiny_digits", cut=2).view(COLOUR).image_size
    images = torch.randn(3, 3, size, size)
    client.with_attention = True
    with torch.no_grad(), watched(client, server) as matrices:
        z, row = client(images)
        server(z[:, :5])  # a codec may have dropped tokens
    with torch.no_grad():
        server(client(images)[0])
    assert [tuple(each.shape) for each in matrices] == [(3, 17, 17)] * 2 + [(3, 5, 5)] * 2
    assert row is not None
    torch.testing.assert_close(matrices[1][:, 0], row)
    for each in matrices:
        torch.testing.assert_close(each.sum(-1), torch.ones(each.shape[:2]))


def test_matrix_respects_query_and_key_norms() -> None:
    attention = Attention(24, num_heads=3, qk_norm=True, norm_layer=nn.LayerNorm)
    qkv = attention.qkv(torch.randn(4, 6, 24))
    torch.testing.assert_close(matrix(attention, qkv)[:, 0], class_token_row(attention, qkv))


def test_rollout_is_the_product_of_half_residual_layers() -> None:
    """By hand for one layer; in general the class token's row of prod (A + I) / 2."""
    one = torch.tensor([[[0.2, 0.8], [0.5, 0.5]]])
    torch.testing.assert_close(rollout([one]), torch.tensor([[0.6, 0.4]]))
    layers = [torch.randn(3, 6, 6).softmax(-1) for _ in range(4)]
    product = torch.eye(6).expand(3, 6, 6)
    for layer in layers:
        product = 0.5 * (layer + torch.eye(6)) @ product
    torch.testing.assert_close(rollout(layers), product[:, 0])
    torch.testing.assert_close(rollout([torch.eye(6)[None]] * 3), torch.eye(6)[:1])
