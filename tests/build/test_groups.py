"""Clients one by one: what they share with their group, what they draw, and that draws are theirs alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgesim.build.groups import ClientFacts, clients_of, drawn
from edgesim.errors import ScenarioError
from edgesim.load import load
from edgesim.scenario import Scenario

AWGN = {"kind": "awgn", "snr_db": 10}
LINK = {"codec": "identity", "channel": AWGN}
VALID: dict[str, Any] = {
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "digits", "batch_size": 1},
    "server": {"device": "edge_server"},
    "uplink": LINK,
    "downlink": LINK,
    "protocol": "vanilla",
    "optimiser": "adam",
    "budget": {"steps": 2},
}
UNIFORM = {"kind": "uniform", "low": 0, "high": 20}


def clients(*groups: dict[str, Any], seed: int = 0, **sections: Any) -> list[ClientFacts]:
    content = VALID | sections | {"seed": seed, "clients": [{"device": "raspberry_pi_4"} | group for group in groups]}
    return list(clients_of(Scenario.model_validate(content)))


def snrs(found: list[ClientFacts], direction: str = "uplink") -> list[float]:
    return [getattr(client, f"{direction}_channel").values["snr_db"] for client in found]


def test_groups_become_clients_in_order() -> None:
    own = {"kind": "rayleigh", "snr_db": 5, "coherence_s": 1}
    found = clients({"count": 2, "data_share": 2.5}, {"device": "jetson_nano", "radio": "wifi", "downlink_channel": own})
    assert [client.number for client in found] == [0, 1, 2]
    assert [client.group for client in found] == [0, 0, 1]
    assert [client.device for client in found] == ["raspberry_pi_4", "raspberry_pi_4", "jetson_nano"]
    assert [client.radio for client in found] == [None, None, "wifi"]
    assert [client.data_share for client in found] == [2.5, 2.5, 1.0]
    assert [client.rate_factor for client in found] == [1.0, 1.0, 1.0]
    assert [client.uplink_channel.kind for client in found] == ["awgn"] * 3
    assert [client.downlink_channel.kind for client in found] == ["awgn", "awgn", "rayleigh"]
    assert found[0].uplink_channel is found[1].uplink_channel, "nothing of its own: a Spec is not copied"


def test_one_draw_serves_both_directions() -> None:
    found = clients({"count": 5, "vary": {"channel": {"snr_db": UNIFORM}}})
    assert snrs(found) == snrs(found, "downlink")
    assert len(set(snrs(found))) == 5


def test_a_direction_of_its_own_leaves_the_other_alone() -> None:
    found = clients({"count": 3, "vary": {"uplink_channel": {"snr_db": UNIFORM}}})
    assert len(set(snrs(found))) == 3
    assert snrs(found, "downlink") == [10.0] * 3


def test_a_channel_without_the_knob_stays_as_it_is() -> None:
    found = clients({"count": 2, "downlink_channel": "ideal", "vary": {"channel": {"snr_db": UNIFORM}}})
    assert [client.downlink_channel.values for client in found] == [{}, {}]


def test_draws_are_each_clients_own() -> None:
    """Not the law, another knob, the groups nor the clients behind: only the seed and the client's number move a draw."""
    group = {"count": 4, "vary": {"channel": {"snr_db": UNIFORM}}}
    alone = snrs(clients(group))
    assert snrs(clients(group, {"count": 3}))[:4] == alone
    assert snrs(clients({**group, "count": 2}, {**group, "count": 2})) == alone
    more = {"channel": {"snr_db": UNIFORM}, "device": {"rate_factor": {"kind": "uniform", "low": 0.5, "high": 1}}}
    assert snrs(clients(group | {"vary": more})) == alone
    doubled = {"channel": {"snr_db": {"kind": "uniform", "low": 0, "high": 40}}}
    assert snrs(clients(group | {"vary": doubled})) == pytest.approx([2 * value for value in alone])
    assert snrs(clients(group, seed=1)) != alone


