"""What every codec kind must do. A new kind is a new file in edgesim/codecs/; it is found here without being listed."""

import copy
import inspect
import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor
from torch.nn.functional import softmax

from edgesim import kinds
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.identity import Identity
from edgesim.wire import Field, Payload, Smashed, Subset

Knobs = dict[str, Any]

CUT = Cut((17, 24), classes=10)
BATCH = 12
BATCHES = (BATCH, 5, 1)  # a full batch, a short one, a single sample

# Knobs for kinds that need some; a kind that is not here gets TYPICAL for the knobs it has.
TYPICAL: Knobs = {"xi": 0.25, "seed": 0}
KNOBS: dict[str, list[Knobs]] = {
    "adc": [
        {"xi": 0.25},
        {"T": 4, "k": 5, "labels": "assignment", "loss_weight": "size"},
        {"xi": 0.3, "key": "avg_token", "labels": "dense", "loss_weight": "size", "init": "kmeans++"},
        {"xi": 0.3, "key": "cls_token", "select": "centroid", "split": "fifth", "tol_mode": "relative"},
        {"xi": 0.25, "key": "patch_score", "split": "measured"},
    ],
    "topk": [{"rate": 0.1}, {"xi": 0.02}, {"rate": 0.1, "index": "enumerative"}, {"rate": 1.0}],
    "adc_tokens": [{"xi": 0.4}, {"k": 1}],
    "randtopk": [{"rate": 0.1}, {"xi": 0.02, "alpha": 0.3, "index": "enumerative"}, {"rate": 1.0}],
    "c3sl": [{"R": 4}, {"xi": 0.2, "keys": "unitary"}, {"R": 1, "keys": "unitary"}],
    "bottlenet": [
        {"xi": 0.25},
        {"xi": 0.25, "variant": "conv", "noise": 0.1},
        {"xi": 0.25, "variant": "conv", "halve": True, "air": "erasure", "noise": 0.2, "output": "none"},
    ],
    "tome": [{"xi": 0.25}, {"k": 12}, {"xi": 1.0}],
    "evit": [{"xi": 0.25}, {"keep": 0.5}, {"keep": 1.0}],
    "feedback": [
        {"codec": {"kind": "topk", "rate": 0.1}},
        {"codec": {"kind": "quantise", "bits": 4}, "decay": 0.5},
    ],
    "adaptive": [
        {"codec": {"kind": "adc", "xi": 0.5}, "policy": "deadline", "step_s": 0.1, "xi_max": 0.25},
        {"codec": {"kind": "quantise"}, "policy": "budget", "steps": 9, "xi_min": 0.1, "levels": 3},
    ],
    "quantise": [
        {"bits": 8},
        {"bits": 3, "per": "sample", "rounding": "stochastic"},
        {"bits": 5, "per": "token"},
        {"bits": 16, "per": "channel", "rounding": "stochastic"},
        {"format": "fp16"},
        {"format": "bf16"},
    ],
    "splitfc": [{"xi": 0.25}, {"xi": 0.25, "reduction": 2.0, "column": "feature"}],
    "slacc": [{"xi": 0.25}, {"bits_max": 6}, {"xi": 0.2, "groups": 3, "entropy": "softmax"}],
    "slfac": [{"xi": 0.25}, {"bits_max": 6}],
    "nscsl": [{"xi": 0.25}, {"xi": 0.3, "energy": 1.0}, {"xi": 0.3, "energy": 0.5, "feedback": "off"}],
    "lowrank": [{"xi": 0.25}],
    "fedlite": [
        {"xi": 0.25},
        {"length": 2, "centroids": 12, "groups": 3},
        {"length": 2, "centroids": 12, "groups": 3, "answer": "codeword"},
    ],
    "chain": [
        {"stages": [{"kind": "adc", "xi": 0.25}, {"kind": "quantise", "bits": 4, "per": "sample"}]},
        {"stages": [{"kind": "identity"}, {"kind": "topk", "rate": 0.1}, {"kind": "quantise", "format": "fp16"}]},
        {"stages": [{"kind": "adc", "T": 4, "k": 5, "labels": "dense"}, {"kind": "slacc", "bits_min": 4, "bits_max": 6}]},
    ],
}


def knobs_of(kind: str) -> list[Knobs]:
    known = kinds.read("codec", kind).knobs
    return KNOBS.get(kind, [{name: value for name, value in TYPICAL.items() if name in known}])


CASES = [(kind, knobs) for kind in kinds.names("codec") for knobs in knobs_of(kind)]
every_codec = pytest.mark.parametrize(("kind", "knobs"), CASES, ids=lambda value: value if isinstance(value, str) else "")
every_kind = pytest.mark.parametrize("kind", kinds.names("codec"))


