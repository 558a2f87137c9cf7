"""The channel library beside Sionna, komm and the least that torch itself needs, in one run.

    python benchmarks/channels.py                 # everything; peers that are not installed are left out
    python benchmarks/channels.py --only awgn tdl
    python benchmarks/channels.py --wall --threads 2

All sides of a row are timed in turn, round by round, and the ratio is taken within a round, so that a machine whose speed
drifts does not decide. By default one thread is used and its processor time counts, which other jobs hardly touch.
The peers: pip install sionna-no-rt komm. A ratio is the other side's time over ours; the last column says what is wanted.
"""

import argparse
import importlib
import importlib.util
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of this folder, where this file would pass for the library

import channels  # noqa: E402
from channels.bit_error_rates import bit_errors  # noqa: E402
from channels.corruption import flipped, wrong_bits  # noqa: E402
from channels.doppler import Clarke  # noqa: E402
from channels.modulation import Modulation  # noqa: E402
from channels.ofdm import band, receive  # noqa: E402
from channels.tdl import TDL  # noqa: E402

SNR = 10.0
Job = Callable[[], object]


class Row(NamedTuple):
    """One workload. jobs: ours first; wanted: least ratio of each other side, or the most seconds ours may take."""

    name: str
    jobs: dict[str, Job]
    wanted: dict[str, float]
    most_s: float | None = None


def installed(package: str) -> bool:
    """Whether a peer takes part."""
    return importlib.util.find_spec(package) is not None


def awgn() -> list[Row]:
    """Noise on complex symbols. The floor fills a new buffer with noise in place and adds."""
    rows = []
    for symbols in (1 << 20, 4096):
        generator = torch.Generator().manual_seed(1)
        x, deviation = torch.randn(2 * symbols, generator=generator), math.sqrt(1.0 / SNR)
        channel = channels.AWGN(snr_db=10.0)
        draws = channel.draws(0.0, 1, key=0)
        jobs: dict[str, Job] = {
            "ours": lambda x=x, c=channel, d=draws, g=generator: c.apply(x, d, g),
            "floor": lambda x=x, s=deviation, g=generator: torch.empty_like(x).normal_(0.0, s, generator=g).add_(x),
        }
        s = torch.view_as_complex(x.view(-1, 2))
        if installed("sionna"):
            peer = importlib.import_module("sionna.phy.channel").AWGN(device="cpu")
            jobs["sionna"] = lambda s=s, p=peer: p(s, 1.0 / SNR)
        if installed("komm"):
            other, values = importlib.import_module("komm").GaussianChannel(noise_power=1.0 / SNR), s.numpy()
            jobs["komm"] = lambda v=values, o=other: o.transmit(v)
        rows.append(Row(f"AWGN, {symbols} symbols", jobs, {"floor": 0.95}))
    return rows


