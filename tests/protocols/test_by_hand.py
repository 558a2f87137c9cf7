"""How long a round of every protocol takes, and what it sends: sums of a few products, worked out by hand.

Two clients of one kind on links of their own, at 6 Mbit/s both ways, and one job at a time at the server.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.test_summary import (
    BACKWARD_S,
    BLOCK,
    CLASSES,
    DOWN_BITS,
    DOWN_S,
    EMBEDDING,
    EPYC,
    FORWARD_S,
    HEAD,
    PI,
    SAMPLES,
    SERVER_S,
    STEP_S,
    TOKENS,
    UP_BITS,
    UP_S,
    WIDTH,
    done,
)

RATE = 6e6  # bit/s
# Weights and biases: two norms, query, key, value and projection, and an MLP of twice the width
OF_BLOCK = 2 * 2 * WIDTH + 4 * (WIDTH**2 + WIDTH) + (WIDTH * 2 * WIDTH + 2 * WIDTH) + (2 * WIDTH * WIDTH + WIDTH)
CLIENT = (4 * WIDTH + WIDTH) + WIDTH + TOKENS * WIDTH + 2 * OF_BLOCK  # patches, class token, positions
SERVER = 2 * OF_BLOCK + 2 * WIDTH + (WIDTH + 1) * CLASSES
CLIENT_S, WHOLE_S = CLIENT * 32 / RATE, (CLIENT + SERVER) * 32 / RATE


def mean_s(numbers: int) -> float:
    """The server's average of two halves: a product and a sum for each number of each."""
    return 2 * 2 * numbers / EPYC


SPLIT_S = CLIENT_S + STEP_S + SERVER_S + CLIENT_S + mean_s(CLIENT)  # the second to arrive waits for the first
TRAIN_S = SAMPLES * ((EMBEDDING + 4 * BLOCK + HEAD) + (EMBEDDING + 2 * (4 * BLOCK + HEAD))) / PI
ROUNDS: list[tuple[dict[str, Any], float, int]] = [
    ({"kind": "splitfed_v1", "local_steps": 1}, SPLIT_S + mean_s(SERVER), CLIENT),  # the server's copies are averaged too
    ({"kind": "splitfed_v2", "local_steps": 1}, SPLIT_S, CLIENT),
    ({"kind": "parallel", "sync_every": 1}, SPLIT_S, CLIENT),  # both batches are one, twice as large
    ({"kind": "fedavg", "local_steps": 1}, 2 * WHOLE_S + TRAIN_S + mean_s(CLIENT + SERVER), CLIENT + SERVER),
]


@pytest.mark.parametrize(("protocol", "round_s", "numbers"), ROUNDS, ids=[protocol["kind"] for protocol, *_ in ROUNDS])
def test_a_round_of_two(protocol: dict[str, Any], round_s: float, numbers: int, tmp_path: Path) -> None:
    session = done(tmp_path, clients={"count": 2}, protocol=protocol, budget={"steps": 6, "rounds": 3})
    found = session.summary("done")
    assert (found["steps"], found["rounds"]) == (6, 3)
    assert found["simulated_s"] == pytest.approx(3 * round_s, rel=1e-9)
    split = protocol["kind"] != "fedavg"
    for direction, bits in (("up", UP_BITS), ("down", DOWN_BITS)):
        assert found["bits"][direction]["model"] == 3 * 2 * numbers * 32
        assert found["bits"][direction]["total"] == 3 * 2 * (numbers * 32 + split * bits)


@pytest.mark.parametrize(("optimiser", "numbers"), [("reset", CLIENT), ("carry", 3 * CLIENT + 1)])
@pytest.mark.parametrize(("hand_over", "ways"), [("direct", 1), ("server", 2)])
def test_clients_in_turn_hand_their_half_on(hand_over: str, ways: int, optimiser: str, numbers: int, tmp_path: Path) -> None:
    """Four turns of a step, so three times, once or up and down again; Adam remembers two moments and the number of steps."""
    protocol = {"kind": "sequential", "local_steps": 1, "order": "fixed", "hand_over": hand_over, "optimiser": optimiser}
    found = done(tmp_path, clients={"count": 2}, protocol=protocol, budget={"steps": 4}).summary("done")
    assert found["simulated_s"] == pytest.approx(4 * STEP_S + 3 * ways * numbers * 32 / RATE, rel=1e-9)
    assert [found["bits"][way]["model"] for way in ("up", "down")] == [3 * numbers * 32, 3 * (ways - 1) * numbers * 32]


def test_a_u_shaped_step_goes_to_and_fro_twice(tmp_path: Path) -> None:
    """No labels; a row of one token each way besides; the head's three passes at the client."""
    found = done(tmp_path, protocol={"kind": "ushaped"}).summary("done")
    row_bits = SAMPLES * WIDTH * 32
    head_s = SAMPLES * 3 * HEAD / PI
    sent_s = UP_S - SAMPLES * 4 / RATE + DOWN_S + 2 * row_bits / RATE
    server_s = SAMPLES * 3 * 2 * BLOCK / EPYC
    assert found["simulated_s"] == pytest.approx(3 * (FORWARD_S + head_s + sent_s + server_s + BACKWARD_S), rel=1e-9)
    assert found["bits"]["up"]["total"] == found["bits"]["down"]["total"] == 3 * (DOWN_BITS + row_bits)
    assert found["bits"]["up"]["labels"] == 0