def build(kind: str, knobs: Knobs, cut: Cut = CUT) -> Codec:
    """As edgesim/build/ does it: the stages of a chain each see what the stage before leaves on the wire."""
    knobs = copy.deepcopy(knobs)
    stages: list[Codec] = []
    for stage in knobs.pop("stages", []):
        stages.append(build(stage.pop("kind"), stage, Cut(stages[-1].item) if stages else cut))
    if "codec" in knobs:
        knobs["codec"] = build(knobs["codec"].pop("kind"), knobs["codec"], cut)
    codec = kinds.load("codec", kind)(cut, **knobs, **({"stages": stages} if stages else {}))
    assert isinstance(codec, Codec)
    return codec


def smashed(batch: int = BATCH, dtype: torch.dtype = torch.float32, cut: Cut = CUT) -> Smashed:
    """Random activations with labels and attention rows."""
    generator = Generator().manual_seed(batch)
    tokens = cut.item[0]
    x = torch.randn(batch, *cut.item, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
    attention = softmax(2.0 * torch.randn(batch, tokens, generator=generator), -1)
    labels = torch.randint(cut.classes, (batch,), generator=generator) if cut.classes else None
    if labels is not None and cut.soft_labels:
        labels = softmax(torch.randn(batch, cut.classes, generator=generator), -1)
    return Smashed(x, labels, attention.to(dtype))


def seeded(seed: int = 7) -> Generator:
    return Generator().manual_seed(seed)


def check_announced(codec: Codec, payload: Payload, batch: int) -> None:
    """The message has the announced size; where sizes depend on data, at most that, and charges and fields are as announced."""
    found, announced = payload.manifest, codec.manifest(batch)
    assert (found.paper_bits, found.code_bits) == (announced.paper_bits, announced.code_bits)
    if codec.fixed_size:
        assert found == announced
    assert found.bits <= announced.bits
    pairs = zip(found.fields, announced.fields, strict=True)
    assert all(
        (a.name, a.bits_each, a.role, a.analog, a.form) == (b.name, b.bits_each, b.role, b.analog, b.form) for a, b in pairs
    )


def arrived(payload: Payload) -> Payload:
    """Only what crossed the air: fields and copies of their tensors."""
    names = [item.name for item in payload.manifest.fields]
    return Payload(payload.manifest, {name: payload.tensors[name].detach().clone() for name in names})


def equal(first: Payload, second: Payload) -> bool:
    same = all(torch.equal(tensor, second.tensors[name]) for name, tensor in first.tensors.items())
    return same and first.tensors.keys() == second.tensors.keys() and first.manifest == second.manifest


def test_the_kinds_of_the_issue_are_there() -> None:
    assert {"identity", "adc", "topk", "quantise", "chain"} <= set(kinds.names("codec"))


@every_kind
def test_a_file_holds_one_documented_final_class(kind: str) -> None:
    found = kinds.read("codec", kind)
    cls = kinds.load("codec", kind)
    assert cls.__bases__ == (Codec,)
    assert not cls.__subclasses__()
    assert found.summary.endswith(".")
    assert all(knob.doc for knob in found.knobs.values()), [name for name, knob in found.knobs.items() if not knob.doc]
    positional, *rest = [parameter for name, parameter in inspect.signature(cls.__init__).parameters.items() if name != "self"]
    assert positional.name == "cut"
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in rest)


@every_codec
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("soft", [False, True])
def test_the_message_is_the_announced_one(kind: str, knobs: Knobs, batch: int, soft: bool) -> None:
    cut = Cut(CUT.item, CUT.classes, soft_labels=soft)
    codec = build(kind, knobs, cut)
    check_announced(codec, codec.encode(smashed(batch, cut=cut), seeded()), batch)


@every_codec
@pytest.mark.parametrize("batch", BATCHES)
def test_every_field_has_its_tensor_and_every_bit_its_place(kind: str, knobs: Knobs, batch: int) -> None:
    payload = build(kind, knobs).encode(smashed(batch), seeded())
    names = [item.name for item in payload.manifest.fields]
    assert len(set(names)) == len(names)
    assert set(payload.tensors) == set(names)
    for item in payload.manifest.fields:
        tensor = payload.tensors[item.name]
        assert tensor.shape == ((*item.shape, item.form.kept) if isinstance(item.form, Subset) else item.shape)
        assert not tensor.requires_grad
        if not isinstance(item.form, Subset):
            assert fits(tensor, item), f"{item} cannot carry {tensor.dtype}"


def fits(tensor: Tensor, item: Field) -> bool:
    """Whether `bits_each` bits can carry every entry."""
    if tensor.is_floating_point():
        return 8 * tensor.element_size() == item.bits_each
    return not tensor.numel() or (int(tensor.min()) >= 0 and int(tensor.max()) < 2**item.bits_each)


@every_codec
def test_nothing_is_larger_than_no_compression(kind: str, knobs: Knobs) -> None:
    payload = build(kind, knobs).encode(smashed(64), seeded())
    roles, base = payload.manifest.by_role, Identity(CUT).manifest(64).by_role
    assert roles["values"] <= base["values"]
    assert payload.manifest.bits <= sum(base.values())