def block() -> list[Row]:
    """Rayleigh block fading, noise and equaliser, 256 symbols a block."""
    symbols, generator = 1 << 20, torch.Generator().manual_seed(1)
    x, deviation = torch.randn(2 * symbols, generator=generator), math.sqrt(1.0 / SNR)
    channel = channels.Rayleigh(snr_db=10.0, coherence_s=1.0)
    start = iter(range(1 << 30))

    def ours(equaliser: str) -> torch.Tensor:
        draws = channel.draws(float(next(start)), symbols // 256, key=1)
        return channel.apply(x, draws, generator, equaliser=equaliser)

    floor = lambda: torch.empty_like(x).normal_(0.0, deviation, generator=generator).add_(x)  # noqa: E731
    return [
        Row(
            f"Rayleigh blocks, noise and {name}, {symbols} symbols",
            {"ours": lambda n=name: ours(n), "floor": floor},
            {"floor": 0.8},
        )
        for name in ("zf", "mmse")
    ]


def subcarriers() -> list[Row]:
    """Values sent as symbols on 612 subcarriers of TDL-A, blocks of 1 ms, each equalised at its own gain."""
    symbols, generator = 1 << 20, torch.Generator().manual_seed(1)
    x, deviation = torch.randn(2 * symbols, generator=generator), math.sqrt(1.0 / SNR)
    knobs = {"delay_spread_s": 1e-7, "bandwidth_hz": 20e6, "subcarriers": 612, "coherence_s": 1e-3}
    line, start = TDL(snr_db=10.0, profile="A", **knobs), iter(range(1 << 30))

    def ours(equaliser: str) -> torch.Tensor:
        draws = line.by_subcarrier(float(next(start)), 54, key=1).during(symbols / 20e6)
        return line.apply(x, draws, generator, equaliser=equaliser)

    floor = lambda: torch.empty_like(x).normal_(0.0, deviation, generator=generator).add_(x)  # noqa: E731
    rows = {name: {"ours": lambda n=name: ours(n), "floor": floor} for name in ("zf", "mmse")}
    return [Row(f"TDL-A, own subcarriers and {name}, {symbols} symbols", jobs, {"floor": 0.1}) for name, jobs in rows.items()]


def tdl() -> list[Row]:
    """TDL-A, 100 ns, 3 km/h at 3.5 GHz: eight links, a slot of 14 x 624 symbols each; a gain for every symbol or every slot."""
    links, symbols, width = 8, 14, 624
    generator = torch.Generator().manual_seed(1)
    x = torch.view_as_complex(torch.randn(links, symbols, width, 2, generator=generator) * math.sqrt(0.5))
    line = TDL(snr_db=10.0, profile="A", delay_spread_s=1e-7, bandwidth_hz=20e6, speed_mps=0.833, time="clarke")
    grid, slot = band(width * 30e3, width), iter(range(1 << 30))

    def ours(evaluated: int, fresh: bool = False) -> torch.Tensor:
        number = next(slot)
        keys = range(number * links, (number + 1) * links) if fresh else range(links)
        response = line.slot_responses(number * 0.5e-3, 0.5e-3 / evaluated, evaluated, keys, grid)
        return receive(x, torch.from_numpy(response), SNR, generator)

    peer: dict[str, Job] = {}
    if installed("sionna"):
        tr38901, channel = (importlib.import_module(f"sionna.phy.channel{name}") for name in (".tr38901", ""))
        carriers = importlib.import_module("sionna.phy.ofdm").ResourceGrid(symbols, width, 30e3, device="cpu")
        model = tr38901.TDL("A", 1e-7, 3.5e9, min_speed=0.833, device="cpu")
        their, s = channel.OFDMChannel(model, carriers, device="cpu"), x[:, None, None]
        peer = {"sionna": lambda: their(s, 1.0 / SNR)}
    return [
        Row("TDL-A slots, a gain every symbol", {"ours": lambda: ours(symbols), **peer}, {"sionna": 5.0}),
        Row("TDL-A slots, a gain every slot", {"ours": lambda: ours(1), **peer}, {"sionna": 5.0}),
        Row("TDL-A slots, a gain every slot, new links", {"ours": lambda: ours(1, fresh=True), **peer}, {"sionna": 5.0}),
    ]


def demap() -> list[Row]:
    """Hard decisions on 2^20 symbols of 16-QAM."""
    generator = torch.Generator().manual_seed(1)
    qam = Modulation(4)
    bits = torch.randint(2, (1 << 22,), generator=generator, dtype=torch.uint8)
    y = qam.map(bits)
    y = y + torch.view_as_complex(torch.randn(len(y), 2, generator=generator) * math.sqrt(0.5 / SNR))
    jobs: dict[str, Job] = {"ours": lambda: qam.hard(y)}
    if installed("sionna"):
        peer = importlib.import_module("sionna.phy.mapping").Demapper("maxlog", "qam", 4, hard_out=True, device="cpu")
        jobs["sionna"] = lambda: peer(y, torch.tensor(1.0 / SNR))
    if installed("komm"):
        komm, values = importlib.import_module("komm"), y.numpy()
        points, labels = komm.QAMConstellation(16, 2.0 / math.sqrt(10.0)), komm.ReflectedRectangularLabeling((2, 2))
        jobs["komm"] = lambda: labels.indices_to_bits(points.closest_indices(values))
    return [Row("16-QAM hard demapping, 1048576 symbols", jobs, {"sionna": 50.0, "komm": 1.5})]


def uncoded() -> list[Row]:
    """2^22 bits through uncoded 16-QAM at a bit error rate of about 1e-3: ours draws the errors, a chain sends symbols."""
    count, snr = 1 << 22, 10.0**1.7
    random, payload = np.random.Generator(np.random.SFC64(1)), torch.randn(count // 32)
    rates = bit_errors(4, snr)
    jobs: dict[str, Job] = {"ours": lambda: flipped(payload, wrong_bits(count, rates, random))}
    generator = torch.Generator().manual_seed(1)
    qam, bits = Modulation(4), torch.randint(2, (count,), generator=generator, dtype=torch.uint8)

    def chain() -> torch.Tensor:
        s = qam.map(bits)
        noise = torch.view_as_real(torch.empty_like(s)).normal_(0.0, math.sqrt(0.5 / snr), generator=generator)
        return qam.hard(torch.view_as_complex(noise).add_(s))

    jobs["our symbols"] = chain
    if installed("sionna"):
        mapping = importlib.import_module("sionna.phy.mapping")
        mapper = mapping.Mapper("qam", 4, device="cpu")
        demapper = mapping.Demapper("maxlog", "qam", 4, hard_out=True, device="cpu")
        noisy, floats = importlib.import_module("sionna.phy.channel").AWGN(device="cpu"), bits.float()
        jobs["sionna"] = lambda: demapper(noisy(mapper(floats), 1.0 / snr), torch.tensor(1.0 / snr))
    return [Row("uncoded 16-QAM link, 4194304 bits", jobs, {"sionna": 1000.0})]


def coded() -> list[Row]:
    """Coded packets: one planned by itself; the failures of 10^4 of one transfer."""
    link = channels.Adaptation("mcs1", packet_bits=8000)
    random, packets = np.random.Generator(np.random.SFC64(1)), 10_000
    snr = random.exponential(100.0, packets)

    def transfer() -> np.ndarray:
        return random.random(packets) < link.failures(link.choose(snr).scheme, snr)

    jobs: dict[str, Job] = {"ours": lambda: random.random() < link.plan(17.0).failure}
    if installed("sionna"):
        peer = importlib.import_module("sionna.sys").PHYAbstraction(device="cpu")
        mcs, sinr, size = torch.tensor([14]), torch.tensor([50.0]), torch.tensor([2000])
        jobs["sionna"] = lambda: peer(mcs, sinr_eff=sinr, num_allocated_re=size, mcs_table_index=1, mcs_category=1)
    return [
        Row("one coded packet", jobs, {}, most_s=10e-6),
        Row("10000 coded packets of one transfer", {"ours": transfer}, {}, most_s=1e-3),
    ]


def on_air() -> list[Row]:
    """The emulator's own path: a message through a transport, its packets planned with the schemes of 5G NR."""
    edgesim = {name: importlib.import_module(f"edgesim.{name}") for name in ("wire", "sim.packets", "sim.radio")}
    transports = importlib.import_module("edgesim.sim.transports.reliable")
    skies = {
        "static": channels.AWGN(snr_db=17.0),
        "blocks of 50 ms": channels.Rayleigh(snr_db=17.0, coherence_s=0.05),
        "blocks of 5 ms": channels.Rayleigh(snr_db=17.0, coherence_s=5e-3),
    }
    rows = []
    for packets, most_s in ((1, 10e-6), (10_000, 1e-3)):
        values = edgesim["wire"].Field("values", (packets, 375), 32, "values")
        message = edgesim["wire"].Manifest((values,))
        for sky, channel in skies.items():
            for loop in (False, True):
                coding = channels.Adaptation("mcs1", packet_bits=12_000)
                radio = edgesim["sim.radio"].Radio(coding, bit_errors, bandwidth_hz=20e6, rates="mcs1", outer_loop=loop)
                plan, chance = transports.Reliable(radio).plan, edgesim["sim.packets"].Chance(3)
                draws, start = partial(channel.draws, key=1), count(0.0, 1e-3 * packets)
                job = lambda p=plan, m=message, d=draws, c=chance, s=start: p(m, next(s), d, c)  # noqa: E731
                name = f"{packets} on air, {sky}{', outer loop' if loop else ''}"
                rows.append(Row(name, {"ours": job}, {}, most_s))
    return rows


def clarke() -> list[Row]:
    """The gain of one link at a random time."""
    process, random = Clarke(100.0), np.random.Generator(np.random.SFC64(1))
    times = iter(random.uniform(0.0, 1e6, 1 << 22).tolist())
    return [Row("one Clarke sample at a random time", {"ours": lambda: process.at(next(times), key=1)}, {}, most_s=20e-6)]


WORK: dict[str, Callable[[], list[Row]]] = {
    work.__name__: work for work in (awgn, block, tdl, subcarriers, demap, uncoded, coded, on_air, clarke)
}


def seconds(row: Row, rounds: int, clock: Callable[[], int]) -> dict[str, list[float]]:
    """Time of one call of every side, [rounds] each; a side is repeated until it fills a few milliseconds."""
    repeats: dict[str, int] = {}
    for side, job in row.jobs.items():
        job()  # warms up
        begun = time.perf_counter_ns()
        job()
        repeats[side] = max(1, int(5e6 / max(1, time.perf_counter_ns() - begun)))
    taken: dict[str, list[float]] = {side: [] for side in row.jobs}
    for _ in range(rounds):
        for side, job in row.jobs.items():
            begun = clock()
            for _ in range(repeats[side]):
                job()
            taken[side].append((clock() - begun) / repeats[side] * 1e-9)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(WORK), default=list(WORK))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true", help="measure wall time; more than one thread needs it")
    asked = parser.parse_args()
    if asked.threads > 1 and not asked.wall:
        parser.error("processor time of several threads adds up: use --wall")
    torch.set_num_threads(asked.threads)
    clock = time.perf_counter_ns if asked.wall else time.process_time_ns
    left_out = [name for name in ("sionna", "komm") if not installed(name)]
    print(f"{asked.threads} threads, {'wall' if asked.wall else 'processor'} time, medians of {asked.rounds} rounds")
    print(f"not installed: {', '.join(left_out)}" if left_out else "all peers installed")
    for name in asked.only:
        for row in WORK[name]():
            report(row, seconds(row, asked.rounds, clock))


def report(row: Row, taken: dict[str, list[Any]]) -> None:
    """One line a side."""
    ours = taken["ours"]
    limit = "" if row.most_s is None else f"wanted <= {1e6 * row.most_s:g} us"
    print(f"{row.name:58s} ours        {1e6 * statistics.median(ours):12.2f} us              {limit}")
    for side, theirs in taken.items():
        if side != "ours":
            ratio = statistics.median(other / mine for other, mine in zip(theirs, ours, strict=True))
            wanted = f"wanted >= {row.wanted[side]:g}" if side in row.wanted else ""
            print(f"{'':58s} {side:11s} {1e6 * statistics.median(theirs):12.2f} us  x {ratio:9.3f}  {wanted}")


if __name__ == "__main__":
    main()
