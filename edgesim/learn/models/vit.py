"""Vision Transformers of timm, cut between two blocks."""

from typing import TYPE_CHECKING, Annotated, Literal

from edgesim.learn.closed_form import ClosedForm
from edgesim.learn.data.base import Facts, View
from edgesim.learn.models.base import ClientPart, Geometry, Model, ServerPart
from edgesim.model_sizes import TINY, model_sizes

if TYPE_CHECKING:
    from timm.models.vision_transformer import VisionTransformer


class Vit(Model):
    """A Vision Transformer of timm with a class token, cut after block `cut`; or tiny_digits, made for 8x8 pictures.

    Before the cut: patch embedding, class token, position embedding, blocks 1..cut. After it: the other blocks, norm, head.

    name        any timm VisionTransformer with a class token, e.g. deit_tiny_patch16_224; or tiny_digits
    cut         blocks on the client, 1 <= cut < depth
    pretrained  start from timm's weights instead of random ones
    download    fetch timm's weights if the cache of downloads does not hold them
    weights     local .safetensors, .pth or .pt file to start from; goes before `pretrained`
    image_size  side of the pictures the model sees [pixels]; default: the model's own. Position embeddings are resampled
    precision   float32; or bfloat16 or float16, in which matrix products are computed then
    """

    def __init__(
        self,
        *,
        name: str,
        cut: Annotated[int, "[1, inf)"],
        pretrained: bool = False,
        download: bool = False,
        weights: str | None = None,
        image_size: Annotated[int, "[1, inf)"] | None = None,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> None:
        if cut < 1:
            raise ValueError(f"cut must be at least 1, got {cut}")
        if image_size is not None and image_size < 1:
            raise ValueError(f"image_size must be at least 1, got {image_size}")
        if precision not in ("float32", "bfloat16", "float16"):
            raise ValueError(f"precision must be float32, bfloat16 or float16, got {precision}")
        self._name = name
        self._cut = cut
        self._pretrained, self._download = pretrained, download
        self._weights = weights
        self._image_size = image_size
        self._precision: Literal["float32", "bfloat16", "float16"] = precision

    def view(self, facts: Facts) -> View:
        form, mean, std = self.closed_form(facts), facts.mean, facts.std
        if (self._pretrained or self._weights) and facts.channels == 3 and self._name != TINY:
            from edgesim.learn.vit_parts import published_normalisation

            mean, std = published_normalisation(self._outline(facts))
        side = form.image_size if form is not None else self.geometry(facts).image_size
        return View(side, facts.channels, facts.classes, mean, std)

    def closed_form(self, facts: Facts) -> ClosedForm | None:
        sizes = model_sizes(self._name)
        if sizes is None or not sizes.class_token or self._name.partition(".")[2] not in ("", sizes.tag):
            return None  # timm knows
        side = self._image_size or sizes.image_size
        _check_cut(self._name, self._cut, sizes.depth, side, sizes.patch)
        return ClosedForm(sizes, self._cut, side, facts.channels, facts.classes)

    def geometry(self, facts: Facts) -> Geometry:
        form = self.closed_form(facts)
        if form is not None:
            sizes = form.sizes
            return Geometry(form.tokens, sizes.width, sizes.depth, sizes.heads, 1, form.image_size, *form.numbers)
        from edgesim.learn import vit_parts

        vit = self._outline(facts)
        depth, heads = len(vit.blocks), vit_parts.heads_of(vit)
        client, server = vit_parts.split(vit, self._cut)
        return Geometry(
            tokens=vit.patch_embed.num_patches + vit.num_prefix_tokens,
            width=vit.embed_dim,
            depth=depth,
            heads=heads,
            prefix_tokens=vit.num_prefix_tokens,
            image_size=vit_parts.side_of(vit),
            client_parameters=vit_parts.parameters_of(client),
            server_parameters=vit_parts.parameters_of(server),
        )

    def sketch(self, facts: Facts) -> tuple[ClientPart, ServerPart]:
        from edgesim.learn.vit_parts import split

        return split(self._outline(facts), self._cut)

    def build(self, facts: Facts, seed: int, accelerator: str) -> tuple[ClientPart, ServerPart]:
        from edgesim.learn import vit_parts, weights
        from edgesim.learn.randomness import borrowed_generators

        self._outline(facts)  # every complaint about the model comes before any weight is read
        is_published = self._pretrained and not self._weights
        with borrowed_generators(seed):
            vit = vit_parts.create(self._name, self._image_size, facts, pretrained=is_published, download=self._download)
        if self._weights:
            weights.load(vit, self._weights)
        client, server = vit_parts.split(vit, self._cut, self._precision)
        return client.to(accelerator), server.to(accelerator)

    def _outline(self, facts: Facts) -> "VisionTransformer":
        """The whole model on the meta device, found fit to be cut here."""
        from edgesim.learn.vit_parts import outline, side_of

        vit = outline(self._name, self._image_size, facts)
        _check_cut(self._name, self._cut, len(vit.blocks), side_of(vit), vit.patch_embed.patch_size[0])
        return vit


def _check_cut(name: str, cut: int, depth: int, side: int, patch: int) -> None:
    if cut >= depth:
        raise ValueError(f"cut must be between 1 and {depth - 1} for {name} with {depth} blocks, got {cut}")
    if side % patch:
        raise ValueError(f"image_size must be a multiple of the patch size {patch} of {name}, got {side}")
