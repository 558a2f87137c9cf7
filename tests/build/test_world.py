"""Profiles and knobs become devices and limits: powers above the base, speeds, and a budget in each ledger, by hand."""

import math
from typing import Any

import pytest

from edgesim.scenario import Scenario
from edgesim.session import Session
from edgesim.sim.device import Device
from edgesim.sim.world import World

AIR = {"codec": "identity", "channel": "ideal"}
GAIN = {"kind": "awgn", "snr_db": 0}


def world(**sections: Any) -> World:
    content = {
        "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
        "data": {"kind": "synthetic", "train": 96, "test": 8, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 8},
        "clients": {"device": "raspberry_pi_4"},
        "server": {"device": "edge_server_cpu"},
        "uplink": AIR,
        "downlink": AIR,
        "protocol": "vanilla",
        "optimiser": "adam",
        "budget": {"steps": 2},
    }
    return Session(Scenario.model_validate(content | sections), timing_only=True).world


def above(device: Device) -> tuple[float, float, float]:
    """Watts above the base while it computes, sends, receives."""
    return device.computing.watts, device.sending.watts, device.receiving.watts


def test_a_radio_that_listens_for_ever() -> None:
    """Pi 4 with ns-3's Wi-Fi: 2.7 W and 0.819 W; it computes with 7.2 W, sends with 1.14 W and receives with 0.939 W."""
    [client] = world().clients
    assert client.device.meter.base_w == pytest.approx(2.7 + 0.819)
    assert above(client.device) == pytest.approx((4.5, 0.321, 0.12))
    assert client.device.connecting is None
    assert client.device.most_w == pytest.approx(2.7 + 0.819 + 4.5 + 0.321 + 0.12)


def test_a_radio_that_sleeps_has_a_tail_and_a_promotion_above_its_sleep() -> None:
    [client] = world(clients={"device": "raspberry_pi_4", "radio": "lte_phone"}).clients
    device, sleep = client.device, 0.0114
    assert device.meter.base_w == pytest.approx(2.7 + sleep)
    assert above(device) == pytest.approx((4.5, 3.918 - sleep, 1.964 - sleep))
    assert device.connecting is not None
    assert (device.connecting.watts, device.promotion_s) == pytest.approx((1.211 - sleep, 0.260))
    device.meter.begin(0.0, "uplink", "tx", device.sending.watts)
    device.meter.end(1.0, "uplink", "tx", device.sending.watts, 1.0)
    asleep_s = 20.0 - 1.0 - 11.576
    assert device.meter.joules_until(20.0) == pytest.approx(20.0 * 2.7 + 3.918 + 11.576 * 1.060 + asleep_s * sleep)


def test_a_stated_transmit_power_goes_through_the_senders_amplifier() -> None:
    """20 dBm at eta 0.1 of the client's Wi-Fi, 17 dBm at eta 0.125 of the server's cell; each beside its circuits."""
    budgets = [
        AIR | {"channel": {"kind": "link_budget", "distance_m": 30, "tx_power_dbm": level_dbm, "fading": GAIN}}
        for level_dbm in (20, 17)
    ]
    found = world(uplink=budgets[0], downlink=budgets[1])
    assert found.clients[0].device.sending.watts == pytest.approx(0.819 + 0.1 / 0.1 - 0.819)
    assert found.server.device.sending.watts == pytest.approx(10**-1.3 / 0.125)


def test_speeds_and_cores() -> None:
    """A client at half its profile's speed; a server of four cores, each a quarter as fast at a quarter of the added power."""
    slow = {"device": "raspberry_pi_4", "vary": {"device": {"rate_factor": {"kind": "constant", "value": 0.5}}}}
    found = world(clients=slow, server={"device": "edge_server_cpu", "cores": 4})
    assert found.clients[0].device.seconds(57.6e9) == pytest.approx(2.0 / 0.35)
    assert found.server.device.seconds(1.536e12) == pytest.approx(4.0 / 0.5)
    assert found.server.device.computing.watts == pytest.approx((155.0 - 60.0) / 4.0)


VALUES = 17 * 48 * 32  # bits of a sample at the cut, each way


@pytest.mark.parametrize(
    ("ledger", "label_bits"), [("paper", math.log2(10)), ("code", math.log2(10)), ("wire", math.ceil(math.log2(10)))]
)
def test_epochs_of_base_are_passes_over_the_data_both_ways(ledger: str, label_bits: float) -> None:
    budget = world(budget={"epochs_of_base": 1.5, "ledger": ledger}).budget
    assert budget.ledger == ledger
    assert budget.bits == pytest.approx(1.5 * 96 * (2 * VALUES + label_bits), rel=1e-12)


def test_of_two_limits_on_bits_the_smaller_counts() -> None:
    both = world(budget={"epochs_of_base": 1, "bits": 1e6, "joules": 7.0, "symbols": 5e9}).budget
    assert (both.bits, both.joules, both.symbols, both.steps) == (1e6, 7.0, 5e9, None)
    assert world(budget={"epochs_of_base": 1, "bits": 1e12}).budget.bits == pytest.approx(96 * (2 * VALUES + math.log2(10)))
