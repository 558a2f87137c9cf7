"""From a file to a scenario: what is filled in, what is remembered, and that what is written can be read again."""

import pickle
import re
from pathlib import Path

import pytest

from edgesim.errors import ScenarioError, UsageError
from edgesim.load import load, starter

TEXT = """\
# A small scenario.
model: {kind: vit, name: tiny_digits, cut: 2}
data: {kind: digits, batch_size: 6.4e1}
clients: {device: raspberry_pi_4}
uplink:
  codec: {kind: chain, stages: [{kind: adc, xi: 2e-1}, {kind: quantise, bits: 8}]}
  channel: {kind: rayleigh, snr_db: 10 dB, coherence_s: 5 ms}
  radio: {bandwidth_hz: 20 MHz, packet_bits: 1500 B}
server: {device: edge_server}
downlink: {codec: identity, channel: ideal}
protocol: vanilla
optimiser: {kind: adam, lr: 1e-3}
budget: {bits: 1e9, simulated_s: 2 h}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    return file


def test_the_contract_example_loads(tmp_path: Path) -> None:
    """The example of the contract, with `radio: {}` for its ellipsis."""
    file = tmp_path / "example.yaml"
    file.write_text(
        "seed: 0\n"
        "model:    {kind: vit, name: tiny_digits, cut: 2, pretrained: false}      # any timm ViT name\n"
        "data:     {kind: digits, batch_size: 64, partition: {kind: iid}, augment: none}\n"
        "clients:  {count: 1, device: raspberry_pi_4}                             # or a list of groups\n"
        "server:   {device: edge_server, cores: 1}\n"
        "uplink:   {codec: {kind: adc, xi: 0.2}, channel: {kind: ideal}, radio: {}, transport: {kind: reliable}}\n"
        "downlink: {codec: {kind: identity}, channel: {kind: ideal}, radio: {}, transport: {kind: reliable}}\n"
        "protocol: {kind: vanilla}\n"
        "optimiser: {kind: adam, lr: 1e-3}\n"
        "budget:   {epochs_of_base: 10, ledger: paper}        # Gamma = 10 * |D| * C_base\n"
        "evaluate: {every_epochs: 1, codec: false}\n"
    )
    scenario = load(file)
    assert (scenario.name, scenario.seed) == ("example", 0)
    assert scenario.model.kind == "vit"
    assert scenario.uplink.codec.knobs()["xi"] == 0.2
    assert scenario.budget.epochs_of_base == 10.0


def test_values_are_si_numbers_of_the_right_type(path: Path) -> None:
    scenario = load(path)
    assert scenario.data.batch_size == 64
    assert isinstance(scenario.data.batch_size, int)
    channel = scenario.uplink.channel.knobs()
    assert (channel["snr_db"], channel["coherence_s"]) == (10.0, 0.005)
    radio = scenario.uplink.radio.knobs()
    assert (radio["bandwidth_hz"], radio["packet_bits"]) == (20e6, 12_000)
    assert isinstance(radio["packet_bits"], int)
    assert (scenario.budget.bits, scenario.budget.simulated_s) == (10**9, 7200.0)
    assert isinstance(scenario.budget.bits, int)


def test_bare_names_and_left_out_keys_get_their_defaults(path: Path) -> None:
    scenario = load(path)
    assert scenario.protocol.kind == "vanilla"
    assert [scenario.uplink.transport.kind, scenario.downlink.codec.kind] == ["reliable", "identity"]
    assert [scenario.data.partition.kind, scenario.data.augment.kind] == ["iid", "none"]
    [group] = scenario.clients
    assert (group.count, group.device, group.radio) == (1, "raspberry_pi_4", None)
    assert scenario.server.cores == 1
    assert (scenario.evaluate.every_epochs, scenario.evaluate.codec) == (1.0, False)
    assert (scenario.host.accelerator, scenario.host.threads, scenario.host.deterministic) == ("cpu", None, True)
    assert (scenario.seed, scenario.budget.ledger) == (0, "paper")


def test_nested_kinds_come_as_specs(path: Path) -> None:
    stages = load(path).uplink.codec.knobs()["stages"]
    assert [stage.kind for stage in stages] == ["adc", "quantise"]
    assert stages[1].knobs()["bits"] == 8


def test_the_resolved_scenario_is_complete_and_runs_again(path: Path, tmp_path: Path) -> None:
    scenario = load(path)
    resolved = scenario.resolved()
    assert resolved["server"]["device"] == "edge_server_gpu"  # what the alias stands for
    assert resolved["uplink"]["codec"]["stages"][0]["kind"] == "adc"
    again = tmp_path / "resolved.yaml"
    again.write_text(scenario.resolved_yaml())
    reloaded = load(again)
    assert reloaded.resolved() == resolved
    assert reloaded.hash8 == scenario.hash8
    assert reloaded.name == "small"


def test_the_hash_stands_for_what_is_simulated(path: Path) -> None:
    plain = load(path).hash8
    assert re.fullmatch(r"[0-9a-f]{8}", plain)
    for same in (
        ["seed=7"],
        ["name=other"],
        ["host.threads=2"],
        ["uplink.radio.bandwidth_hz=2e7"],
        ["server.device=edge_server_gpu"],
    ):
        assert load(path, same).hash8 == plain
    for other in (["uplink.radio.bandwidth_hz=21 MHz"], ["budget.steps=5"], ["data.batch_size=32"], ["evaluate.codec=true"]):
        assert load(path, other).hash8 != plain


def test_source_overrides_and_seed_are_remembered(path: Path) -> None:
    scenario = load(path, ["budget.steps=5"], seed=3)
    assert scenario.source == TEXT
    assert scenario.overrides == ["budget.steps=5"]
    assert scenario.seed == 3
    with pytest.raises(ScenarioError, match=r"^--seed: seed: must be at least 0; got -1$"):
        load(path, seed=-1)


def test_later_problems_are_placed_in_the_file(path: Path) -> None:
    scenario = load(path, ["budget.steps=5"])
    assert str(scenario.problem(("model", "cut"), "no")) == f"{path}:2:44: no"
    column = TEXT.splitlines()[5].index("8}") + 1
    assert str(scenario.problem(("uplink", "codec", "stages", 1, "bits"), "no")) == f"{path}:6:{column}: no"
    assert str(scenario.problem(("clients", 0, "device"), "no")) == f"{path}:4:19: no"
    assert str(scenario.problem(("budget", "steps"), "no")) == "--set budget.steps: no"
    assert str(scenario.problem(("downlink", "radio", "gap_db"), "no")) == f"{path}:10:1: no"  # a default: its parent's key
    assert scenario.problem(("model",), "no").exit_code == 3


def test_scenarios_can_be_sent_to_other_processes(path: Path) -> None:
    scenario = load(path, ["seed=3"])
    sent = pickle.loads(pickle.dumps(scenario))
    assert sent == scenario
    assert (sent.hash8, sent.source, sent.overrides) == (scenario.hash8, TEXT, ["seed=3"])
    assert str(sent.problem(("model", "cut"), "no")) == f"{path}:2:44: no"


@pytest.mark.parametrize(
    ("file", "name"), [("a b(1).yaml", "a-b-1"), ("ü.yaml", "scenario"), ("x.y.yaml", "x.y"), ("_-.yaml", "scenario")]
)
def test_the_name_is_the_files_name_fit_for_a_folder(tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / file).write_text(TEXT)
    assert load(tmp_path / file).name == name


def test_a_file_that_is_not_there_names_its_neighbours(path: Path) -> None:
    with pytest.raises(UsageError, match=r"smal\.yaml: no such file, did you mean '.*/small\.yaml'\?"):
        load(path.with_name("smal.yaml"))
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load(path.parent)


def test_too_many_problems_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    file.write_text(TEXT + "".join(f"k{number}: 0\n" for number in range(150)))
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1] == f"{file}: and 50 more problems"


def test_the_starter_is_a_commented_scenario(tmp_path: Path) -> None:
    file = tmp_path / "starter.yaml"
    file.write_text(starter())
    scenario = load(file)
    assert scenario.protocol.kind == "vanilla"
    assert all("#" in line or ":" in line or not line.strip() for line in starter().splitlines())
    sections = [line for line in starter().splitlines() if re.match(r"\w+:", line)]
    assert {line.split(":")[0] for line in sections} >= {
        name for name, field in type(scenario).model_fields.items() if field.is_required()
    }
