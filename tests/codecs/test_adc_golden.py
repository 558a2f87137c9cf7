"""ADC's golden values: the rounding table, payloads and ratios of compression.md 2.2.6 and 2.2.9."""

from typing import Any

import pytest
import torch
from torch import Generator

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Cut
from edgesim.codecs.identity import Identity
from edgesim.wire import Smashed

TINY = Cut((197, 192), classes=100)  # DeiT-T, CIFAR-100
SMALL = Cut((197, 384), classes=100)  # DeiT-S

# (T, k, T/B k/n) at B = 128, n = 197: the table of compression.md 2.2.6
ROUNDING = {
    "sqrt": {
        0.01: (12, 19, 0.00904),
        0.05: (28, 44, 0.04886),
        0.1: (40, 62, 0.09835),
        0.2: (57, 88, 0.19892),
        0.3: (70, 107, 0.29703),
        0.4: (80, 124, 0.39340),
        0.5: (90, 139, 0.49611),
    },
    "fifth": {
        0.01: (50, 4, 0.00793),
        0.05: (70, 17, 0.04719),
        0.1: (80, 31, 0.09835),
        0.2: (92, 54, 0.19702),
        0.3: (100, 75, 0.29743),
        0.4: (106, 94, 0.39515),
        0.5: (111, 113, 0.49742),
    },
    "r1bug": {
        0.01: (12, 62, 0.02951),
        0.05: (28, 93, 0.10327),
        0.1: (40, 110, 0.17449),
        0.2: (57, 131, 0.29612),
        0.3: (70, 145, 0.40252),
        0.4: (80, 156, 0.49492),
        0.5: (90, 165, 0.58891),
    },
}


@pytest.mark.parametrize("split", ROUNDING)
def test_rounding_table(split: Any) -> None:
    for xi, (clusters, tokens, ratio) in ROUNDING[split].items():
        codec = ADC(TINY, xi=xi, split=split)
        assert (codec.rows(128), codec.k) == (clusters, tokens)
        assert codec.ratios(128).paper_up == pytest.approx(ratio, abs=5e-6)
        assert codec.ratios(128).paper_down == codec.ratios(128).paper_up
        assert (codec.ratios(128).code_up, codec.ratios(128).code_down) == (xi, xi)  # nominal, whatever came out


def test_golden_payload() -> None:
    assert ADC(TINY, xi=0.1).manifest(128).by_role["values"] == 15_237_120
    assert ADC(SMALL, xi=0.1).manifest(128).by_role["values"] == 30_474_240
    for labels, bits in {"sizes": 1_216, "assignment": 1_664, "dense": 128_000 + 6}.items():  # 6 bits: how many clusters
        roles = ADC(TINY, xi=0.1, labels=labels).manifest(128).by_role  # type: ignore[arg-type]  # one of the three
        assert roles["labels"] + roles["side"] == bits
    soft = ADC(Cut(TINY.item, 100, soft_labels=True), xi=0.1, labels="sizes").manifest(128)
    assert soft.by_role["labels"] == 128_000


def test_golden_payload_in_bytes() -> None:
    """15 237 120 + 1 216 bits are 1 904 792 bytes, and they are enough."""
    generator = Generator().manual_seed(0)
    attention = torch.rand(128, 197, generator=generator).softmax(1)
    smashed = Smashed(torch.randn(128, 197, 192, generator=generator), torch.arange(128) % 100, attention)
    codec = ADC(TINY, xi=0.1)
    payload = codec.encode(smashed, generator)
    data = codec.to_bytes(payload)
    assert len(data) == 1_904_792
    here, there = codec.decode(payload.departed()), codec.decode(codec.from_bytes(data, 128))
    assert torch.equal(here.x, there.x)
    assert here.labels is not None
    assert torch.equal(here.labels, there.labels)  # type: ignore[arg-type]  # is there, too


@pytest.mark.parametrize(("xi", "sizes", "dense"), [(0.01, 0.00905, 0.00929), (0.1, 0.09836, 0.09918)])
def test_golden_wire_ratio(xi: float, sizes: float, dense: float) -> None:
    base = Identity(TINY).manifest(128).bits
    assert ADC(TINY, xi=xi).manifest(128).bits / base == pytest.approx(sizes, abs=5e-6)
    assert ADC(TINY, xi=xi, labels="dense").manifest(128).bits / base == pytest.approx(dense, abs=5e-6)


def test_charges() -> None:
    manifest, base = ADC(TINY, xi=0.1).manifest(128), TINY.base_bits(128)
    assert manifest.paper_bits == pytest.approx(base * 40 * 62 / (128 * 197))
    assert manifest.code_bits == pytest.approx(base * 0.1)
    explicit = ADC(TINY, T=40, k=62).manifest(128)  # nothing nominal: the code charges the product of both factors
    assert explicit.code_bits == explicit.paper_bits == pytest.approx(manifest.paper_bits)


def test_flops_do_not_depend_on_data_and_grow_with_the_cap() -> None:
    """k-means is charged at max_iter: 10 more iterations cost 10 (3 B T n + B T + B n + 4 T n)."""
    short, long = (ADC(TINY, xi=0.1, max_iter=steps).flops(128)[0] for steps in (40, 50))
    batch, clusters, tokens = 128, 40, 197
    each = 3 * batch * clusters * tokens + batch * clusters + batch * tokens + 4 * clusters * tokens
    assert long - short == 10 * each
