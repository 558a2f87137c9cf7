"""What an ADC step costs beside a Base step, against the ratio of their FLOPs: compression must not eat what it saves.

    python benchmarks/adc_step.py --xi 0.1 --batch 64

DeiT-T at 224 pixels, both halves on this host, steps taken in turn. The FLOPs are those the simulated clock is driven by.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of this folder, whose channels.py would pass for the library

from edgesim import build  # noqa: E402
from edgesim.load import load  # noqa: E402
from edgesim.work import ClientHalf, ServerHalf  # noqa: E402

SCENARIO = "scenarios/base.yaml"


def halves(codec: object, batch: int) -> tuple[ClientHalf, ServerHalf, float]:
    """Both halves, and the FLOPs of one step."""
    scenario = load(
        SCENARIO,
        {
            "model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 3},
            "data": {"kind": "synthetic", "train": 2 * batch, "test": 16, "classes": 100, "image_size": 224},
            "data.batch_size": batch,
            "uplink.codec": codec,
        },
    )
    task = build.learning(scenario)
    cast = build.torch_cast(scenario, task)
    client, server = cast.client(0), cast.server
    phantom_client, phantom_server = build.world(scenario, task).clients[0].half, build.world(scenario, task).server.half
    flops = sum(
        (
            phantom_client.forward().flops,
            phantom_client.encode(None).flops,
            phantom_server.step([task.exchange.up_manifest(batch)]).flops,
            phantom_client.backward(task.exchange.down_manifest(batch)).flops,
        )
    )
    return client, server, flops


def step(client: ClientHalf, server: ServerHalf) -> float:
    """Wall seconds of one step."""
    started = time.perf_counter()
    payload = client.encode(client.forward().value).value
    client.backward(server.step([payload]).value.gradients[0])
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xi", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    base, adc = halves("identity", asked.batch), halves({"kind": "adc", "xi": asked.xi}, asked.batch)
    rows = []
    for number in range(asked.rounds + 1):
        pair = step(*adc[:2]), step(*base[:2])
        if number:  # the first round warms up
            rows.append(pair)
    measured = statistics.median(mine / other for mine, other in rows)
    counted = adc[2] / base[2]
    print(
        f"xi {asked.xi}, batch {asked.batch}, {asked.threads} threads: ADC {statistics.median(r[0] for r in rows):.3f} s, "
        f"Base {statistics.median(r[1] for r in rows):.3f} s; time ratio {measured:.3f}, FLOP ratio {counted:.3f}, "
        f"time over FLOPs {measured / counted:.3f} (wanted within 15 % of 1)"
    )


if __name__ == "__main__":
    main()
