"""What `--set` does to a scenario, and what it says when it cannot."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesim.errors import ScenarioError, UsageError
from edgesim.load import load
from edgesim.scenario import Scenario

TEXT = """\
model: {kind: vit, name: tiny_digits, cut: 2}
data: {kind: cifar100, root: here, batch_size: 64}
clients: {count: 1, device: raspberry_pi_4}
uplink: {codec: {kind: adc, xi: 0.2, max_iter: 30}, channel: ideal}
server: {device: edge_server}
downlink: {codec: identity, channel: ideal}
protocol: vanilla
optimiser: {kind: sgd, lr: 0.1, momentum: 0.5}
budget: {steps: 2}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    return file


def at(scenario: Scenario, *steps: str | int) -> Any:
    """The resolved value at a path."""
    node: Any = scenario.resolved()
    for step in steps:
        node = node[step]
    return node


@pytest.mark.parametrize(
    ("change", "steps", "value"),
    [
        ("uplink.codec.xi=0.1", ("uplink", "codec", "xi"), 0.1),
        ("uplink.codec.xi=1e-1", ("uplink", "codec", "xi"), 0.1),
        ("uplink.radio.bandwidth_hz=20 MHz", ("uplink", "radio", "bandwidth_hz"), 2e7),  # the file has no radio
        ("uplink.channel={kind: awgn, snr_db: 10}", ("uplink", "channel"), {"kind": "awgn", "snr_db": 10.0}),
        ("uplink.channel.kind=awgn", None, None),  # needs snr_db
        ("downlink.codec.kind=identity", ("downlink", "codec"), {"kind": "identity"}),  # through a bare name
        ("clients.count=1e0", ("clients", 0, "count"), 1),
        ("clients[0].device=jetson_nano", ("clients", 0, "device"), "jetson_nano"),  # one group need not be a list
        ("clients=[{device: phone_mid}]", ("clients", 0, "device"), "phone_mid"),
        ("evaluate.codec=true", ("evaluate", "codec"), True),
        ("budget.steps=null", None, None),  # then there is no budget
        ("name=other", ("name",), "other"),
        (" seed = 7 ", ("seed",), 7),
    ],
)
def test_overrides_change_what_they_name(path: Path, change: str, steps: tuple[str | int, ...] | None, value: object) -> None:
    if steps is None:
        with pytest.raises(ScenarioError):
            load(path, [change])
    else:
        assert at(load(path, [change]), *steps) == value


def test_a_mapping_takes_plain_python_values(path: Path) -> None:
    changed = load(path, {"uplink.codec.xi": 0.1, "uplink.channel": {"kind": "awgn", "snr_db": 3}, "clients[0].count": 1})
    assert at(changed, "uplink", "codec", "xi") == 0.1
    assert at(changed, "uplink", "channel", "snr_db") == 3.0
    assert changed.overrides == ["uplink.codec.xi=0.1", "uplink.channel={kind: awgn, snr_db: 3}", "clients[0].count=1"]
    again = load(path, changed.overrides)
    assert again.resolved() == changed.resolved()


def test_a_mapping_takes_numpy_numbers_and_paths_and_no_other_objects(path: Path) -> None:
    assert at(load(path, {"data.root": Path("some/where")}), "data", "root") == "some/where"
    changed = load(path, {"uplink.codec.xi": np.float64(0.1), "seed": np.int64(3), "name": "1e6"})
    assert (at(changed, "uplink", "codec", "xi"), changed.seed, changed.name) == (0.1, 3, "1e6")
    assert changed.overrides == ["uplink.codec.xi=0.1", "seed=3", 'name="1e6"']
    with pytest.raises(UsageError, match=r"--set data\.root: a set is no value of a scenario"):
        load(path, {"data.root": {"here"}})


def test_overrides_are_remembered_as_given(path: Path) -> None:
    assert load(path, ["seed=7", "uplink.codec.xi=1e-1"]).overrides == ["seed=7", "uplink.codec.xi=1e-1"]


def test_later_overrides_win(path: Path) -> None:
    assert load(path, ["seed=1", "seed=2"]).seed == 2
    assert load(path, ["seed=1"], seed=5).seed == 5


def test_stages_of_a_chain_are_reached_by_index(path: Path) -> None:
    chain = "uplink.codec={kind: chain, stages: [{kind: adc, xi: 0.2}, {kind: quantise, bits: 8}]}"
    changed = load(path, [chain, "uplink.codec.stages[1].bits=4", "uplink.codec.stages[0]={kind: topk, rate: 0.1}"])
    assert at(changed, "uplink", "codec", "stages", 1, "bits") == 4
    assert at(changed, "uplink", "codec", "stages", 0, "rate") == 0.1


