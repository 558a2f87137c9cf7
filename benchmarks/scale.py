"""What a simulated client-step costs in a timing-only run, next to bare SimPy, plain SimPy models and LEAF.

    python benchmarks/scale.py                                # 1000 and 10 000 clients, ten steps each
    python benchmarks/scale.py --clients 1000 100000          # growth: of 100 000, 10 000 take part
    python benchmarks/scale.py --city                         # scenarios/city_100k.yaml: wall seconds and peak memory
    pip install leafsim                                       # for the row of LEAF, left out where it is not installed

All sides simulate the same steps: forward, encode, uplink, server (one, first come first served), downlink, backward. CPU time,
median over rounds in which the sides take turns in one process, so that a machine whose speed drifts does not decide.

    bare      one timeout for each of the six and nothing else
    resource  the server and both directions of a client's radio are `simpy.Resource`s, energy and a row are kept for each step
    leaf      LEAF: tasks on nodes, data flows on links, the client's power looked at once a step; no queue, no rows
    timing    this emulator without tables: messages through codec sizes, channel and packets, a book of every device's power
    recorded  the same with its tables written as Parquet

Memory is what building the world adds to the process, over the number of clients: everything of a device but its rows.
"""

import argparse
import gc
import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import simpy

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in place of this folder, whose channels.py would pass for the library

from edgesim.load import load  # noqa: E402
from edgesim.record.folder import RunFolder  # noqa: E402
from edgesim.record.recorder import Recorder  # noqa: E402
from edgesim.session import Session  # noqa: E402

CITY = ROOT / "scenarios" / "city_100k.yaml"
STEPS = 10
AT_ONCE = 10_000  # clients that take part
SECONDS = (0.0004, 0.000002, 0.046, 0.000007, 0.022, 0.0008)  # of the city's step, phase by phase
SERVER = 3
LIMITS = {1_000: 20.0, 10_000: 30.0}  # microseconds a client-step
Wait = Generator[simpy.Event, Any, None]


def clocked(run: Callable[[], object], steps: int) -> float:
    """Microseconds of CPU a client-step."""
    gc.collect()
    began = time.process_time()
    run()
    return 1e6 * (time.process_time() - began) / steps


def bare(clients: int) -> float:
    env = simpy.Environment()

    def client() -> Wait:
        for _ in range(STEPS):
            for seconds in SECONDS:
                yield env.timeout(seconds)

    for _ in range(clients):
        env.process(client())
    return clocked(env.run, clients * STEPS)


def with_resources(clients: int) -> float:
    env = simpy.Environment()
    server = simpy.Resource(env)
    rows: list[tuple[int, int, float, float, float]] = []

    def client(number: int) -> Wait:
        joules, own = 0.0, (simpy.Resource(env), simpy.Resource(env))
        waited_for = {2: own[0], SERVER: server, 4: own[1]}
        for step in range(STEPS):
            began = env.now
            for phase, seconds in enumerate(SECONDS):
                if phase in waited_for:
                    with waited_for[phase].request() as turn:
                        yield turn
                        yield env.timeout(seconds)
                else:
                    yield env.timeout(seconds)
                joules += 2.0 * seconds
            rows.append((number, step, began, env.now, joules))

    for number in range(clients):
        env.process(client(number))
    return clocked(env.run, clients * STEPS)


def with_leaf(clients: int) -> float:
    from leaf.application import DataFlow, Task
    from leaf.infrastructure import Link, Node
    from leaf.power import PowerModelLink, PowerModelNode

    env = simpy.Environment()
    server = Node("server", power_model=PowerModelNode(power_per_cu=1.0))

    def client(number: int) -> Wait:
        own, joules = Node(f"client{number}", cu=1, power_model=PowerModelNode(max_power=5.0, static_power=2.0)), 0.0
        ways = {
            2: Link(own, server, 1e6, PowerModelLink(1e-8)),
            4: Link(server, own, 1e6, PowerModelLink(1e-8)),
        }
        for _ in range(STEPS):
            for phase, seconds in enumerate(SECONDS):
                work = DataFlow(1e6) if phase in ways else Task(1)
                work.allocate([ways[phase]] if phase in ways else server if phase == SERVER else own)
                yield env.timeout(seconds)
                work.deallocate()
            joules += float(own.measure_power())

    for number in range(clients):
        env.process(client(number))
    return clocked(env.run, clients * STEPS)


def session(clients: int) -> Session:
    """The city of the scenario with so many clients and one round."""
    counts = {"clients[0].count": 6 * clients // 10, "clients[1].count": 3 * clients // 10, "clients[2].count": clients // 10}
    protocol = {"protocol.participants": min(clients, AT_ONCE), "protocol.local_steps": STEPS, "budget.rounds": 1}
    return Session(load(CITY, counts | protocol), timing_only=True)


def timing(clients: int) -> float:
    made = session(clients)
    return clocked(made.run, min(clients, AT_ONCE) * STEPS)


def recorded(clients: int) -> float:
    made = session(clients)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(RunFolder.create(Path(folder), "scale", "0", 0))
        made.attach(recorder, trace=False)

        def run() -> None:
            made.run()
            recorder.close()

        return clocked(run, min(clients, AT_ONCE) * STEPS)


def sides() -> Iterator[tuple[str, Callable[[int], float]]]:
    yield from (("bare", bare), ("resource", with_resources))
    if importlib.util.find_spec("leaf"):
        yield "leaf", with_leaf
    else:
        print("leaf: not installed (pip install leafsim), left out")
    yield from (("timing", timing), ("recorded", recorded))


def resident_bytes() -> int:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def memory(clients: int) -> float:
    """Bytes that a client's device, links and halves take."""
    session(100)  # what is loaded once
    gc.collect()
    before = resident_bytes()
    made = session(clients)
    gc.collect()
    return (resident_bytes() - before) / len(made.world.clients)


def city() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "edgesim", "run", str(CITY), "--timing-only", "--out", folder]
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s, peak_gib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20
    print(f"city_100k: {wall_s:.0f} s wall (wanted <= 90), {cpu_s:.0f} s CPU, peak {peak_gib:.3f} GiB (wanted <= 1)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--city", action="store_true", help="run the scenario of 100 000 devices instead")
    asked = parser.parse_args()
    if asked.city:
        city()
        return
    print(f"memory: {memory(max(asked.clients)):.0f} bytes a client (wanted < 2048)")
    runs = list(sides())
    costs: dict[tuple[str, int], float] = {}
    for clients in asked.clients:
        taken: dict[str, list[float]] = {name: [] for name, _run in runs}
        for _ in range(asked.rounds):
            for name, run in runs:
                taken[name].append(run(clients))
        wanted = f", recorded wanted <= {LIMITS[clients]:g}" if clients in LIMITS else ""
        print(f"{clients} clients, us of CPU a client-step (x bare SimPy){wanted}")
        for name, found in taken.items():
            costs[name, clients] = statistics.median(found)
            ratio = statistics.median(mine / other for mine, other in zip(found, taken["bare"], strict=True))
            print(f"    {name:10s}{costs[name, clients]:8.1f}   x {ratio:5.2f}   (least {min(found):.1f})")
    few, many = min(asked.clients), max(asked.clients)
    print(f"growth from {few} to {many}: x {costs['recorded', many] / costs['recorded', few]:.2f} (wanted <= 2 up to 100 000)")


if __name__ == "__main__":
    main()
