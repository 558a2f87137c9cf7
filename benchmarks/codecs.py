"""What codecs cost on the host: encoding, decoding and the way back through both, as a share of a step without compression.

    python benchmarks/codecs.py                      # every codec; ADC's overhead; k-means, top-k and binding beside others'
    python benchmarks/codecs.py --only kmeans topk c3sl           # seconds
    python benchmarks/codecs.py --only codecs --rounds 5

Activations are those of DeiT-T after block 3 at 224 pixels, [64, 197, 192], of random pictures. A Base step is forward, the
server's step and backward, both halves on this host. All sides of a row are timed in turn, round by round, and ratios are taken
within a round; one thread, processor time and wall time. Peers that are not installed are said and left out:
pip install scikit-learn kmeans-pytorch fast-pytorch-kmeans torch-kmeans.
"""

import argparse
import contextlib
import importlib
import importlib.util
import io
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of this folder, whose channels.py would pass for the library

from edgesim import build  # noqa: E402
from edgesim.codecs.exchange import Exchange  # noqa: E402
from edgesim.codecs.parts.circular import bind, key_spectra, unbind  # noqa: E402
from edgesim.codecs.parts.kmeans import kmeans  # noqa: E402
from edgesim.codecs.parts.sparse import largest  # noqa: E402
from edgesim.learn.attention import class_token_row  # noqa: E402
from edgesim.load import load  # noqa: E402
from edgesim.wire import Smashed  # noqa: E402

XI, MOST_OF_STEP, MOST_OF_FORWARD, ITERATIONS = 0.1, 0.3, 0.03, 50
EIGHT, FOUR = ({"kind": "quantise", "bits": bits, "per": "token"} for bits in (8, 4))
LOSSY_BOTH_WAYS = ("splitfc", "slacc", "slfac", "nscsl")  # on the downlink too
CODECS: dict[str, Any] = {
    **{name: {"kind": name, "xi": XI} for name in ("adc", "topk", "randtopk", "c3sl", "bottlenet", "tome", "evit", "lowrank")},
    **{name: {"kind": name, "xi": XI} for name in LOSSY_BOTH_WAYS},
    "adc measured": {"kind": "adc", "xi": XI, "split": "measured"},
    "bottlenet conv": {"kind": "bottlenet", "xi": XI, "variant": "conv"},
    "8 bits": EIGHT,
    "4 bits": FOUR,
    "adc + 4 bits": {"kind": "chain", "stages": [{"kind": "adc", "xi": XI}, FOUR]},
    "topk + feedback": {"kind": "feedback", "codec": {"kind": "topk", "xi": XI}},
    "fedlite": {"kind": "fedlite", "length": 8, "centroids": 64},
}
DOWN: dict[str, Any] = {name: CODECS[name] for name in LOSSY_BOTH_WAYS} | {
    "8 bits": EIGHT | {"rounding": "stochastic"},
    "4 bits": FOUR | {"rounding": "stochastic"},
    "adc + 4 bits": FOUR | {"rounding": "stochastic"},
    "fedlite": EIGHT | {"rounding": "stochastic", "per": "sample"},
}
Job = Callable[[], object]
Seconds = dict[str, list[tuple[float, float]]]  # job -> processor and wall seconds of each round


def learning(batch: int, name: str = "identity") -> tuple[Any, Any]:
    """A scenario of DeiT-T with this codec, and what of it learns."""
    made = load(
        "scenarios/base.yaml",
        {
            "model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 3},
            "data": {"kind": "synthetic", "train": 2 * batch, "test": 16, "classes": 100, "image_size": 224},
            "data.batch_size": batch,
            "uplink.codec": CODECS.get(name, name),
            "downlink.codec": DOWN.get(name, "identity"),
        },
    )
    return made, build.learning(made)


def trip(exchange: Exchange, smashed: Smashed, gradient: Tensor) -> None:
    """A message up, its gradient down, and the gradient at the cut: all that a codec does in a step."""
    generator = Generator().manual_seed(0)
    z = smashed.x.detach().requires_grad_()
    sent = exchange.send_up(Smashed(z, smashed.labels, smashed.attention), generator)
    wire, there = exchange.receive_up(sent.departed())
    torch.autograd.backward(there.x, gradient.flatten()[: there.x.numel()].view(there.x.shape))
    assert wire.grad is not None
    assert sent.handle is not None
    torch.autograd.backward(sent.handle, exchange.receive_down(exchange.send_down(wire.grad, len(z), generator)))


