"""The class token's attention, computed beside the model so that fused attention stays on."""

import torch
from timm.layers.attention import Attention
from torch import Tensor


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
        scores = torch.einsum("bhc,bnhc->bhn", query, keys)
        return scores.softmax(-1).mean(1)
