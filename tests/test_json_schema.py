"""The JSON Schema that other programs see: it takes what the loader takes, and refuses plain mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgesim import kinds
from edgesim.scenario import Scenario, json_schema
from edgesim.yaml_nodes import plain
from edgesim.yaml_reader import read

jsonschema = pytest.importorskip("jsonschema", reason="the [dev] extra has it")

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = [*sorted((ROOT / "scenarios").glob("*.yaml")), ROOT / "edgesim" / "starter.yaml"]
UNIFORM = {"kind": "uniform", "low": 5, "high": 20}
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


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_accepted(validator: Any, path: Path) -> None:
    root, problems = read(path.read_bytes(), path.name)
    assert root is not None
    assert problems == []
    assert [error.message for error in validator.iter_errors(plain(root))] == []


def test_resolved_scenarios_are_accepted(validator: Any) -> None:
    assert list(validator.iter_errors(Scenario.model_validate(VALID).resolved())) == []


@pytest.mark.parametrize(
    "change",
    [
        {"modle": 1},
        {"seed": -1},
        {"seed": 0.5},
        {"protocol": "vanila"},
        {"protocol": {"kind": "vanilla", "rounds": 3}},
        {"uplink": LINK | {"channel": "awgn"}},  # needs snr_db
        {"uplink": LINK | {"channel": {"kind": "awgn", "snr_db": "10 ms"}}},
        {"uplink": LINK | {"codec": {"kind": "adc", "xi": 0}}},
        {"uplink": LINK | {"codec": {"kind": "adc", "split": "third"}}},
        {"uplink": LINK | {"codec": {"kind": "chain", "stages": [{"kind": "quantise", "bits": 17}]}}},
        {"uplink": LINK | {"codec": {"xi": 0.1}}},
        {"uplink": LINK | {"radio": "wifi"}},
        {"data": {"kind": "digits"}},
        {"clients": []},
        {"clients": {"device": "abacus"}},
        {"clients": {"device": "phone_mid", "vary": {"channel": {"snr_db": 5}}}},
        {"clients": {"device": "phone_mid", "vary": {"chanel": {}}}},
        {"budget": {"ledger": "papr"}},
        {"evaluate": {"codec": "no"}},
    ],
    ids=lambda change: json.dumps(change)[:60],
)
def test_bad_scenarios_are_refused(validator: Any, change: dict[str, Any]) -> None:
    assert validator.is_valid(VALID)
    assert not validator.is_valid(VALID | change)


@pytest.mark.parametrize(
    "change",
    [
        {"uplink": LINK | {"channel": {"kind": "rayleigh", "snr_db": "10 dB", "coherence_s": "5 ms"}}},
        {"uplink": LINK | {"radio": {"bandwidth_hz": "20 MHz", "packet_bits": "1500 B"}}},
        {"uplink": LINK | {"codec": {"kind": "chain", "stages": ["identity", {"kind": "chain", "stages": ["identity"]}]}}},
        {"clients": [{"count": 2, "device": "raspberry_pi_4"}, {"device": "phone_mid", "radio": None}]},
        {
            "clients": {
                "device": "phone_mid",
                "data_share": 2,
                "uplink_channel": "ideal",
                "vary": {"channel": {"snr_db": UNIFORM}},
            }
        },
        {"budget": {"bits": "10 Gbit", "simulated_s": "2 h", "joules": 5}},
        {"data": {"kind": "digits", "batch_size": 64.0, "augment": {"kind": "flip"}}},
    ],
    ids=lambda change: json.dumps(change)[:60],
)
def test_other_ways_to_write_it_are_accepted(validator: Any, change: dict[str, Any]) -> None:
    assert validator.is_valid(VALID | change)


def test_keys_are_described_from_the_docstrings(validator: Any) -> None:
    definitions = validator.schema["$defs"]
    assert definitions["codec.adc"]["properties"]["xi"]["description"] == kinds.read("codec", "adc").knobs["xi"].doc
    assert definitions["codec.adc"]["description"].startswith(kinds.read("codec", "adc").summary)
    assert definitions["ServerSpec"]["properties"]["cores"]["description"] == "jobs it works on at once"
    assert validator.schema["properties"]["uplink"]["description"].startswith("from client to server")
