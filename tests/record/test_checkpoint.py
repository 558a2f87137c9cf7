"""A checkpoint is the one that was written, to the last bit, or it is none."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesim.record import checkpoint, packing
from edgesim.record.checkpoint import Checkpoint, Damaged

STATE: dict[str, Any] = {
    "numbers": [0.1, -0.0, math.inf, 1 << 127, -3, True, None, "ξ"],
    "by_client": {0: (1, 2.5), 17: ()},
    "marked": {"~": "a key like ours"},
    "pcg": np.random.default_rng(3).bit_generator.state,
    "bytes": b"\x00\xff",
    "arrays": [np.arange(6, dtype=np.int16).reshape(2, 3).T, np.zeros((0, 4)), np.array(7.5), np.array([1 + 2j])],
    "scalar": np.float32(0.1),
    "weights": {
        "half": torch.randn(3, 2, generator=torch.Generator().manual_seed(1)).to(torch.bfloat16),
        "none": torch.zeros(0),
    },
    "generator": torch.Generator().manual_seed(5).get_state(),
    "strided": torch.arange(12).reshape(3, 4)[:, ::2],
    "count": torch.tensor(9),
}


def same(one: Any, other: Any) -> bool:
    """Equal and of the same type, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return [*one] == [*other] and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray | np.generic):
        return bool(one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes())
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return repr(one) == repr(other)


def at(step: int, **rows: int) -> Checkpoint:
    return Checkpoint(step, rows, {"digest": "ab"}, STATE)


def test_everything_comes_back_to_the_last_bit() -> None:
    assert same(packing.unpack(packing.pack(STATE)), STATE)
    nan = packing.unpack(packing.pack([math.nan]))[0]
    assert math.isnan(nan)


@pytest.mark.parametrize("value", [{1, 2}, object(), np.array(["a"]), np.array([None]), len, Path("x"), at(1)])
def test_what_cannot_be_kept_is_named_with_its_place(value: Any) -> None:
    with pytest.raises(TypeError, match=r"state\.a\[1\] is of type .*cannot be kept"):
        packing.pack({"a": [0, value]})


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, at(12, steps=12))
    back = checkpoint.read(path)
    assert back[:3] == (12, {"steps": 12}, {"digest": "ab"})
    assert same(back.state, STATE)
    assert [each.name for each in path.parent.iterdir()] == ["step-0000000012.checkpoint"]


def test_the_latest_two_are_kept(tmp_path: Path) -> None:
    for step in (9, 10, 100, 20):  # in the end the numbers count, not the order of writing
        checkpoint.write(tmp_path, at(step))
    assert [checkpoint.step_of(path) for path in checkpoint.everything(tmp_path)] == [100, 20]


def test_one_bit_or_byte_anywhere_makes_it_none(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, at(1))
    content = path.read_bytes()
    places = [*range(60), *range(60, len(content), 97), len(content) - 1]
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(Damaged):
            checkpoint.read(path)
    for torn in (b"", content[:4], content[:40], content[:-1], content + b"\0"):
        path.write_bytes(torn)
        with pytest.raises(Damaged, match="torn or was altered"):
            checkpoint.read(path)


def test_another_format_is_refused_by_name(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, at(1))
    content = bytearray(path.read_bytes())
    content[7] += 1
    path.write_bytes(content)
    with pytest.raises(Damaged, match="format 2; this version reads format 1"):
        checkpoint.read(path)


def test_a_renamed_one_is_refused(tmp_path: Path) -> None:
    path = checkpoint.write(tmp_path, at(1))
    with pytest.raises(Damaged, match="holds step 1: it was renamed"):
        checkpoint.read(path.rename(path.with_name("step-0000000002.checkpoint")))


def test_a_damaged_one_gives_way_to_the_one_before(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, at(4, steps=4))
    checkpoint.write(tmp_path, at(8, steps=8)).write_bytes(b"power cut")
    found = checkpoint.latest(tmp_path, {"steps": 9})
    assert found.checkpoint is not None
    assert found.checkpoint.step == 4
    assert len(found.refused) == 1
    assert "step-0000000008.checkpoint is torn or was altered" in found.refused[0]


def test_one_whose_rows_are_gone_is_not_used(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, at(4, steps=4, transfers=8))
    checkpoint.write(tmp_path, at(8, steps=8, transfers=16))
    found = checkpoint.latest(tmp_path, {"steps": 8, "transfers": 15})
    assert found.checkpoint is not None
    assert found.checkpoint.step == 4
    assert found.refused[0].endswith("counts rows of transfers that are not there any more")
    assert checkpoint.latest(tmp_path, {}).checkpoint is None


@pytest.mark.parametrize("change", [{"rows": [3]}, {"rows": {"steps": -1}}, {"rows": {"steps": 1.5}}, {"facts": None}], ids=str)
def test_a_whole_one_of_something_else_is_none(change: dict[str, Any], tmp_path: Path) -> None:
    """Its checksum says that nobody altered it since, not that a run has written it."""
    path = checkpoint.write(tmp_path, at(3)._replace(**change))
    with pytest.raises(Damaged, match="is no checkpoint"):
        checkpoint.read(path)


def test_a_tensor_without_numbers_takes_no_memory_whatever_its_shape_says() -> None:
    from safetensors.numpy import load, save

    block = load(packing.pack(torch.zeros(0)))
    text = block[packing.STRUCTURE].tobytes().replace(b'"shape":[0]', b'"shape":[1000000000000]')
    with pytest.raises(ValueError, match="no packed state"):
        packing.unpack(save(block | {packing.STRUCTURE: np.frombuffer(text, np.uint8)}))
