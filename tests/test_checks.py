"""Cross-checks beyond the corpus in bad_input: what they let pass, and that the facts they use are true."""

from typing import Any

import pytest

from channels import mcs
from edgesim import checks, kinds
from edgesim.scenario import Scenario

ADC = {"kind": "adc", "xi": 0.2}
QUANTISE = {"kind": "quantise", "bits": 8}
AWGN = {"kind": "awgn", "snr_db": 10}
LINK = {"codec": "identity", "channel": "ideal"}
VALID: dict[str, Any] = {
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "digits", "batch_size": 64},
    "clients": {"device": "raspberry_pi_4"},
    "server": {"device": "edge_server"},
    "uplink": LINK,
    "downlink": LINK,
    "protocol": "vanilla",
    "optimiser": "adam",
    "budget": {"steps": 2},
}


def found(**sections: Any) -> list[tuple[tuple[str | int, ...], str]]:
    return checks.findings(dict(Scenario.model_validate(VALID | sections)))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"model": {"kind": "vit", "name": "tiny_digits", "cut": 1}},
        {"model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 11}},
        {"model": {"kind": "vit", "name": "a_name_only_timm_knows", "cut": 99, "image_size": 7}},
        {"model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 3, "image_size": 96}},
        {"data": {"kind": "digits", "batch_size": 1437}},
        {"data": {"kind": "synthetic", "train": 64, "batch_size": 64}},
        {"data": {"kind": "folder", "root": "x", "batch_size": 10**6}},  # its size is not known here
        {"uplink": LINK | {"codec": {"kind": "chain", "stages": [ADC, QUANTISE]}}},
        {"uplink": LINK | {"codec": {"kind": "chain", "stages": [{"kind": "chain", "stages": [ADC]}, QUANTISE]}}},
        {"uplink": {"codec": {"kind": "chain", "stages": [ADC]}, "channel": AWGN, "transport": "analog"}},
        {"downlink": {"codec": {"kind": "quantise", "format": "fp16"}, "channel": AWGN, "transport": "analog"}},
        {"downlink": LINK | {"codec": QUANTISE}},
        {"uplink": LINK | {"codec": {"kind": "adc", "T": 8, "k": 4}}},
        {"budget": {"joules": 1}},
    ],
)
def test_possible_scenarios_pass(sections: dict[str, Any]) -> None:
    assert found(**sections) == []


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        (
            {"uplink": LINK | {"codec": {"kind": "chain", "stages": [{"kind": "chain", "stages": ["identity", ADC]}]}}},
            ("uplink", "codec", "stages", 0, "stages", 1),
        ),
        (
            {"uplink": LINK | {"codec": {"kind": "chain", "stages": ["identity", {"kind": "chain", "stages": []}]}}},
            ("uplink", "codec", "stages", 1, "stages"),
        ),
        ({"downlink": LINK | {"codec": {"kind": "chain", "stages": [ADC]}}}, ("downlink", "codec", "stages", 0)),
        (
            {"model": {"kind": "vit", "name": "deit_tiny_patch16_224.fb_in1k", "cut": 3, "image_size": 10}},
            ("model", "image_size"),
        ),
        ({"uplink": LINK | {"codec": {"kind": "adc", "T": 8}}}, ("uplink", "codec")),
    ],
)
def test_impossible_scenarios_are_found_wherever_they_hide(sections: dict[str, Any], path: tuple[str | int, ...]) -> None:
    assert path in [where for where, _ in found(**sections)]


def test_checks_run_on_the_sections_that_are_there() -> None:
    sections = dict(Scenario.model_validate(VALID | {"budget": {}, "clients": {"count": 2, "device": "phone_mid"}}))
    assert [path for path, _ in checks.findings(sections)] == [("clients", 0, "count"), ("budget",)]
    del sections["budget"], sections["protocol"]
    assert checks.findings(sections) == []


def test_training_set_sizes_are_those_of_the_data() -> None:
    for kind, images in checks.TRAINING_IMAGES.items():
        assert kinds.load("data", kind)().facts().train == images
    assert kinds.load("data", "synthetic")(train=77).facts().train == 77


def test_codecs_that_take_one_of_several_ratios_say_so_themselves() -> None:
    """The constructors accept exactly what `checks.RATIOS` accepts."""
    from edgesim.codecs.base import Cut

    for kind, ways in checks.RATIOS.items():
        make, cut = kinds.load("codec", kind), Cut((17, 64), classes=10)
        values = {name: 2 if name in ("T", "k") else 0.2 for way in ways for name in way}
        for way in ways:
            make(cut, **{name: values[name] for name in way})
        for wrong in ({}, values):
            with pytest.raises(ValueError, match="give either"):
                make(cut, **wrong)


def test_the_tables_of_schemes_have_as_many_as_is_said() -> None:
    assert {name: len(mcs.TABLES[name].bits) for name in checks.SCHEMES} == checks.SCHEMES


@pytest.mark.parametrize(
    "radio",
    [
        {"rates": "mcs2", "mcs": 27},
        {"rates": "mcs1", "outer_loop": True, "csi_delay_s": 0.004, "target_bler": 0.01},
        {"bits_per_symbol": 2, "gap_db": 3},
        {"csi_delay_s": 0.01, "max_bits_per_symbol": 8},
    ],
)
def test_radio_knobs_that_belong_together_pass(radio: dict[str, Any]) -> None:
    link = {**LINK, "radio": radio, "transport": {"kind": "lossy", "attempts": 2, "combining": "ir"}}
    assert found(uplink=link) == []