class TestChangingTheKind:
    """The rule in the docstring of edgesim.overrides."""

    def test_knobs_that_both_kinds_have_are_kept(self, path: Path) -> None:
        changed = load(path, ["optimiser.kind=adam"])
        assert at(changed, "optimiser", "lr") == 0.1
        assert "momentum" not in at(changed, "optimiser")

    def test_knobs_of_the_old_kind_from_the_file_are_dropped(self, path: Path) -> None:
        changed = load(path, ["uplink.codec.kind=topk"])
        assert at(changed, "uplink", "codec", "xi") == 0.2
        assert "max_iter" not in at(changed, "uplink", "codec")
        assert at(load(path, ["data.kind=synthetic"]), "data", "batch_size") == 64

    @pytest.mark.parametrize("order", [1, -1])
    def test_knobs_that_an_override_gave_are_reported(self, path: Path, order: int) -> None:
        with pytest.raises(ScenarioError, match="unknown key 'max_iter'") as caught:
            load(path, ["uplink.codec.kind=topk", "uplink.codec.max_iter=5"][::order])
        assert caught.value.problems[0].startswith("--set uplink.codec.max_iter: ")

    def test_keys_that_neither_kind_knows_are_reported(self, path: Path) -> None:
        path.write_text(TEXT.replace("max_iter: 30", "max_itr: 30"))
        with pytest.raises(ScenarioError, match="unknown key 'max_itr'"):
            load(path, ["uplink.codec.kind=topk"])

    def test_a_new_node_replaces_all_of_the_old(self, path: Path) -> None:
        assert at(load(path, ["optimiser=adam"]), "optimiser", "lr") == 1e-3

    def test_an_unknown_old_kind_does_not_matter(self, path: Path) -> None:
        path.write_text(TEXT.replace("kind: adc, xi: 0.2, max_iter: 30", "kind: adcc, xi: 0.2"))
        assert at(load(path, ["uplink.codec.kind=topk"]), "uplink", "codec", "xi") == 0.2

    def test_an_unknown_new_kind_is_reported_at_the_override(self, path: Path) -> None:
        with pytest.raises(ScenarioError) as caught:
            load(path, ["uplink.codec.kind=topp"])
        [problem] = caught.value.problems
        assert problem.startswith("--set uplink.codec.kind: uplink.codec.kind: unknown codec 'topp', did you mean 'topk'?")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("uplink.codec.xii=0.1", "--set uplink.codec.xii: uplink.codec: unknown key 'xii', did you mean 'xi'?"),
        ("uplnk.codec.xi=0.1", "--set uplnk.codec.xi: unknown key 'uplnk', did you mean 'uplink'?"),
        ("uplink.codec.xi=2", "--set uplink.codec.xi: uplink.codec.xi: must be above 0 and at most 1; got 2"),
        ("uplink.codec.xi=[1", "--set uplink.codec.xi: not valid YAML: "),
        ("uplink.codec.xi=*x", "--set uplink.codec.xi: alias *x: aliases are not allowed; write the value out"),
        ("uplink.codec.xi=", None),  # then ADC has no ratio
        ("seed.x=1", "--set seed.x: seed: expected a whole number, got a mapping"),
        ("clients[1].device=jetson_nano", "--set clients[1].device: clients is a mapping, it has no entry [1]"),
        ("server[0].cores=2", "--set server[0].cores: server is a mapping, it has no entry [0]"),
        (
            "uplink.codec.xi.deep=1",
            "--set uplink.codec.xi.deep: uplink.codec.xi is neither a mapping nor a list, so it has no 'deep'",
        ),
    ],
)
def test_what_cannot_be_set_is_said(path: Path, change: str, said: str | None) -> None:
    if said is None:
        with pytest.raises(ScenarioError):
            load(path, [change])
        return
    with pytest.raises(ScenarioError) as caught:
        load(path, [change])
    assert caught.value.problems[0].startswith(said)


def test_a_list_is_entered_by_index(path: Path) -> None:
    path.write_text(TEXT.replace("{count: 1, device: raspberry_pi_4}", "[{count: 1, device: raspberry_pi_4}]"))
    assert at(load(path, ["clients[0].device=phone_mid"]), "clients", 0, "device") == "phone_mid"
    for change, said in {
        "clients.device=phone_mid": "clients is a list of 1 entries (from clients[0] on); write clients[0].device",
        "clients[1].device=phone_mid": "clients is a list of 1 entries (from clients[0] on); it has no entry 1",
    }.items():
        with pytest.raises(ScenarioError) as caught:
            load(path, [change])
        assert caught.value.problems == [f"--set {change.partition('=')[0]}: {said}"]


def test_mistakes_of_file_and_overrides_are_reported_together(path: Path) -> None:
    path.write_text(TEXT.replace("cut: 2", "cut: two"))
    with pytest.raises(ScenarioError) as caught:
        load(path, ["uplink.codec.xi=7", "host.threads=0"])
    assert [line.split(": ")[0] for line in caught.value.problems] == [
        f"{path}:1:44",
        "--set host.threads",
        "--set uplink.codec.xi",
    ]


@pytest.mark.parametrize(
    "change", ["uplink.codec.xi", "=3", "uplink..codec=3", ".seed=3", "clients[x].device=a", "a b=3", "a.=1"]
)
def test_what_is_no_override_is_a_usage_error(path: Path, change: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        load(path, [change])


def test_a_bare_text_is_not_taken_for_a_list(path: Path) -> None:
    with pytest.raises(UsageError, match="overrides are a list"):
        load(path, "seed=1")
