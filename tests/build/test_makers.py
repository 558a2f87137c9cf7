"""Codecs with a target ratio, from a scenario: at the batch at hand, inside others, and refused in words with a place."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgesim import build
from edgesim.codecs.target import aims
from edgesim.errors import ScenarioError
from edgesim.load import load

IDEAL = Path(__file__).resolve().parents[2] / "scenarios" / "ideal.yaml"  # 64 samples of 17 tokens and 48 channels


def learning(up: Any = "identity", down: Any = "identity") -> build.Learning:
    return build.learning(load(IDEAL, {"uplink.codec": up, "downlink.codec": down}))


def test_a_kind_without_xi_of_its_own_takes_one() -> None:
    exchange = learning({"kind": "quantise", "xi": 0.2, "per": "sample", "xi_ledger": "wire"}).exchange
    assert exchange.up.manifest(64).by_role["values"] == 6 * 64 * 17 * 48
    assert aims(exchange.up)[""] == ("wire", 0.2, pytest.approx((6 * 816 + 64 + 4) / (32 * 816 + 4)))


def test_a_kind_with_xi_of_its_own_follows_another_ledger() -> None:
    assert learning({"kind": "adc", "xi": 0.2}).exchange.up.rows(64) == 28  # floor(sqrt(0.2) 64), whatever comes of it
    wire = learning({"kind": "adc", "xi": 0.2, "xi_ledger": "wire"}).exchange.up
    assert wire.aim is not None
    assert abs(wire.aim.realised - 0.2) < 0.01 < 0.2 - 28 * 7 / (64 * 17)


def test_a_chain_sizes_its_first_stage_and_a_stage_itself() -> None:
    stages: list[Any] = ["adc", {"kind": "quantise", "bits": 8}]
    whole = learning({"kind": "chain", "xi": 0.1, "stages": stages}).exchange.up
    share = whole.rows(64) * whole.item[0] / (64 * 17)
    assert aims(whole) == {"": ("paper", 0.1, pytest.approx((share / 4 + share) / 2))}
    assert share == pytest.approx(0.16, abs=0.01)
    stages = [{"kind": "adc", "xi": 0.2}, {"kind": "quantise", "xi": 0.25}]
    assert list(aims(learning({"kind": "chain", "stages": stages}).exchange.up)) == ["stages.0", "stages.1"]


def test_the_downlink_is_sized_for_the_rows_that_come_back() -> None:
    """lowrank's bases are side information: fewer rows, fewer ranks for the same ratio on the wire."""
    down = {"kind": "lowrank", "xi": 0.5, "xi_ledger": "wire"}
    few, many = (learning(up, down).exchange for up in ({"kind": "c3sl", "R": 16}, {"kind": "c3sl", "R": 1}))
    assert few.down.ratios(4).paper_up < many.down.ratios(64).paper_up


def test_what_the_seed_decides_follows_the_run() -> None:
    first, again, other = (
        build.learning(load(IDEAL, {"uplink.codec": {"kind": "c3sl", "R": 2}, "seed": seed})).exchange.up for seed in (1, 1, 2)
    )
    assert first.knobs["seed"] == again.knobs["seed"] != other.knobs["seed"]
    assert learning({"kind": "c3sl", "R": 2, "seed": 5}).exchange.up.knobs["seed"] == 5
    widths = {"kind": "bottlenet", "xi": 0.25}
    assert learning(widths).exchange.up.knobs["seed"] != learning(widths | {"seed": 0}).exchange.up.knobs["seed"] == 0


@pytest.mark.parametrize(
    ("up", "said"),
    [
        ({"kind": "adc", "xi": 1e-5}, r":32: ADC cannot have the ratio 1e-05 .* with 64 rows .* from 0.000919 to 1"),
        ({"kind": "quantise", "xi": 0.9}, ":37: Quantise cannot have the ratio 0.9 .* from 0.0312 to 0.5"),
        ({"kind": "quantise", "xi": 0.2, "bits": 4}, ":50: quantise states its size by bits: give either that or xi"),
        ({"kind": "chain", "xi": 0.2, "stages": [{"kind": "adc", "xi": 0.2}]}, ":72: adc states its size by xi"),
        ({"kind": "chain", "xi": 0.2, "stages": ["identity"]}, ":34: Chain has no knob that sets its size"),
        ({"kind": "topk", "rate": 0.1, "xi_ledger": "wire", "xi": 0.1}, "takes either xi, or rate"),
        ({"kind": "chain", "stages": ["adc"]}, "adc takes either xi, or T and k"),
    ],
)
def test_what_cannot_be_is_said_at_its_place(up: Any, said: str, tmp_path: Path) -> None:
    line = "codec: {kind: adc, xi: 0.2, init: kmeans++, loss_weight: size}"
    text = IDEAL.read_text(encoding="utf-8")
    assert line in text
    path = tmp_path / "bad.yaml"
    path.write_text(text.replace(line, f"codec: {json.dumps(up)}"), encoding="utf-8")
    with pytest.raises(ScenarioError, match=said) as caught:
        build.learning(load(path))
    assert str(caught.value).startswith(f"{path}:10:")


def test_a_message_about_a_knob_stands_at_that_knob() -> None:
    scenario = load(IDEAL, ["model.name=deit_tinny_patch16_224"])
    with pytest.raises(ScenarioError, match=r"^--set model.name: model.name: timm knows no model .*did you mean deit_tiny_"):
        build.learning(scenario)