def timed(jobs: Mapping[str, Job], rounds: int) -> Seconds:
    """Every job once a round, in turn, after one round that warms up."""
    taken: Seconds = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            begun = time.process_time(), time.perf_counter()
            job()
            if number:
                taken[name].append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
    return taken


def ratio(taken: Seconds, name: str, other: str) -> str:
    """Processor and wall time over those of `other`: medians of the rounds' ratios."""
    both = zip(taken[name], taken[other], strict=True)
    cpu, wall = zip(*((mine[0] / its[0], mine[1] / its[1]) for mine, its in both), strict=True)
    return f"{100.0 * statistics.median(cpu):8.2f} %   wall {100.0 * statistics.median(wall):8.2f} %"


def middle(taken: Seconds, name: str) -> float:
    """Median processor time [ms]."""
    return 1e3 * statistics.median(cpu for cpu, _wall in taken[name])


def codecs(batch: int, rounds: int) -> None:
    """Every codec beside a Base step."""
    scenario, task = learning(batch)
    cast = build.torch_cast(scenario, task)
    client, server = cast.client(0), cast.server
    client.part.with_attention = True
    smashed = client.forward().value
    client.part.with_attention = False
    smashed = Smashed(smashed.x.detach(), smashed.labels, smashed.attention)

    def base() -> None:
        client.backward(server.step([client.encode(client.forward().value).value]).value.gradients[0])

    gradient = 1e-4 * torch.randn(smashed.x.shape, generator=Generator().manual_seed(1))
    exchanges = {name: learning(batch, name)[1].exchange for name in CODECS}
    jobs = {name: lambda e=exchange: trip(e, smashed, gradient) for name, exchange in exchanges.items()}
    taken = timed({"Base step": base, **jobs}, rounds)
    print(f"\ncodec of a step (xi {XI} where it takes one), over a Base step of {middle(taken, 'Base step'):.0f} ms")
    for name in sorted(CODECS, key=lambda name: middle(taken, name)):
        print(f"{name:18s} {middle(taken, name):9.1f} ms {ratio(taken, name, 'Base step')}   wanted <= {MOST_OF_STEP:.0%}")


def overhead(batch: int, rounds: int) -> None:
    """ADC's scores, k-means, merging and selection beside the client's forward."""
    scenario, task = learning(batch, "adc")
    client = build.torch_cast(scenario, task).client(0)
    part, attention = client.part, client.part.vit.blocks[-1].attn
    images, labels = client.batches.next()
    seen: list[Tensor] = []
    hook = attention.qkv.register_forward_hook(lambda _module, _inputs, qkv: seen.append(qkv.detach()))
    x, row = part(images)
    hook.remove()
    smashed = Smashed(x.detach().requires_grad_(), labels, row)
    part.with_attention = False
    graph: list[object] = []  # kept until the next forward, as in a step: what frees it would pay for that

    def forward() -> None:
        graph[:] = part(images)

    jobs = {
        "forward": forward,
        "scores": lambda: class_token_row(attention, seen[0]),
        "cluster, merge, select": lambda: task.exchange.send_up(smashed, Generator().manual_seed(0)),
    }
    taken = timed(jobs, rounds)
    together = zip(taken["scores"], taken["cluster, merge, select"], strict=True)
    taken["together"] = [(one[0] + two[0], one[1] + two[1]) for one, two in together]
    print(f"\nADC at xi {XI}, over a client's forward of {middle(taken, 'forward'):.0f} ms")
    for name in ("scores", "cluster, merge, select", "together"):
        wanted = f"   wanted <= {MOST_OF_FORWARD:.0%}" if name == "together" else ""
        print(f"{name:24s} {middle(taken, name):8.2f} ms {ratio(taken, name, 'forward')}{wanted}")


def spread(keys: Tensor, assignment: object) -> float:
    """Squared distance of the keys from the means of their clusters, summed."""
    where = torch.as_tensor(assignment).long().flatten()
    members = (keys[where == number] for number in where.unique().tolist())
    return sum(float((rows - rows.mean(0)).square().sum()) for rows in members)


