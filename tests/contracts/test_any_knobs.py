"""Every codec at knobs, shapes and batches that nobody chose: refused, or announced, written, read and learned from."""

import math
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from edgesim import kinds
from edgesim.codecs.base import Codec, Cut
from edgesim.kind_files import Knob
from edgesim.wire import Smashed
from tests.contracts import test_codecs as codecs  # its list of cases, and what builds them

MOST = 20  # of a number that has no upper end


def values(knob: Knob) -> st.SearchStrategy[Any]:
    """What a knob may be set to; its default only, where it is a codec or a list."""
    given = knob.annotation.removesuffix(" | None")
    if given.startswith("Literal"):
        return st.sampled_from([name.strip("'") for name in given[len("Literal[") : -1].split(", ")])
    if given == "bool":
        return st.booleans()
    if knob.interval is None:
        return st.just(knob.default)
    low, high = knob.interval.low, min(knob.interval.high, MOST)
    if "int" in given.partition(",")[0]:
        return st.integers(math.ceil(low), int(high))
    open_low, open_high = not knob.interval.low_closed, high == knob.interval.high and not knob.interval.high_closed
    return st.floats(low, high, exclude_min=open_low, exclude_max=open_high)


cuts = st.builds(
    lambda tokens, width, classes, soft: Cut((tokens, width), classes, soft_labels=soft and classes > 0),
    *(st.sampled_from([1, 2, 5, 17]), st.sampled_from([1, 2, 5, 8]), st.sampled_from([0, 1, 3, 10]), st.booleans()),
)


def given_back(codec: Codec, data: Smashed, batch: int) -> None:
    """One message: as announced, as many bytes, read to the same, and a gradient for what was sent."""
    payload = codec.encode(data, Generator().manual_seed(2))
    codecs.check_announced(codec, payload, batch)
    octets = codec.to_bytes(payload)
    assert len(octets) == -(-payload.manifest.bits // 8)
    read = codec.from_bytes(octets, batch)
    assert read.manifest == payload.manifest
    here, there = codec.decode(codecs.arrived(payload)), codec.decode(read)
    assert torch.equal(here.x, there.x)
    assert there.x.isfinite().all()
    assert there.labels is None or len(there.labels) == len(there.x)
    wire = codec.receive(read).detach().requires_grad_()
    torch.autograd.backward(codec.expand(wire, read).x.square().sum())
    assert payload.handle is not None
    torch.autograd.backward(payload.handle, wire.grad)


@codecs.every_codec
@settings(max_examples=10)
@given(data=st.data())
def test_knobs_are_refused_or_hold(kind: str, knobs: dict[str, Any], data: st.DataObject) -> None:
    known = kinds.read("codec", kind).knobs
    changed = data.draw(st.lists(st.sampled_from(sorted(known)), max_size=3, unique=True)) if known else []
    drawn = {name: data.draw(values(known[name]), label=name) for name in changed}
    cut, batch = data.draw(cuts), data.draw(st.sampled_from([1, 2, 3, 12]))
    generator = Generator().manual_seed(1)
    x = torch.randn(batch, *cut.item, generator=generator)
    try:
        codec = codecs.build(kind, knobs | {name: value for name, value in drawn.items() if value is not None}, cut)
        codec.calibrate(x)
        codec.manifest(batch)  # adaptive makes its sizes when it is asked for them
    except ValueError:
        return
    codec.train(data.draw(st.booleans(), label="training"))
    if data.draw(st.booleans(), label="equal samples"):
        x = x[:1].repeat(batch, 1, 1)
    attention = torch.softmax(x.mean(2), 1)
    labels = torch.randint(cut.classes, (batch,), generator=generator) if cut.classes else None
    for dtype in (torch.float32, torch.float16):
        given_back(codec, Smashed(x.to(dtype).requires_grad_(), labels, attention), batch)
