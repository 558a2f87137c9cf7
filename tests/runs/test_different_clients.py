"""Clients that differ, in a whole run: each has the channel, the speed and the data that the scenario gives it."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesim.runner import Run, run
from edgesim.scenario import Scenario

AWGN = {"kind": "awgn", "snr_db": 10}
LINK = {"codec": "identity", "channel": AWGN, "radio": {"bandwidth_hz": 1e6}}
DIFFERENT: dict[str, Any] = {
    "clients": [
        {
            "count": 2,
            "device": "raspberry_pi_4",
            "data_share": 2,
            "vary": {
                "channel": {"snr_db": {"kind": "uniform", "low": 2, "high": 20}},
                "device": {"rate_factor": {"kind": "constant", "value": 2}},
            },
        },
        {"device": "raspberry_pi_4", "uplink_channel": {"kind": "rayleigh", "snr_db": 5, "coherence_s": 0.02}},
    ],
    "uplink": LINK,
    "downlink": LINK,
    "protocol": {"kind": "sequential", "local_steps": 1},
    "budget": {"steps": 6},
}
Make = Callable[..., Scenario]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def transfers(done: Run, client: int, direction: str) -> list[dict[str, Any]]:
    found = done.transfers().to_pylist()
    return [row for row in found if row["client"] == client and row["direction"] == direction]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from edgesim.load import load
    from edgesim.yaml_nodes import write

    data = {"kind": "synthetic", "train": 160, "test": 8, "classes": 4, "image_size": 8, "channels": 1, "batch_size": 8}
    folder = tmp_path_factory.mktemp("different")
    content = DIFFERENT | {
        "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
        "data": data,
        "server": {"device": "edge_server_cpu"},
        "optimiser": "adam",
        "host": {"threads": 1},
    }
    (folder / "s.yaml").write_text(write(content))
    return run(load(folder / "s.yaml"), out=folder)


def test_every_client_has_its_own_signal_to_noise_ratio(done: Run) -> None:
    drawn = [float(row["channel.snr_db"]) for row in rows(done.path / "varied.csv")[:2]]
    assert drawn[0] != drawn[1]
    for client, snr_db in enumerate(drawn):
        for direction in ("up", "down"):
            seen = transfers(done, client, direction)
            assert seen
            assert all(row["snr_db"] == pytest.approx(snr_db) for row in seen)
    assert len({row["snr_db"] for row in transfers(done, 2, "up")}) > 1, "its own channel fades"
    assert all(row["snr_db"] == pytest.approx(10.0) for row in transfers(done, 2, "down"))


def test_a_device_of_twice_the_speed_takes_half_the_time(done: Run) -> None:
    forward = {row["client"]: row["forward_s"] for row in done.steps().to_pylist()}
    assert set(forward) == {0, 1, 2}
    assert [forward[0], forward[1]] == pytest.approx([forward[2] / 2] * 2)


def test_a_double_share_is_twice_the_images(done: Run) -> None:
    assert [int(row["n"]) for row in rows(done.path / "partition.csv")] == [64, 64, 32]


def test_the_phantom_book_is_the_torch_book(make: Make, tmp_path: Path) -> None:
    sections = DIFFERENT | {"budget": {"steps": 4}}
    torch, phantom = (run(make(**sections), out=tmp_path / str(timing), timing_only=timing) for timing in (False, True))
    assert torch.transfers().equals(phantom.transfers())
    booked = ["client", *(name for name in torch.steps().column_names if name.endswith(("_s", "_j")))]
    assert torch.steps().select(booked).equals(phantom.steps().select(booked))
    assert (torch.path / "varied.csv").read_bytes() == (phantom.path / "varied.csv").read_bytes()
