"""Time, on this host and one thread, what ADC's encoder takes beside the client half: measured.csv of this study.

python experiments/kmeans_overhead/measure.py

Keys without any clusters (a flat Dirichlet law) are the slowest kind to cluster: k-means takes long to rest.
"""

import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from edgesim.codecs.adc import ADC
from edgesim.codecs.base import Cut
from edgesim.learn.data.base import Facts
from edgesim.learn.models.vit import Vit
from edgesim.wire import Smashed

HERE = Path(__file__).resolve().parent
MODELS = {"tiny_digits": (2, 1, 8), "deit_tiny_patch16_224": (3, 3, 224)}  # blocks on the client, channels, side
BATCHES = {"tiny_digits": (32, 128, 512), "deit_tiny_patch16_224": (32, 128)}
RATIOS = (0.05, 0.2, 0.5)
REPEATS = 5


def seconds(work: Callable[[], object]) -> float:
    """The median of some goes, after one that is not counted."""
    taken = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for name, (cut, channels, side) in MODELS.items():
        facts = Facts(1024, 128, 10, channels, side, (0.5,) * channels, (0.5,) * channels, tuple("0123456789"))
        client, _server = Vit(name=name, cut=cut).build(facts, 0, "cpu")
        client.with_attention = True
        for batch in BATCHES[name]:
            pictures = torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(0))
            half = seconds(lambda client=client, pictures=pictures: client(pictures)[0].sum().backward())
            x = client(pictures)[0].detach()
            keys = torch.distributions.Dirichlet(torch.ones(x.shape[1])).sample((batch,))
            smashed = Smashed(x, torch.zeros(batch, dtype=torch.int64), keys)
            for xi in RATIOS:
                codec = ADC(Cut(tuple(x.shape[1:])), xi=xi)
                encode = seconds(lambda codec=codec, smashed=smashed: codec.encode(smashed, torch.Generator().manual_seed(0)))
                row = {"model": name, "batch": batch, "xi": xi, "client_half_s": f"{half:.4g}", "encode_s": f"{encode:.4g}"}
                row |= {"share": f"{encode / (half + encode):.4f}", "charged_mflop": f"{codec.flops(batch)[0] / 1e6:.4g}"}
                rows.append(row | {"encode_gflops": f"{codec.flops(batch)[0] / encode / 1e9:.3g}"})
    with (HERE / "results" / "measured.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
