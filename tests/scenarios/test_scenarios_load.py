"""Every shipped scenario loads, says the same after a round trip, and is what its file name promises."""

from pathlib import Path

import pytest

from edgesim.load import load

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
PAPER = [path for path in SCENARIOS if path.stem.startswith("paper_")]


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 8
    assert len(PAPER) == 2


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_loads_and_survives_a_round_trip(path: Path, tmp_path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem
    again = tmp_path / "again.yaml"
    again.write_text(scenario.resolved_yaml(), encoding="utf-8")
    assert load(again).hash8 == scenario.hash8


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_commands_in_its_header_load(path: Path) -> None:
    """Every `--set` of the opening comment is a valid override, those of one line together."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#") and "--set " in line]
    for line in lines:
        changes = [part.split()[0].rstrip(").,") for part in line.split("--set ")[1:]]
        assert load(path, changes).overrides == changes


def test_scenarios_differ_in_what_is_simulated() -> None:
    hashes = [load(path).hash8 for path in SCENARIOS]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_paper_scenarios_are_the_papers_setting(path: Path) -> None:
    """l = 3, B = 128, Adam 1e-4, 10 epochs of base budget, the published augmentation and split rule (compression.md 3.3)."""
    scenario = load(path)
    model, codec, optimiser = scenario.model.knobs(), scenario.uplink.codec, scenario.optimiser
    assert (model["cut"], model["pretrained"], model["image_size"]) == (3, True, None)
    assert scenario.data.batch_size == 128
    assert scenario.data.augment.kind == "adc_official"
    assert codec.kind == "adc"
    assert (codec.knobs()["xi"], codec.knobs()["split"], codec.knobs()["loss_weight"]) == (0.1, "sqrt", "cluster")
    assert (optimiser.kind, optimiser.knobs()) == ("adam", {"lr": 1e-4, "weight_decay": 0.0, "eps": 1e-8})
    assert (scenario.budget.epochs_of_base, scenario.budget.ledger) == (10.0, "paper")
    assert scenario.uplink.channel.kind == scenario.downlink.channel.kind == "ideal"
    assert scenario.evaluate.codec is False
