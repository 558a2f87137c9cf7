"""The links of a world: chance that is each one's own, and a channel that cannot say what it is ends a run with a reason."""

from itertools import combinations

import pytest
import torch

from channels import Rayleigh
from edgesim.build.links import Fade
from edgesim.errors import RunError
from edgesim.scenario import Scenario
from edgesim.session import Session
from edgesim.sim.link import Link
from edgesim.wire import Field, Manifest, Payload


def test_a_time_too_late_for_its_blocks_is_told_in_words() -> None:
    """Blocks of a microsecond cannot be told apart at 1e12 s: the spacing of doubles there is 1e-4 s."""
    fade = Fade(Rayleigh(snr_db=10.0, coherence_s=1e-6).draws, 1, 1.0)
    assert len(fade(0.0, 3).snr) == 3
    with pytest.raises(RunError, match="1e-06 s cannot be resolved at"):
        fade(1e12, 3)


def links(seed: int, fading: dict[str, object], transport: str = "lossy") -> list[Link]:
    """Up and down of two clients."""
    air = {"codec": "identity", "channel": fading, "transport": transport}
    content = {
        "seed": seed,
        "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
        "data": {"kind": "digits", "batch_size": 8},
        "clients": {"count": 2, "device": "raspberry_pi_4"},
        "server": {"device": "edge_server"},
        "uplink": air,
        "downlink": air,
        "protocol": "parallel",
        "optimiser": "adam",
        "budget": {"steps": 2},
    }
    world = Session(Scenario.model_validate(content), timing_only=True).world
    return [link for client in world.clients for link in (client.uplink, client.downlink)]


def test_every_link_has_fading_losses_and_bursts_of_its_own_and_keeps_them() -> None:
    """Four links and another seed's four: no two alike in anything, and the same once more under the same seed."""
    bursts = {"kind": "gilbert_elliott", "snr_db": 10, "loss": 0.4, "burst_s": 0.01}
    rayleigh = {"kind": "rayleigh", "snr_db": 10, "coherence_s": 0.01}
    fades = [[link.fading(0.0, 4).gain.tolist() for link in links(seed, rayleigh)] for seed in (0, 1, 0)]
    keys = [[link.chance.key for link in links(seed, rayleigh)] for seed in (0, 1, 0)]
    lost = [[link.chance.losses(0.0, 64, 0.01).tolist() for link in links(seed, bursts)] for seed in (0, 1, 0)]
    for found in (fades, keys, lost):
        assert found[0] == found[2]
        eight = [*found[0], *found[1]]
        assert not any(one == other for one, other in combinations(eight, 2))


def test_every_link_has_noise_of_its_own() -> None:
    sent = Payload(Manifest((Field("values", (64,), 32, "values", analog=True),)), {"values": torch.ones(64)})
    arrived = []
    for seed in (0, 1):
        for link in links(seed, {"kind": "awgn", "snr_db": 0}, "analog"):
            assert link.air is not None
            arrived.append(link.air(sent, link.fading(0.0, 1), 1).tensors["values"].tolist())
    assert not any(one == other for one, other in combinations(arrived, 2))


def test_a_link_budget_loses_packets_if_what_is_inside_it_does() -> None:
    """Over one that only fades, equal messages are walked through as over the fading alone, not looked at packet by packet."""
    inside = {
        "rayleigh": {"kind": "rayleigh", "coherence_s": 0.01},
        "erasure": {"kind": "erasure", "loss": 0.5},
    }
    budgets = {name: {"kind": "link_budget", "distance_m": 30, "fading": fading} for name, fading in inside.items()}
    assert all(link.chance.losses is None for link in links(0, budgets["rayleigh"]))
    [lost, *_others] = [link.chance.losses for link in links(0, budgets["erasure"])]
    assert lost is not None
    assert 0 < lost(0.0, 64, 0.01).sum() < 64


def test_bursts_too_short_for_the_time_are_told_in_words() -> None:
    [link, *_others] = links(0, {"kind": "gilbert_elliott", "loss": 0.4, "burst_s": 1e-6})
    with pytest.raises(RunError, match="bursts of 1e-06 s cannot be resolved at"):
        link.chance.losses(1e15, 3, 0.01)
