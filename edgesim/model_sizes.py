"""Sizes of common Vision Transformers, so that a cut can be checked, and a run without tensors made, without loading torch.

Source: timm's own model definitions; tests build every one of these models and compare. A name that is not here is looked up
when the model is built.
"""

from collections.abc import Mapping
from typing import NamedTuple

TINY = "tiny_digits"  # this package's own (edgesim/learn/tiny.py)


class ModelSizes(NamedTuple):
    """What a Vision Transformer is made of; all have four features of the MLP to one of a token, unless `mlp_ratio` says other.

    depth           blocks
    width           features of a token
    heads           attention heads
    patch           side of a patch [pixels]
    image_size      side of the pictures it sees, unless asked for another [pixels]
    mlp_ratio       features inside the MLP over those of a token
    class_token     there is one, before the patches; no model here has other tokens before them
    class_position  the class token has a position embedding as well
    layer_scale     what a block adds is scaled, a factor a feature
    tag             of weights that timm offers under this very name (after a dot)
    """

    depth: int
    width: int
    heads: int
    patch: int
    image_size: int
    mlp_ratio: float = 4.0
    class_token: bool = True
    class_position: bool = True
    layer_scale: bool = False
    tag: str = ""


def _deit3(depth: int, width: int, heads: int) -> ModelSizes:
    return ModelSizes(depth, width, heads, 16, 224, class_position=False, layer_scale=True)


MODELS: Mapping[str, ModelSizes] = {
    TINY: ModelSizes(4, 48, 4, 2, 8, mlp_ratio=2.0),
    "deit_tiny_patch16_224": ModelSizes(12, 192, 3, 16, 224, tag="fb_in1k"),
    "deit_small_patch16_224": ModelSizes(12, 384, 6, 16, 224, tag="fb_in1k"),
    "deit_base_patch16_224": ModelSizes(12, 768, 12, 16, 224, tag="fb_in1k"),
    "deit_base_patch16_384": ModelSizes(12, 768, 12, 16, 384, tag="fb_in1k"),
    "deit3_small_patch16_224": _deit3(12, 384, 6),
    "deit3_medium_patch16_224": _deit3(12, 512, 8),
    "deit3_base_patch16_224": _deit3(12, 768, 12),
    "deit3_large_patch16_224": _deit3(24, 1024, 16),
    "vit_tiny_patch16_224": ModelSizes(12, 192, 3, 16, 224),
    "vit_tiny_patch16_384": ModelSizes(12, 192, 3, 16, 384),
    "vit_small_patch8_224": ModelSizes(12, 384, 6, 8, 224),
    "vit_small_patch16_224": ModelSizes(12, 384, 6, 16, 224),
    "vit_small_patch16_384": ModelSizes(12, 384, 6, 16, 384),
    "vit_small_patch32_224": ModelSizes(12, 384, 6, 32, 224),
    "vit_small_patch14_dinov2": ModelSizes(12, 384, 6, 14, 518, layer_scale=True),
    "vit_base_patch8_224": ModelSizes(12, 768, 12, 8, 224),
    "vit_base_patch16_224": ModelSizes(12, 768, 12, 16, 224),
    "vit_base_patch16_384": ModelSizes(12, 768, 12, 16, 384),
    "vit_base_patch32_224": ModelSizes(12, 768, 12, 32, 224),
    "vit_base_patch14_dinov2": ModelSizes(12, 768, 12, 14, 518, layer_scale=True),
    "vit_large_patch16_224": ModelSizes(24, 1024, 16, 16, 224),
    "vit_base_patch16_siglip_224": ModelSizes(12, 768, 12, 16, 224, class_token=False),
}


def model_sizes(name: str) -> ModelSizes | None:
    """Of the model that timm calls so, whatever weights the name asks for after a dot; None where they are not known here."""
    return MODELS.get(name.partition(".")[0])
