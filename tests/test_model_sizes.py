"""The sizes that are known without timm are timm's."""

import pytest
import timm
import torch

from edgesim.learn import tiny
from edgesim.model_sizes import MODELS, TINY, ModelSizes, model_sizes


@pytest.mark.parametrize("name", MODELS)
def test_known_sizes_are_those_of_the_model(name: str) -> None:
    with torch.device("meta"):
        vit = tiny.create(None, num_classes=10, in_chans=1) if name == TINY else timm.create_model(name, num_classes=10)
    block, patches = vit.blocks[0], vit.patch_embed.num_patches
    assert vit.num_prefix_tokens == int(vit.has_class_token)  # no others
    assert MODELS[name] == ModelSizes(
        depth=len(vit.blocks),
        width=vit.embed_dim,
        heads=block.attn.num_heads,
        patch=vit.patch_embed.patch_size[0],
        image_size=vit.patch_embed.img_size[0],
        mlp_ratio=block.mlp.fc1.out_features / vit.embed_dim,
        class_token=vit.has_class_token,
        class_position=not vit.has_class_token or vit.pos_embed.shape[1] == patches + 1,
        layer_scale=not isinstance(block.ls1, torch.nn.Identity),
        tag=MODELS[name].tag,
    )


@pytest.mark.parametrize("name", [name for name, sizes in MODELS.items() if sizes.tag])
def test_a_tag_is_one_of_timms(name: str) -> None:
    assert timm.get_pretrained_cfg(f"{name}.{MODELS[name].tag}").architecture == name


def test_weights_after_a_dot_change_no_size() -> None:
    assert model_sizes("vit_tiny_patch16_224.augreg_in21k") is MODELS["vit_tiny_patch16_224"]
    assert model_sizes("somebody_elses") is None
