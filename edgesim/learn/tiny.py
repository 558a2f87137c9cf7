"""A small Vision Transformer for 8x8 pictures."""

from timm.models.vision_transformer import VisionTransformer

NAME = "tiny_digits"
IMAGE_SIZE, PATCH_SIZE = 8, 2  # 16 patches and the class token: 17 tokens
WIDTH, DEPTH, HEADS = 64, 6, 4


def create(image_size: int | None, *, num_classes: int, in_chans: int) -> VisionTransformer:
    """timm's VisionTransformer in this size, randomly initialised."""
    return VisionTransformer(
        img_size=image_size or IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        in_chans=in_chans,
        num_classes=num_classes,
        embed_dim=WIDTH,
        depth=DEPTH,
        num_heads=HEADS,
    )