def quiet(job: Job) -> object:
    """What the job gives, without the progress bars that some peers print."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return job()


def peers(keys: Tensor, count: int) -> dict[str, Job]:
    """k-means of other packages: random rows first, the same most iterations, one start; each gives an assignment."""
    found: dict[str, Job] = {}
    given, missing = keys.numpy(), []
    for package in ("sklearn.cluster", "kmeans_pytorch", "fast_pytorch_kmeans", "torch_kmeans"):
        if importlib.util.find_spec(package.split(".")[0]) is None:
            missing.append(package.split(".")[0])
            continue
        module = importlib.import_module(package)
        if package == "sklearn.cluster":
            settings = {"init": "random", "n_init": 1, "max_iter": ITERATIONS, "random_state": 0}
            found["scikit-learn"] = lambda m=module, s=settings: m.KMeans(count, **s).fit_predict(given)
        elif package == "kmeans_pytorch":
            found[package] = lambda m=module: m.kmeans(keys, count, device=torch.device("cpu"))[0]
        elif package == "fast_pytorch_kmeans":
            found[package] = lambda m=module: m.KMeans(count, max_iter=ITERATIONS, mode="euclidean").fit_predict(keys)
        else:
            model = {"init_method": "rnd", "max_iter": ITERATIONS, "num_init": 1, "n_clusters": count, "verbose": False}
            found[package] = lambda m=module, s=model: m.KMeans(**s)(keys[None]).labels[0]
    print(f"\nk-means, {count} clusters of {tuple(keys.shape)}", f"(not installed: {', '.join(missing)})" if missing else "")
    return {name: lambda j=job: quiet(j) for name, job in found.items()}


def beside(jobs: Mapping[str, Job], rounds: int) -> None:
    """Time jobs and print each over `ours`."""
    taken = timed(jobs, rounds)
    for name in jobs:
        print(f"{name:24s} {middle(taken, name):8.2f} ms {ratio(taken, name, 'ours')}")


def clustering(batch: int, rounds: int) -> None:
    """k-means of rows like attention scores, and how far the rows lie from the means it finds."""
    keys = torch.randn(batch, 197, generator=Generator().manual_seed(2)).softmax(1)
    count = int(batch * XI**0.5)
    ours = lambda: kmeans(keys, count, Generator().manual_seed(0), max_iter=ITERATIONS).assignment  # noqa: E731
    jobs = {"ours": ours, **peers(keys, count)}
    beside(jobs, rounds)
    least = spread(keys, ours())
    print("spread over ours:", ", ".join(f"{name} {spread(keys, job()) / least:.3f}" for name, job in jobs.items()))


def selecting(batch: int, rounds: int) -> None:
    """Top-K without sorting everything."""
    scores = torch.randn(batch, 197 * 192, generator=Generator().manual_seed(3)).abs()
    k = int(XI * scores.shape[1])
    print(f"\nplaces of the {k} largest of each of {tuple(scores.shape)}")
    whole = lambda: scores.sort(dim=1, descending=True).indices[:, :k]  # noqa: E731
    assert torch.equal(whole().sort(1).values, largest(scores, k))
    beside({"ours": lambda: largest(scores, k), "sorting all": whole}, rounds)


def binding(batch: int, rounds: int) -> None:
    """C3-SL's circular convolution by real FFT."""
    length, size = 197 * 192, round(1.0 / XI)
    z = torch.randn(batch // size, size, length, generator=Generator().manual_seed(4))
    spectra = key_spectra(size, length, "gaussian", 0)
    whole = torch.fft.fft(torch.fft.irfft(spectra, n=length))

    def ours() -> Tensor:
        return unbind(bind(z, spectra), spectra)

    def complex_fft() -> Tensor:
        bound = torch.fft.ifft((torch.fft.fft(z) * whole).sum(1)).real
        return torch.fft.ifft(torch.fft.fft(bound)[:, None] * whole.conj()).real

    assert torch.allclose(ours(), complex_fft(), atol=1e-3)
    print(f"\nbinding and unbinding {tuple(z.shape)} by real FFT")
    beside({"ours": ours, "complex FFT": complex_fft}, rounds)


WORK: dict[str, Callable[[int, int], None]] = {
    "codecs": codecs,
    "overhead": overhead,
    "kmeans": clustering,
    "topk": selecting,
    "c3sl": binding,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(WORK), default=list(WORK))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, help="default: 3 of codecs, 15 of the rest")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"batch {asked.batch}, {asked.threads} threads; processor time, wall time")
    for name in asked.only:
        WORK[name](asked.batch, asked.rounds or (3 if name == "codecs" else 15))


if __name__ == "__main__":
    main()
