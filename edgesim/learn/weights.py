"""Published and local weights of timm's Vision Transformers."""

import pickle
import struct
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from timm.models import adapt_input_conv
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from edgesim.errors import NotFoundError

HEAD = ("head.weight", "head.bias")
LOCAL = "set model.weights to a local .safetensors or .pth file, or model.pretrained: false"
# What reading a damaged file, or adapting its tensors, may raise: the libraries promise nothing.
DAMAGED = (
    SafetensorError,
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
FILES = ("model.safetensors", "pytorch_model.bin")  # of timm's repositories, what is preferred first
PATCHES = "patch_embed.proj.weight"


def published(name: str, shape: dict[str, Any], *, download: bool) -> nn.Module:
    """The model with timm's weights, from the cache of downloads. shape: num_classes, in_chans, img_size.

    download  fetch what is not in the cache; without it the network is not touched

    Raises NotFoundError.
    """
    if not download:
        kept = {"state_dict": _widened(_read(_cached(name)))}
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=kept, **shape)
    try:
        return timm.create_model(name, pretrained=True, **shape)
    except (OSError, RuntimeError) as error:
        raise NotFoundError(
            f"model.pretrained: timm has no weights of {name} at hand and could not fetch them ({error}); {LOCAL}"
        ) from error


def _cached(name: str) -> str:
    """The file in which an earlier download left the published weights."""
    config = timm.get_pretrained_cfg(name)
    repository, _, revision = str((config and config.hf_hub_id) or "").partition("@")
    for file in FILES if repository else ():
        found = try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(found, str):
            return found
    raise NotFoundError(
        f"model.pretrained: no weights of {name} in the cache of downloads ({constants.HF_HUB_CACHE}); "
        f"set model.download: true to fetch them, or {LOCAL}"
    )


def load(vit: VisionTransformer, path: str) -> None:
    """Fill a model from a local file of timm's parameter names.

    16-bit numbers are widened; position embeddings and patches are resampled, and input channels adapted, as timm does it; the
    head stays as it is if the file's is for another number of classes. Raises NotFoundError.
    """
    found = _widened(_read(path))
    own = vit.state_dict()
    try:
        state: dict[str, Tensor] = checkpoint_filter_fn(found, vit)
        if PATCHES in state and state[PATCHES].shape[1] != own[PATCHES].shape[1]:
            state[PATCHES] = adapt_input_conv(own[PATCHES].shape[1], state[PATCHES])
    except DAMAGED as error:
        raise NotFoundError(f"model.weights: {path} holds tensors of impossible shapes ({error})") from error
    if any(name in state and state[name].shape != own[name].shape for name in HEAD):
        state = {name: value for name, value in state.items() if name not in HEAD}
    missing = [
        name for name, value in own.items() if name not in HEAD and (name not in state or state[name].shape != value.shape)
    ]
    unknown = [name for name in state if name not in own]
    if missing or unknown:
        raise NotFoundError(
            f"model.weights: {path} holds the weights of another model: "
            f"{len(missing)} of this one's are missing or of another shape, {len(unknown)} unknown, "
            f"first {[*missing, *unknown][0]}"
        )
    vit.load_state_dict(state, strict=False)


def whole(client: nn.Module, server: nn.Module) -> bytes:
    """Both parts of a model as one .safetensors file that `load` takes: parameters under the names of the whole model.

    A part holds its layers in one submodule, whose name is left out.
    """
    states = {**client.state_dict(), **server.state_dict()}
    return save({name.partition(".")[2]: tensor.detach().cpu().contiguous() for name, tensor in states.items()})


def _read(path: str) -> dict[str, Tensor]:
    file = Path(path).expanduser()
    if not file.is_file():
        raise NotFoundError(f"model.weights: there is no file {file}; set model.weights to a .safetensors or .pth file")
    try:
        return load_file(file) if file.suffix == ".safetensors" else torch.load(file, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        raise NotFoundError(
            f"model.weights: {file} cannot be read ({' '.join(str(error).split())[:200]}); "
            f"it must be a .safetensors file, or a .pth file that holds tensors only"
        ) from error


def _widened(state: Any) -> dict[str, Tensor]:
    """The file's parameters as float32; published .pth files keep them under `model` or `state_dict`."""
    keys = ("model", "state_dict") if isinstance(state, dict) else ()
    inner = next((state[key] for key in keys if key in state), state)
    if not isinstance(inner, dict) or not all(isinstance(value, Tensor) and _is_whole(value) for value in inner.values()):
        raise NotFoundError("model.weights: the file must hold a dictionary of tensors, dense and none of them empty")
    return {name: value.float() if value.is_floating_point() else value for name, value in inner.items()}


def _is_whole(value: Tensor) -> bool:
    """Whether it holds numbers, each of which is in the file: a stride of 0 makes terabytes of a few bytes."""
    return value.layout is torch.strided and 0 < value.numel() * value.element_size() <= value.untyped_storage().nbytes()
