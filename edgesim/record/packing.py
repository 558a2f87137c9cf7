"""Plain data with arrays in it as one block of bytes and back, without pickle: nothing that is read can run.

A block is a safetensors file: the bytes of every array under a number, and under `structure` a JSON text that says where they
belong. Floats, whole numbers of any size, texts, truth values, None, lists, tuples, dicts with any of these as keys, bytes,
NumPy arrays and scalars, and torch tensors come back equal to the last bit and of the same type; a tensor on the processor.
"""

import json
from collections import OrderedDict
from typing import Any

import numpy as np

STRUCTURE = "structure"
SORT = "~"  # the key that says what a marked object stands for
PLAIN = (str, int, float, bool, type(None))
KINDS = "biufc"  # of NumPy: truth values, whole numbers, floats, complex numbers
DEEPEST = 60  # nested containers


def pack(state: Any) -> bytes:
    """One block. Raises TypeError, naming the place, for anything that is not named above."""
    from safetensors.numpy import save

    arrays: dict[str, Any] = {}
    text = json.dumps(_lay(state, arrays, "state", 0), separators=(",", ":"))
    return bytes(save({STRUCTURE: np.frombuffer(text.encode(), np.uint8), **arrays}))


def unpack(block: bytes) -> Any:
    """What was packed. Raises ValueError for a block that `pack` did not make."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(block)
        return _lift(json.loads(arrays[STRUCTURE].tobytes()), arrays)
    except (SafetensorError, KeyError, TypeError, AttributeError, IndexError, RecursionError, RuntimeError) as error:
        raise ValueError(f"no packed state: {type(error).__name__}: {error}") from None


def _lay(value: Any, arrays: dict[str, Any], place: str, depth: int) -> Any:
    """JSON for one value; its arrays go to `arrays`."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if depth > DEEPEST:
        raise TypeError(f"{place} is nested too deep to be kept")
    if kind in (dict, OrderedDict):  # the second: what torch keeps its weights in
        if all(type(key) is str and key != SORT for key in value):
            return {key: _lay(item, arrays, f"{place}.{key}", depth + 1) for key, item in value.items()}
        items = [[_lay(key, arrays, f"a key of {place}", depth + 1), item] for key, item in value.items()]
        return {SORT: "dict", "items": [[key, _lay(item, arrays, f"{place}.{key}", depth + 1)] for key, item in items]}
    if kind in (list, tuple):
        items = [_lay(item, arrays, f"{place}[{number}]", depth + 1) for number, item in enumerate(value)]
        return items if kind is list else {SORT: "tuple", "items": items}
    if kind is bytes:
        return {SORT: "bytes", "hex": value.hex()}
    if isinstance(value, np.generic) and value.dtype.kind in KINDS:
        return {SORT: "scalar", "dtype": value.dtype.str, "hex": value.tobytes().hex()}
    return _lay_array(value, arrays, place)


def _lay_array(value: Any, arrays: dict[str, Any], place: str) -> dict[str, Any]:
    import torch

    number = str(len(arrays))
    if type(value) is np.ndarray and value.dtype.kind in KINDS:
        arrays[number] = np.frombuffer(value.tobytes(), np.uint8)
        return {SORT: "array", "dtype": value.dtype.str, "shape": list(value.shape), "at": number}
    if isinstance(value, torch.Tensor):
        flat = value.detach().cpu().contiguous().reshape(-1)
        arrays[number] = flat.view(torch.uint8).numpy() if flat.numel() else np.empty(0, np.uint8)
        return {SORT: "tensor", "dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "at": number}
    raise TypeError(f"{place} is of type {type(value).__name__}, which cannot be kept in a checkpoint")


def _lift(node: Any, arrays: dict[str, Any]) -> Any:
    """The value that a piece of JSON stands for."""
    if isinstance(node, list):
        return [_lift(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    match node.get(SORT):
        case None:
            return {key: _lift(item, arrays) for key, item in node.items()}
        case "dict":
            return {_lift(key, arrays): _lift(item, arrays) for key, item in node["items"]}
        case "tuple":
            return tuple(_lift(item, arrays) for item in node["items"])
        case "bytes":
            return bytes.fromhex(node["hex"])
        case "scalar":
            return np.frombuffer(bytes.fromhex(node["hex"]), _dtype(node))[0]
        case "array":
            return np.frombuffer(arrays[node["at"]].tobytes(), _dtype(node)).reshape(node["shape"]).copy()
        case "tensor":
            return _tensor(arrays[node["at"]], node)
        case unknown:
            raise ValueError(f"no packed state: unknown sort {unknown!r}")


def _tensor(content: Any, node: dict[str, Any]) -> Any:
    import torch

    dtype = getattr(torch, node["dtype"])
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"no packed state: unknown dtype {node['dtype']!r}")
    flat = torch.from_numpy(content.copy()).view(dtype) if content.size else torch.empty(0, dtype=dtype)
    return flat.reshape(node["shape"])


def _dtype(node: dict[str, Any]) -> "np.dtype[Any]":
    dtype: np.dtype[Any] = np.dtype(node["dtype"])
    if dtype.kind not in KINDS:
        raise ValueError(f"no packed state: unknown dtype {node['dtype']!r}")
    return dtype
