"""The other end, in a process of its own: it builds codecs from their knobs and decodes messages that it finds in a folder.

    python receiver.py FOLDER

FOLDER/messages.json lists, for each message, its number, the codec's kind and knobs, the cut, the size of the batch and whether
the run is in training. N.bin is message N. N.pt holds what was trained on the server's side, where anything was. What comes out
of decoding goes to FOLDER/decoded.pt.
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from edgesim.codecs.base import Cut


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"beside_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def decoded(folder: Path, order: dict[str, Any]) -> dict[str, torch.Tensor | None]:
    """What one message says."""
    cut = Cut(tuple(order["item"]), order["classes"], order["soft_labels"])
    codec = beside_codecs.build(order["kind"], order["knobs"], cut).train(order["training"])
    trained = folder / f"{order['number']}.pt"
    if trained.exists():
        unknown = codec.load_state_dict(torch.load(trained), strict=False).unexpected_keys
        assert not unknown, unknown
    payload = codec.from_bytes((folder / f"{order['number']}.bin").read_bytes(), order["batch"])
    with torch.no_grad():
        there = codec.decode(payload)
    return {"x": there.x, "labels": there.labels, "weight": there.weight}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    beside_codecs = beside("test_codecs")
    orders = json.loads((folder / "messages.json").read_text())
    torch.save([decoded(folder, order) for order in orders], folder / "decoded.pt")
