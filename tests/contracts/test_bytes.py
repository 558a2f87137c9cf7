"""Every codec's messages as bytes: as long as announced, and all that another process needs to decode them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import edgesim
from edgesim.codecs.base import Codec, Cut
from edgesim.learn.air import ErasingAir, FlippingAir
from edgesim.wire import Payload, Smashed
from tests.contracts import test_codecs as codecs  # its list of cases, and what builds them

CUT, BATCH = codecs.CUT, codecs.BATCH
SOFT = Cut(CUT.item, CUT.classes, soft_labels=True)
GRADIENTS = [Cut(item) for item in ((30,), (5, 6), (2, 3, 5))]


class Message(NamedTuple):
    """What one end sends: from `sent` by `codec` in `training`."""

    case: int
    kind: str
    knobs: dict[str, Any]
    cut: Cut
    sent: Smashed
    training: bool = True

    @property
    def order(self) -> dict[str, Any]:
        """What the other end is told besides the bytes."""
        cut = {"item": self.cut.item, "classes": self.cut.classes, "soft_labels": self.cut.soft_labels}
        return {"kind": self.kind, "knobs": self.knobs, "batch": len(self.sent.x), "training": self.training, **cut}


def repeated(sent: Smashed, different: int) -> Smashed:
    """The first few samples over and over."""
    rows = torch.arange(len(sent.x)) % different
    assert sent.labels is not None
    assert sent.attention is not None
    return Smashed(sent.x[rows], sent.labels[rows], sent.attention[rows])


def up(case: int, kind: str, knobs: dict[str, Any]) -> Iterator[Message]:
    """A full batch, short ones, equal samples, nothing at all, half precision, soft labels, and evaluation."""
    for batch in codecs.BATCHES:
        yield Message(case, kind, knobs, CUT, codecs.smashed(batch))
    for different in (1, 3):
        yield Message(case, kind, knobs, CUT, repeated(codecs.smashed(), different))
        yield Message(case, kind, knobs, SOFT, repeated(codecs.smashed(cut=SOFT), different))
    zeros = codecs.smashed()
    yield Message(
        case, kind, knobs, CUT, Smashed(torch.zeros_like(zeros.x), zeros.labels, torch.ones(BATCH, CUT.item[0]) / CUT.item[0])
    )
    for dtype in (torch.float16, torch.bfloat16):
        yield Message(case, kind, knobs, CUT, codecs.smashed(5, dtype))
    yield Message(case, kind, knobs, SOFT, codecs.smashed(cut=SOFT))
    half = codecs.smashed(5, torch.float16, cut=SOFT)
    yield Message(case, kind, knobs, SOFT, Smashed(half.x, half.labels.half(), half.attention))
    yield Message(case, kind, knobs, CUT, codecs.smashed(), training=False)


def down(case: int, kind: str, knobs: dict[str, Any]) -> Iterator[Message]:
    """Gradients of wire tensors of any shape, without labels."""
    for cut in () if codecs.build(kind, knobs).needs_tokens else GRADIENTS:
        for batch in (BATCH, 1) if cut is GRADIENTS[0] else (BATCH,):
            yield Message(case, kind, knobs, cut, Smashed(torch.randn(batch, *cut.item, generator=codecs.seeded())))


MESSAGES = [message for case, one in enumerate(codecs.CASES) for each in (up, down) for message in each(case, one[0], one[1])]


def trained(codec: Codec) -> dict[str, Tensor]:
    """Makes the server's part other than it was built, as training does; what there is of it then."""
    own = {name: tensor for name, tensor in codec.state_dict().items() if "server" in name.split(".")}
    for name, tensor in own.items():
        if tensor.is_floating_point() and "running" not in name:
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=codecs.seeded(3)))
    return own


class Received(NamedTuple):
    """One message as it went out, and what came out of it at either end."""

    message: Message
    codec: Codec
    payload: Payload
    data: bytes
    here: Smashed
    there: dict[str, Tensor | None]


def wanted(request: pytest.FixtureRequest) -> set[int]:
    """The cases that the selected tests of this file look at; all, if one of them looks at all."""
    mine = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    cases = [item.callspec.params.get("case") if hasattr(item, "callspec") else None for item in mine]
    return set(range(len(codecs.CASES))) if None in cases else set(cases)


@pytest.fixture(scope="module")
def exchanged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Received]:
    """All messages, decoded here from their payloads and in one other process from their bytes."""
    folder = tmp_path_factory.mktemp("messages")
    sent, orders = [], []
    cases = wanted(request)
    for number, message in enumerate(message for message in MESSAGES if message.case in cases):
        codec = codecs.build(message.kind, message.knobs, message.cut).train(message.training)
        if codec.adapts:  # one of its sizes; the other end learns from the message which
            codec = codec.pinned(number % len(codec.choices))
        if state := trained(codec):
            torch.save(state, folder / f"{number}.pt")
        with torch.no_grad():
            payload = codec.encode(message.sent, codecs.seeded())
            here = codec.decode(codecs.arrived(payload))
        data = codec.to_bytes(payload)
        (folder / f"{number}.bin").write_bytes(data)
        orders.append({"number": number, **message.order})
        sent.append((message, codec, payload, data, here))
    (folder / "messages.json").write_text(json.dumps(orders))
    receiver = Path(__file__).with_name("receiver.py")
    same = os.environ | {"PYTHONPATH": str(Path(edgesim.__file__).parents[1])}  # the package under test, wherever it is
    done = subprocess.run([sys.executable, str(receiver), str(folder)], capture_output=True, text=True, check=False, env=same)
    assert done.returncode == 0, done.stderr
    decoded = torch.load(folder / "decoded.pt")
    return [Received(*one, there) for one, there in zip(sent, decoded, strict=True)]


