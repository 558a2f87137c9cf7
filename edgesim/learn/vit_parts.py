"""The parts of timm's Vision Transformers on both sides of a cut."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import Any

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.layers.attention import Attention
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from edgesim.errors import RunError
from edgesim.learn import tiny, weights
from edgesim.learn.attention import class_token_row
from edgesim.learn.data.base import Facts
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.precision import Kind, Precision
from edgesim.model_sizes import TINY


def outline(name: str, image_size: int | None, facts: Facts) -> VisionTransformer:
    """The whole model on the meta device. Raises ValueError for one that cannot be cut."""
    with torch.device("meta"):
        if name != TINY:
            _check_kind(name)
        return create(name, image_size, facts)


def create(
    name: str, image_size: int | None, facts: Facts, *, pretrained: bool = False, download: bool = False
) -> VisionTransformer:
    """The whole model. Raises ValueError for one that cannot be cut, NotFoundError for weights that are not there."""
    shape: dict[str, Any] = {"num_classes": facts.classes, "in_chans": facts.channels}
    if name == TINY:
        if pretrained:
            raise ValueError(f"pretrained: {TINY} has no published weights; set pretrained: false")
        return tiny.create(image_size, **shape)
    if image_size:
        shape["img_size"] = image_size
    if pretrained:
        return _plain(weights.published(name, shape, download=download), name)
    return _plain(timm.create_model(name, **shape), name)


def split(vit: VisionTransformer, cut: int, precision: Kind = "float32") -> tuple["VitClient", "VitServer"]:
    """Take a model apart: the parts share nothing, and only embeddings, norms and head are copied on the way.

    Parameters keep the names that the whole model gives them (slices of a Sequential keep its numbers).
    """
    before, after = vit.blocks[:cut], vit.blocks[cut:]
    vit.blocks = nn.Sequential()
    rest = deepcopy(vit)
    vit.blocks, rest.blocks = before, after
    return VitClient(vit, precision), VitServer(rest, precision)


class VitClient(ClientPart):
    """Patch embedding, class token, positions and first blocks."""

    def __init__(self, vit: VisionTransformer, precision: Kind) -> None:
        super().__init__()
        vit.reset_classifier(0, "")  # no pooling, no head
        vit.norm, vit.fc_norm = nn.Identity(), nn.Identity()
        self.vit = vit
        self._precision = Precision(precision)
        self._watched: Attention | None = None

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return list(self.vit.blocks)

    @property
    def with_attention(self) -> bool:
        return self._watched is not None

    @with_attention.setter
    def with_attention(self, wanted: bool) -> None:
        # past nn.Module, which would register the layer, and count its parameters, a second time
        object.__setattr__(self, "_watched", _attention(self.vit.blocks[-1]) if wanted else None)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        seen: list[Tensor] = []
        with self._precision.region(images), _tapped(self._watched, seen):
            z = self.vit.forward_features(self._precision.enters(images, self.parameters()))  # [B, n, d]
        return self._precision.leaves(z), class_token_row(self._watched, seen[0]) if self._watched else None


class VitServer(ServerPart):
    """Last blocks, norm, pooling and head."""

    def __init__(self, vit: VisionTransformer, precision: Kind) -> None:
        super().__init__()
        vit.patch_embed, vit.norm_pre = nn.Identity(), nn.Identity()
        vit.cls_token = vit.reg_token = vit.pos_embed = None
        self.vit = vit
        self._precision = Precision(precision)
        self._least = 1 if vit.global_pool == "token" else 1 + vit.num_prefix_tokens

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return list(self.vit.blocks)

    @property
    def head(self) -> nn.Module:
        head: nn.Module = self.vit.head
        return head

    def forward(self, tokens: Tensor) -> Tensor:
        with self._precision.region(tokens):
            logits: Tensor = self.vit.head(self._pooled(self._precision.enters(tokens, self.parameters())))
        return self._precision.leaves(logits)

    def features(self, tokens: Tensor) -> Tensor:
        apart = {id(parameter) for parameter in self.head.parameters()}  # the head computes elsewhere, in float32
        with self._precision.region(tokens):
            within = (parameter for parameter in self.parameters() if id(parameter) not in apart)
            pooled = self._pooled(self._precision.enters(tokens, within))
        return self._precision.leaves(pooled)

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
        near = difflib.get_close_matches(name, [TINY, *timm.list_models("*vit*"), *timm.list_models("*deit*")], n=3)
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


def published_normalisation(vit: VisionTransformer) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation, per channel, of the pictures that timm's weights were trained with."""
    published = resolve_model_data_config(vit)  # type: ignore[no-untyped-call]  # timm does not type it
    return tuple(published["mean"]), tuple(published["std"])


def side_of(vit: VisionTransformer) -> int:
    """Of the pictures it sees [pixels]."""
    return int(vit.patch_embed.img_size[0])


def heads_of(vit: VisionTransformer) -> int:
    """Blocks of every kind keep `num_heads` on one of their layers."""
    return next(int(vars(layer)["num_heads"]) for layer in vit.blocks.modules() if "num_heads" in vars(layer))


def parameters_of(part: nn.Module) -> int:
    """How many numbers it learns."""
    return sum(parameter.numel() for parameter in part.parameters())
