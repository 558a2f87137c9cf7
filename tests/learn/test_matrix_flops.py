"""The own counter against torch's, and against closed forms."""

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from edgesim.errors import RunError
from edgesim.learn.matrix_flops import MatrixFlops, counted


def torchs(model: nn.Module, images: Tensor) -> tuple[float, float]:
    with FlopCounterMode(display=False) as going:
        output = model(images)
    with FlopCounterMode(display=False) as returning:
        torch.autograd.backward(output, torch.empty_like(output))
    return going.get_total_flops(), returning.get_total_flops()


@pytest.mark.parametrize("shape", [{"img_size": 8, "patch_size": 2, "in_chans": 1}, {"img_size": 32, "patch_size": 8}])
@pytest.mark.parametrize("is_picture_trained", [False, True])
def test_a_vision_transformer_counts_as_torch_counts_it(shape: dict[str, int], is_picture_trained: bool) -> None:
    with torch.device("meta"):
        model = VisionTransformer(embed_dim=48, depth=3, num_heads=4, num_classes=10, **shape)
        images = torch.empty(2, shape.get("in_chans", 3), shape["img_size"], shape["img_size"])
    images.requires_grad_(is_picture_trained)
    assert counted(lambda: model(images)) == torchs(model, images)


def test_a_product_and_a_grouped_convolution_follow_their_closed_forms() -> None:
    with torch.device("meta"):
        a, b, picture = torch.empty(3, 5), torch.empty(5, 7), torch.empty(2, 4, 9, 9)
        grouped = nn.Conv2d(4, 6, 3, groups=2, bias=False)
        with MatrixFlops() as product:
            a @ b
        with MatrixFlops() as convolution:
            grouped(picture)
    assert product.total == 2 * 3 * 5 * 7
    assert convolution.total == 2 * (2 * 6 * 7 * 7) * (2 * 3 * 3)


def test_what_it_cannot_count_is_an_error_and_no_zero() -> None:
    q = torch.zeros(1, 1, 4, 8)
    with pytest.raises(RunError, match="cannot count the FLOPs of"), MatrixFlops():
        scaled_dot_product_attention(q, q, q)  # one fused kernel on the CPU