each_case = pytest.mark.parametrize("case", range(len(codecs.CASES)), ids=[kind for kind, _knobs in codecs.CASES])


@each_case
def test_a_message_is_as_long_as_its_manifest_says(exchanged: list[Received], case: int) -> None:
    for one in (one for one in exchanged if one.message.case == case):
        assert len(one.data) == -(-one.payload.manifest.bits // 8)
        codecs.check_announced(one.codec, one.payload, len(one.message.sent.x))
        assert one.codec.from_bytes(one.data, len(one.message.sent.x)).manifest == one.payload.manifest


@each_case
def test_another_process_decodes_the_bytes_to_the_same(exchanged: list[Received], case: int) -> None:
    for one in (one for one in exchanged if one.message.case == case):
        for name, there in one.there.items():
            here = getattr(one.here, name)
            assert (here is None) == (there is None), (one.message.order, name)
            if here is not None:
                assert here.dtype == there.dtype
                assert torch.equal(here, there), (one.message.order, name)


@each_case
def test_bytes_of_another_length_are_refused(exchanged: list[Received], case: int) -> None:
    one = next(one for one in exchanged if one.message.case == case)
    for wrong in (one.data + b"\0", one.data[:-1], b""):
        with pytest.raises(ValueError, match="bytes"):
            one.codec.from_bytes(wrong, len(one.message.sent.x))
    with pytest.raises(ValueError, match="a message has at least one sample, but batch is 0"):
        one.codec.from_bytes(b"", 0)


def broken(data: bytes, random: np.random.Generator) -> Iterator[bytes]:
    """As many bytes as a message has, but others: all bits alike, noise, noise at the beginning, single bits inverted."""
    size = len(data)
    yield from (bytes(size), b"\xff" * size, random.bytes(size))
    for _ in range(3):
        begin = random.integers(1, min(size, 24) + 1)
        yield random.bytes(begin) + data[begin:]
        harmed = bytearray(data)
        harmed[int(random.integers(min(size, 24)))] ^= 1 << int(random.integers(8))
        yield bytes(harmed)


@each_case
def test_wrong_bytes_are_refused_or_decoded(exchanged: list[Received], case: int) -> None:
    random = np.random.default_rng(case)
    for one in (one for one in exchanged if one.message.case == case):
        for wrong in broken(one.data, random):
            try:
                payload = one.codec.from_bytes(wrong, len(one.message.sent.x))
            except ValueError:
                continue
            with torch.no_grad():
                there = one.codec.decode(payload)
            assert there.x.shape[1:] == one.here.x.shape[1:] or one.message.knobs.get("split") == "measured"
            assert there.labels is None or len(there.labels) == len(there.x)


@each_case
@pytest.mark.parametrize("air", ["flips", "zero", "last"])
def test_whatever_is_wrong_or_missing_something_is_decoded(exchanged: list[Received], case: int, air: str) -> None:
    """Nothing protected: of every field some bits are inverted, or some entries lost. Rows and labels stay what they can be."""
    one = next(one for one in exchanged if one.message.case == case)
    if one.message.kind == "adaptive":
        pytest.skip("a scenario with an adaptive codec and unprotected side information is refused (tests/bad_input)")
    random = np.random.default_rng(case)
    fields = [item for item in one.payload.manifest.fields if item.bits]
    if air == "flips":
        flips = {item.name: np.flatnonzero(random.random(item.bits) < 0.1) for item in fields}
        harmed = FlippingAir("clamp")(codecs.arrived(one.payload), flips, 1)
    else:
        erased = {item.name: random.random(item.count) < 0.3 for item in fields}
        harmed = ErasingAir(air)(codecs.arrived(one.payload), erased, 1)  # type: ignore[arg-type]  # one of two
    there = one.codec.decode(harmed)
    assert there.labels is not None
    assert len(there.labels) == len(there.x)
    assert one.here.labels is not None
    assert there.labels.shape[1:] == one.here.labels.shape[1:]
    if not there.labels.is_floating_point():
        assert int(there.labels.max()) < CUT.classes
    if one.message.knobs.get("split") != "measured":  # there the message says how many rows of how many tokens there are
        assert there.x.shape == one.here.x.shape


def test_sizes_that_depend_on_data_do(exchanged: list[Received]) -> None:
    """Of every codec that only bounds its size some message is smaller than announced; of the others none is."""
    bounded, smaller = set(), set()
    for one in (one for one in exchanged if one.message.kind != "adaptive"):  # whose size is told before it is sent
        bounded |= {one.message.case} if not one.codec.fixed_size else set()
        if one.payload.manifest.bits < one.codec.manifest(len(one.message.sent.x)).bits:
            smaller.add(one.message.case)
    assert smaller == bounded
