"""Vision Transformers of timm, cut between two blocks."""

import difflib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from functools import cache
from typing import Annotated, Any, Literal

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.layers.attention import Attention
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from edgesim.errors import RunError
from edgesim.learn import tiny, weights
from edgesim.learn.attention import class_token_row
from edgesim.learn.data.base import Facts, View
from edgesim.learn.models.base import ClientPart, Geometry, Model, ServerPart
from edgesim.learn.randomness import borrowed_generators


class Vit(Model):
    """A Vision Transformer of timm with a class token, cut after block `cut`; or tiny_digits, made for 8x8 pictures.

    Before the cut: patch embedding, class token, position embedding, blocks 1..cut. After it: the other blocks, norm, head.

    name        any timm VisionTransformer with a class token, e.g. deit_tiny_patch16_224; or tiny_digits
    cut         blocks on the client, 1 <= cut < depth
    pretrained  start from timm's weights instead of random ones
    download    fetch timm's weights if the cache of downloads does not hold them
    weights     local .safetensors, .pth or .pt file to start from; goes before `pretrained`
    image_size  side of the pictures the model sees [pixels]; default: the model's own. Position embeddings are resampled
    precision   float32, or bfloat16 for mixed precision
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
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        if cut < 1:
            raise ValueError(f"cut must be at least 1, got {cut}")
        if image_size is not None and image_size < 1:
            raise ValueError(f"image_size must be at least 1, got {image_size}")
        if precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {precision}")
        self._name = name
        self._cut = cut
        self._pretrained, self._download = pretrained, download
        self._weights = weights
        self._image_size = image_size
        self._mixed = precision == "bfloat16"

    def view(self, facts: Facts) -> View:
        vit = self._outline(facts)
        mean, std = facts.mean, facts.std
        if (self._pretrained or self._weights) and facts.channels == 3 and self._name != tiny.NAME:
            published = resolve_model_data_config(vit)  # type: ignore[no-untyped-call]  # timm does not type it
            mean, std = tuple(published["mean"]), tuple(published["std"])
        return View(_image_size(vit), facts.channels, facts.classes, mean, std)

    def geometry(self, facts: Facts) -> Geometry:
        vit = self._outline(facts)
        client, server = self._split(vit, mixed=False)
        return Geometry(
            tokens=vit.patch_embed.num_patches + vit.num_prefix_tokens,
            width=vit.embed_dim,
            depth=len(vit.blocks) + len(server.vit.blocks),
            heads=_heads(vit),
            prefix_tokens=vit.num_prefix_tokens,
            image_size=_image_size(vit),
            client_parameters=_parameters(client),
            server_parameters=_parameters(server),
        )

    def sketch(self, facts: Facts) -> tuple[ClientPart, ServerPart]:
        return self._split(self._outline(facts), mixed=False)

    def build(self, facts: Facts, seed: int, accelerator: str) -> tuple[ClientPart, ServerPart]:
        self._outline(facts)  # every complaint about the model comes before any weight is read
        with borrowed_generators(seed):
            vit = self._create(facts, pretrained=self._pretrained and not self._weights)
        if self._weights:
            weights.load(vit, self._weights)
        client, server = self._split(vit, mixed=self._mixed)
        return client.to(accelerator), server.to(accelerator)

    def _outline(self, facts: Facts) -> VisionTransformer:
        """The whole model on the meta device, found fit to be cut."""
        with torch.device("meta"):
            if self._name != tiny.NAME:
                _check_kind(self._name)
            vit = self._create(facts, pretrained=False)
        _check_cut(vit, self._name, self._cut)
        return vit

    def _create(self, facts: Facts, *, pretrained: bool) -> VisionTransformer:
        shape: dict[str, Any] = {"num_classes": facts.classes, "in_chans": facts.channels}
        if self._name == tiny.NAME:
            if pretrained:
                raise ValueError(f"pretrained: {tiny.NAME} has no published weights; set pretrained: false")
            return tiny.create(self._image_size, **shape)
        if self._image_size:
            shape["img_size"] = self._image_size
        if pretrained:
            return _plain(weights.published(self._name, shape, download=self._download), self._name)
        return _plain(timm.create_model(self._name, **shape), self._name)

    def _split(self, vit: VisionTransformer, *, mixed: bool) -> tuple["VitClient", "VitServer"]:
        """Take a model apart: the parts share nothing, and only embeddings, norms and head are copied on the way.

        Parameters keep the names that the whole model gives them (slices of a Sequential keep its numbers).
        """
        before, after = vit.blocks[: self._cut], vit.blocks[self._cut :]
        vit.blocks = nn.Sequential()
        rest = deepcopy(vit)
        vit.blocks, rest.blocks = before, after
        return VitClient(vit, mixed=mixed), VitServer(rest, mixed=mixed)


class VitClient(ClientPart):
    """Patch embedding, class token, positions and first blocks."""

    def __init__(self, vit: VisionTransformer, *, mixed: bool) -> None:
        super().__init__()
        vit.reset_classifier(0, "")  # no pooling, no head
        vit.norm, vit.fc_norm = nn.Identity(), nn.Identity()
        self.vit = vit
        self._mixed = mixed
        self._watched: Attention | None = None

    @property
    def with_attention(self) -> bool:
        return self._watched is not None

    @with_attention.setter
    def with_attention(self, wanted: bool) -> None:
        # past nn.Module, which would register the layer, and count its parameters, a second time
        object.__setattr__(self, "_watched", _attention(self.vit.blocks[-1]) if wanted else None)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        seen: list[Tensor] = []
        with _precision(images, mixed=self._mixed), _tapped(self._watched, seen):
            z = self.vit.forward_features(images)  # [B, n, d]
        return z.float(), class_token_row(self._watched, seen[0]) if self._watched else None


class VitServer(ServerPart):
    """Last blocks, norm, pooling and head."""

    def __init__(self, vit: VisionTransformer, *, mixed: bool) -> None:
        super().__init__()
        vit.patch_embed, vit.norm_pre = nn.Identity(), nn.Identity()
        vit.cls_token = vit.reg_token = vit.pos_embed = None
        self.vit = vit
        self._mixed = mixed
        self._least = 1 if vit.global_pool == "token" else 1 + vit.num_prefix_tokens

    @property
    def head(self) -> nn.Module:
        head: nn.Module = self.vit.head
        return head

    def forward(self, tokens: Tensor) -> Tensor:
        with _precision(tokens, mixed=self._mixed):
            logits: Tensor = self.vit.head(self._pooled(tokens))
        return logits.float()

    def features(self, tokens: Tensor) -> Tensor:
        with _precision(tokens, mixed=self._mixed):
            return self._pooled(tokens).float()

    def _pooled(self, tokens: Tensor) -> Tensor:
        if tokens.shape[1] < self._least:
            raise RunError(
                f"this model pools over its patches ({self.vit.global_pool}) and needs at least {self._least} tokens, "
                f"but {tokens.shape[1]} arrived; let the codec keep more"
            )
        pooled: Tensor = self.vit.forward_head(self.vit.norm(self.vit.blocks(tokens)), pre_logits=True)
        return pooled


@cache
def _check_kind(name: str) -> None:
    """Raises ValueError unless timm has a plain Vision Transformer with a class token of this name."""
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, [tiny.NAME, *timm.list_models("*vit*"), *timm.list_models("*deit*")], n=3)
        raise ValueError(f"name: timm knows no model {name!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    try:
        model = _plain(timm.create_model(name), name)
    except RuntimeError as error:  # an unknown tag, the part after the dot
        raise ValueError(f"name: {error}") from None
    if not model.has_class_token:
        raise ValueError(f"name: {name} has no class token; choose a model with one")
    if model.num_reg_tokens and model.global_pool != "token":
        raise ValueError(f"name: {name} has register tokens and pools by {model.global_pool}; choose one that pools by token")


def _plain(model: nn.Module, name: str) -> VisionTransformer:
    """Subclasses are left out: a distilled one, say, reads a second token at a fixed place, which a codec need not send."""
    if type(model) is not VisionTransformer:
        raise ValueError(f"name: {name} is a {type(model).__name__}; only timm's plain VisionTransformer can be cut here")
    return model


def _check_cut(vit: VisionTransformer, name: str, cut: int) -> None:
    depth, side, patch = len(vit.blocks), _image_size(vit), vit.patch_embed.patch_size[0]
    if cut >= depth:
        raise ValueError(f"cut must be between 1 and {depth - 1} for {name} with {depth} blocks, got {cut}")
    if side % patch:
        raise ValueError(f"image_size must be a multiple of the patch size {patch} of {name}, got {side}")


def _attention(block: nn.Module) -> Attention:
    layer = dict(block.named_children()).get("attn")
    if type(layer) is not Attention:
        raise RunError(f"the class token's attention cannot be read from a {type(block).__name__}; use another model or codec")
    return layer


@contextmanager
def _tapped(attention: Attention | None, seen: list[Tensor]) -> Iterator[None]:
    """While it lasts, what the layer's qkv projection puts out is kept in `seen`."""
    if attention is None:
        yield
        return
    tap = attention.qkv.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        yield
    finally:
        tap.remove()


def _precision(tensor: Tensor, *, mixed: bool) -> AbstractContextManager[object]:
    return torch.autocast(tensor.device.type, torch.bfloat16) if mixed else nullcontext()


def _image_size(vit: VisionTransformer) -> int:
    return int(vit.patch_embed.img_size[0])


def _heads(vit: VisionTransformer) -> int:
    """Blocks of every kind keep `num_heads` on one of their layers."""
    return next(int(vars(layer)["num_heads"]) for layer in vit.blocks.modules() if "num_heads" in vars(layer))


def _parameters(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())
