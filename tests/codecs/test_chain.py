"""Chains: what its stages do one after the other, and nothing else."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import softmax

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Codec, Cut
from edgesim.codecs.chain import Chain
from edgesim.codecs.identity import Identity
from edgesim.codecs.quantise import Quantise
from edgesim.codecs.topk import TopK
from edgesim.wire import Smashed

CUT = Cut((17, 24), classes=10)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def stacked() -> tuple[ADC, Quantise, Chain]:
    adc = ADC(CUT, xi=0.25)
    quantise = Quantise(Cut(adc.item), bits=4, per="sample")
    return adc, quantise, Chain(CUT, stages=[adc, quantise])


def batch_of(count: int = 12) -> Smashed:
    x = torch.randn(count, 17, 24, generator=seeded(1)).requires_grad_()
    attention = softmax(2 * torch.randn(count, 17, generator=seeded(2)), -1)
    return Smashed(x, torch.randint(10, (count,), generator=seeded(3)), attention)


def test_adc_then_quantise_is_both_in_turn() -> None:
    """compression.md 2.2.11: any value quantiser may follow ADC's wire tensor."""
    adc, quantise, chain = stacked()
    data = batch_of()
    payload = chain.encode(data, seeded())
    first = adc.encode(data, seeded())
    assert first.handle is not None
    second = quantise.encode(Smashed(first.handle.detach()), seeded())
    there, expected = chain.decode(payload.departed()), adc.expand(quantise.decode(second).x, first)
    assert torch.equal(there.x, expected.x)
    assert torch.equal(there.labels, expected.labels)  # type: ignore[arg-type]  # both have labels
    answer = torch.randn(first.handle.shape, generator=seeded(4))
    assert payload.handle is not None
    [through_chain] = torch.autograd.grad(payload.handle, data.x, answer)
    [through_adc] = torch.autograd.grad(first.handle, data.x, answer)
    assert torch.equal(through_chain, through_adc)  # rounding is straight-through
    outputs = torch.randn(len(there.x), 10)
    assert torch.equal(chain.spread(outputs, payload), adc.spread(outputs, first))


def test_sizes_add_and_published_ratios_multiply() -> None:
    adc, quantise, chain = stacked()
    ours, its, tail = chain.manifest(64), adc.manifest(64), quantise.manifest(adc.rows(64))
    assert [item.name for item in ours.fields] == ["0.labels", "0.sizes", "1.values", "1.ranges"]
    assert ours.bits == its.bits - its.by_role["values"] + tail.bits
    assert ours.paper_bits == pytest.approx(its.paper_bits * 4 / 32)
    assert ours.code_bits == pytest.approx(0.25 * 4 / 32 * CUT.base_bits(64))
    ratios = chain.ratios(64)
    assert ratios.paper_up == pytest.approx(adc.ratios(64).paper_up / 8)
    assert ratios.paper_down == adc.ratios(64).paper_down
    assert chain.flops(64) == tuple(map(sum, zip(adc.flops(64), quantise.flops(adc.rows(64)), strict=True)))
    assert (chain.item, chain.rows(64), chain.decoded(64)) == (adc.item, adc.rows(64), adc.decoded(64))


def test_flags_are_those_of_the_stages() -> None:
    _, _, chain = stacked()
    assert (chain.needs_attention, chain.needs_tokens, chain.integer_values, chain.fixed_size) == (True, True, True, False)
    topk = TopK(CUT, rate=0.1)
    plain = Chain(CUT, stages=[topk, Quantise(Cut(topk.item), format="bf16")])
    assert (plain.needs_attention, plain.needs_tokens, plain.integer_values, plain.fixed_size) == (False, False, False, True)
    assert not Chain.needs_attention  # the class itself is untouched


def test_one_stage_is_that_stage() -> None:
    data = batch_of()
    chain, alone = Chain(CUT, stages=[TopK(CUT, rate=0.2)]), TopK(CUT, rate=0.2)
    payload = chain.encode(data, seeded())
    assert payload.manifest.bits == alone.manifest(12).bits
    assert torch.equal(chain.decode(payload).x, alone.decode(alone.encode(data, seeded())).x)


def test_a_chain_may_end_in_a_chain() -> None:
    adc, quantise, flat = stacked()
    nested = Chain(CUT, stages=[adc, Chain(Cut(adc.item), stages=[quantise])])
    data = batch_of()
    payload = nested.encode(data, seeded())
    assert payload.manifest.bits == flat.manifest(12).bits
    assert torch.equal(nested.decode(payload.departed()).x, flat.decode(flat.encode(data, seeded())).x)


def test_answers_to_a_chain_have_the_shape_of_its_last_wire() -> None:
    adc = ADC(CUT, xi=0.25)
    chain = Chain(CUT, stages=[adc, TopK(Cut(adc.item), rate=0.5)])
    payload = chain.encode(batch_of(), seeded())
    assert payload.handle is not None
    assert payload.handle.shape == (6, round(0.5 * 8 * 24))
    wire = chain.receive(payload).clone().requires_grad_()
    torch.autograd.backward(chain.expand(wire, payload.departed()).x.sum())
    assert torch.equal(wire.grad, torch.ones_like(wire))  # type: ignore[arg-type]  # there is a gradient


def refused() -> dict[str, tuple[list[Codec], str]]:
    adc, inner = ADC(CUT, xi=0.25), Cut(CUT.item)
    return {
        "none": ([], "at least one codec"),
        "attention later": ([Identity(CUT), ADC(inner, xi=0.25)], r"stages\[1\] \(ADC\) needs the class token's attention"),
        "values rounded early": ([Quantise(CUT), TopK(inner, rate=0.1)], r"stages\[0\] \(Quantise\) sends something else"),
        "half values early": ([Quantise(CUT, format="fp16"), TopK(inner, rate=0.1)], "put it last"),
        "wrong cut": ([adc, Quantise(Cut((3, 24)))], r"stages\[1\] \(Quantise\) was built for"),
        "wrong first cut": ([Identity(Cut((3, 24)))], r"stages\[0\] \(Identity\) was built for"),
    }


@pytest.mark.parametrize("case", refused())
def test_stages_that_do_not_fit_are_refused(case: str) -> None:
    stages, message = refused()[case]
    with pytest.raises(ValueError, match=message):
        Chain(CUT, stages=stages)