def test_values_follow_their_law_and_one_another_not_at_all() -> None:
    """Kolmogorov-Smirnov at level 1e-4; correlation of independent draws is 0 within 4.5 / sqrt(n)."""
    count = 3000
    vary = {"channel": {"snr_db": UNIFORM}, "device": {"rate_factor": {"kind": "lognormal", "median": 1, "sigma": 0.3}}}
    found = clients({"count": count, "vary": vary}, data={"kind": "synthetic", "train": count, "batch_size": 1})
    assert stats.kstest(snrs(found), stats.uniform(0, 20).cdf).pvalue > 1e-4
    rates = [client.rate_factor for client in found]
    assert stats.kstest(rates, stats.lognorm(0.3).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(snrs(found), np.log(rates))[0, 1]) < 4.5 / np.sqrt(count)
    assert abs(np.corrcoef(rates[1:], rates[:-1])[0, 1]) < 4.5 / np.sqrt(count)


def test_what_was_drawn_can_be_told() -> None:
    vary = {"channel": {"snr_db": UNIFORM}, "device": {"rate_factor": {"kind": "constant", "value": 2}}}
    one_way = {"vary": {"downlink_channel": {"snr_db": UNIFORM}}}
    scenario = Scenario.model_validate(
        VALID | {"clients": [{"device": "raspberry_pi_4"} | group for group in ({"vary": vary}, {}, one_way)]}
    )
    found = clients_of(scenario)
    assert drawn(scenario, found) == [
        {"channel.snr_db": snrs(found)[0], "device.rate_factor": 2.0},
        {},
        {"downlink_channel.snr_db": snrs(found, "downlink")[2]},
    ]


def test_a_value_the_knob_cannot_have_is_refused_at_its_law() -> None:
    law = {"kind": "normal", "mean": 0, "std": 1}
    with pytest.raises(ScenarioError, match=r"clients\[0\].vary.device.rate_factor: client \d draws -.*must be above 0; bound"):
        clients({"count": 9, "vary": {"device": {"rate_factor": law}}})


def test_an_impossible_law_is_refused_at_its_place() -> None:
    law = {"kind": "uniform", "low": 2, "high": 1}
    with pytest.raises(ScenarioError, match=r"clients\[1\].vary.channel.snr_db: low must not exceed high"):
        clients({}, {"vary": {"channel": {"snr_db": law}}})


YAML = """
model: {kind: vit, name: tiny_digits, cut: 2}
data: {kind: digits, batch_size: 8}
clients:
  device: raspberry_pi_4
  data_share: 2
  uplink_channel: {kind: link_budget, distance_m: 50, fading: {kind: awgn, snr_db: 0 dB}}
  vary:
    channel: {distance_m: {kind: disc, radius_m: 200 m, inner_m: 10 m}}
    device: {rate_factor: {kind: choice, values: [0.5, 1]}}
server: {device: edge_server}
uplink: {codec: identity, channel: ideal}
downlink: {codec: identity, channel: ideal}
protocol: vanilla
optimiser: adam
budget: {steps: 2}
"""


def test_the_resolved_scenario_has_the_same_clients(tmp_path: Path) -> None:
    given, again = tmp_path / "a.yaml", tmp_path / "b.yaml"
    given.write_text(YAML)
    scenario = load(given)
    again.write_text(scenario.resolved_yaml())
    assert list(clients_of(load(again))) == list(clients_of(scenario))
    assert load(again).hash8 == scenario.hash8
    [client] = clients_of(scenario)
    assert 10.0 <= client.uplink_channel.values["distance_m"] <= 200.0
    assert client.rate_factor in (0.5, 1.0)


def test_laws_can_be_changed_from_outside(tmp_path: Path) -> None:
    """What a sweep over heterogeneity does."""
    path = tmp_path / "a.yaml"
    path.write_text(YAML)
    changed = load(path, ["clients.vary.channel.distance_m.radius_m=11 m", "clients.vary.device.rate_factor.values=[0.25]"])
    [client] = clients_of(changed)
    assert 10.0 <= client.uplink_channel.values["distance_m"] <= 11.0
    assert client.rate_factor == 0.25
    assert changed.hash8 != load(path).hash8