@every_codec
def test_the_decoder_needs_only_what_was_sent(kind: str, knobs: Knobs) -> None:
    """Another instance, with nothing but the weights of the first, decodes copies of the departed tensors."""
    codec, receiver = build(kind, knobs), build(kind, knobs)
    receiver.load_state_dict(codec.state_dict())
    with torch.no_grad():  # as at evaluation, where every sample gets an output back
        payload = codec.encode(smashed(), seeded())
        here, there = codec.decode(payload), receiver.decode(arrived(payload))
    assert len(codec.spread(there.x.flatten(1), payload)) == BATCH
    assert torch.equal(here.x, there.x)
    if knobs.get("split") != "measured":  # there it is a bound: the batch decides
        assert there.x.shape == codec.decoded(BATCH)
    assert there.labels is not None
    assert len(there.labels) == len(there.x)
    assert torch.equal(there.labels, here.labels)
    if there.weight is not None:
        assert there.weight.shape == (len(there.x),)
        torch.testing.assert_close(there.weight.sum(), torch.ones(()))


@every_codec
def test_the_generator_is_the_only_randomness(kind: str, knobs: Knobs) -> None:
    codec, data = build(kind, knobs), smashed()
    before = data.x.detach().clone()
    again = copy.deepcopy(codec)  # some codecs remember what they sent
    once = codec.encode(data, seeded())
    torch.rand(3)  # moves the global stream on
    state = torch.get_rng_state()
    assert equal(once, again.encode(data, seeded()))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(data.x, before)


@every_codec
def test_soft_labels_survive(kind: str, knobs: Knobs) -> None:
    """Merged or not, labels stay distributions; their mean over samples is kept where rows weigh by size or nothing merges."""
    cut = Cut(CUT.item, CUT.classes, soft_labels=True)
    codec, data = build(kind, knobs, cut), smashed(cut=cut)
    there = codec.decode(arrived(codec.encode(data, seeded())))
    assert there.labels is not None
    assert data.labels is not None
    torch.testing.assert_close(there.labels.sum(1), torch.ones(len(there.labels)))
    if there.weight is not None or len(there.labels) == BATCH:
        weight = torch.full((BATCH,), 1.0 / BATCH) if there.weight is None else there.weight
        torch.testing.assert_close(weight @ there.labels, data.labels.mean(0))
    hard = Smashed(data.x, torch.arange(BATCH) % cut.classes, data.attention)  # a test set has class numbers
    payload = codec.encode(hard, seeded())
    check_announced(codec, payload, BATCH)
    labels = codec.decode(arrived(payload)).labels
    assert labels is not None
    assert labels.shape == (len(there.labels), cut.classes)


@every_codec
def test_labels_that_were_announced_must_be_there(kind: str, knobs: Knobs) -> None:
    data = smashed()
    with pytest.raises(ValueError, match="labels"):
        build(kind, knobs).encode(Smashed(data.x, None, data.attention), seeded())


@every_codec
@pytest.mark.parametrize("batch", [*BATCHES, 128])
def test_costs_are_announced_without_data(kind: str, knobs: Knobs, batch: int) -> None:
    codec = build(kind, knobs)
    assert all(0.0 <= flops < math.inf for flops in codec.flops(batch))
    manifest, ratios = codec.manifest(batch), codec.ratios(batch)
    assert all(0.0 < ratio <= 2.0 for ratio in ratios)
    assert manifest.paper_bits == pytest.approx(CUT.base_bits(batch) * ratios.paper_up, rel=1e-12)
    assert manifest.code_bits == pytest.approx(CUT.base_bits(batch) * ratios.code_up, rel=1e-12)


@every_codec
@pytest.mark.parametrize("generator_on", ["cpu", "cuda"])
def test_tensors_may_be_on_another_device_than_the_generator(kind: str, knobs: Knobs, generator_on: str, gpu: Any) -> None:
    codec, data = build(kind, knobs), smashed()
    here = codec.receive(codec.encode(data, seeded()))
    codec = build(kind, knobs).to("cuda")
    there = Smashed(data.x.detach().cuda().requires_grad_(), data.labels.cuda(), data.attention.cuda())  # type: ignore[union-attr]  # both are given
    payload = codec.encode(there, torch.Generator(generator_on).manual_seed(7))
    assert all(tensor.is_cuda for tensor in payload.tensors.values())
    told = codec.decode(arrived(payload))
    assert all(each is None or each.is_cuda for each in (told.x, told.labels, told.weight, told.positions, told.attention))
    assert payload.handle is not None
    payload.handle.sum().backward()
    assert there.x.grad is not None
    assert there.x.grad.is_cuda
    if generator_on == "cpu" or gpu is not None:
        torch.testing.assert_close(codec.receive(payload).cpu(), here, rtol=1e-3, atol=1e-3)
