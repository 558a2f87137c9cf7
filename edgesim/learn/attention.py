"""Attention, computed beside the model so that fused attention stays on."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from timm.layers.attention import Attention
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

SAMPLES_AT_ONCE = 8  # products of 1.2 MB for DeiT-T; fresh memory for those of a whole batch costs more than making them


def class_token_row(attention: Attention, qkv: Tensor) -> Tensor:
    """The class token's row of the attention matrix, averaged over heads; rows sum to 1.

    s = (1/H) sum_h softmax(q_h[0] K_h^T / sqrt(d_h)),  before attention dropout (compression.md 2.2.1).

    attention  the attention layer
    qkv        [B, n, 3 H d_h], output of its `qkv` projection; under mixed precision, call this outside autocast
    returns    [B, n] float32, not in any graph
    """
    with torch.no_grad():
        split = qkv.detach().float().view(*qkv.shape[:2], 3, attention.num_heads, attention.head_dim)  # [B, n, 3, H, d_h]
        query = attention.q_norm(split[:, 0, 0]) * attention.scale  # [B, H, d_h]
        keys = attention.k_norm(split[:, :, 1])  # [B, n, H, d_h]
        few = zip(query[:, None].split(SAMPLES_AT_ONCE), keys.split(SAMPLES_AT_ONCE), strict=True)
        scores = torch.cat([(mine * theirs).sum(-1) for mine, theirs in few])  # [B, n, H]
        return scores.softmax(1).mean(-1)


@contextmanager
def watched(*parts: nn.Module) -> Iterator[list[Tensor]]:
    """While it lasts, each attention layer of the parts that runs adds its matrix, [B, n, n] mean over heads, in that order."""
    seen: list[Tensor] = []
    with ExitStack() as taps:
        for layer in (module for part in parts for module in part.modules() if type(module) is Attention):
            taps.enter_context(_tap(layer, seen))
        yield seen


def _tap(layer: Attention, seen: list[Tensor]) -> RemovableHandle:
    def keep(_module: nn.Module, _inputs: object, qkv: Tensor) -> None:
        seen.append(matrix(layer, qkv))

    handle: RemovableHandle = layer.qkv.register_forward_hook(keep)
    return handle


def matrix(attention: Attention, qkv: Tensor) -> Tensor:
    """The whole attention matrix, mean over heads, [B, n, n] float32; `class_token_row` is its first row."""
    with torch.no_grad():
        split = qkv.detach().float().view(*qkv.shape[:2], 3, attention.num_heads, attention.head_dim)  # [B, n, 3, H, d_h]
        query, keys = attention.q_norm(split[:, :, 0]) * attention.scale, attention.k_norm(split[:, :, 1])  # [B, n, H, d_h]
        return torch.einsum("bqhc,bkhc->bhqk", query, keys).softmax(-1).mean(1)


def rollout(matrices: Sequence[Tensor]) -> Tensor:
    """How much of the class token after the last layer comes from each token before the first, [B, n]; rows sum to 1.

    The product of (A_l + I) / 2 over the layers: half of each token passes a layer on the residual path. Source: S. Abnar and
    W. Zuidema, Quantifying attention flow in transformers, ACL 2020, section 3.

    matrices  [B, n, n] of each layer, rows sum to 1
    """
    flow = matrices[-1].new_zeros(len(matrices[-1]), 1, matrices[-1].shape[-1])
    flow[..., 0] = 1.0
    for attention in reversed(matrices):
        flow = 0.5 * (flow + flow @ attention)
    return flow[:, 0]
