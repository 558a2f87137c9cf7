"""Real engines, really started: the same sweep gives the same table on each, and a cluster that is not there is one message."""

import importlib.util
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import UsageError
from edgesim.record import index
from edgesim.sweep.conduct import Plan, conduct
from edgesim.sweep.engines import base
from edgesim.sweep.engines.base import Need, make
from edgesim.sweep.job import Job, Outcome
from edgesim.sweep.store import Store

ROOT = Path(__file__).resolve().parents[2]
TEXT = "timing_only: true\ngrid: {uplink.radio.bandwidth_hz: [1 MHz, 2 MHz, 3 MHz]}\n"
PATIENCE_S = 90.0


def needs(module: str, extra: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is not installed: pip install '.[{extra}]'")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Started:
    """A process of a cluster, ended with the test."""

    def __init__(self, *words: str, folder: Path) -> None:
        self.log = folder / f"{len(list(folder.glob('*.log')))}.log"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, env=environment)

    def listens(self, port: int) -> None:
        limit = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < limit, self.log.read_text()
                time.sleep(0.2)
            else:
                return

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def ray_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a Ray head on loopback; whoever joins it must know its token."""
    port = free_port()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    words = [f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=1", "--object-store-memory=100000000"]
    words += ["--include-dashboard=false", "--block"]
    start = "from ray.scripts.scripts import main; main()"
    head = Started(sys.executable, "-c", start, "start", "--head", "--disable-usage-stats", *words, folder=tmp_path)
    try:
        head.listens(port)
        yield f"127.0.0.1:{port}"
    finally:
        head.end()


@pytest.fixture
def dask_scheduler(tmp_path: Path) -> Iterator[str]:
    """Address of a Dask scheduler on loopback, with one worker."""
    port = free_port()
    here = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = Started(sys.executable, "-m", "distributed.cli.dask_scheduler", *here, "--port", str(port), folder=tmp_path)
    address = f"tcp://127.0.0.1:{port}"
    worker = None
    try:
        scheduler.listens(port)
        words = ["--nthreads", "1", *here, "--local-directory", str(tmp_path)]
        worker = Started(sys.executable, "-m", "distributed.cli.dask_worker", address, *words, folder=tmp_path)
        yield address
    finally:
        if worker is not None:
            worker.end()
        scheduler.end()


def table_of(path: Path, *words: str) -> bytes:
    """The table that a sweep run from the command line leaves."""
    folder = path.parent / "there"
    line = [sys.executable, "-m", "edgesim", "sweep", str(path), "--out", str(folder), *words]
    done = subprocess.run(
        line,
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return (folder / "many" / index.FILE).read_bytes()


@pytest.fixture
def expected(make: Any, serial: Any, tmp_path: Path) -> bytes:
    """The table of the same sweep run point by point in this process."""
    done = conduct(Plan(make(TEXT), out=tmp_path / "here"), serial())
    assert done.counts.done == 3
    return (done.path / index.FILE).read_bytes()


@pytest.mark.slow
def test_two_local_workers_give_the_same_table(expected: bytes, tmp_path: Path) -> None:
    assert table_of(tmp_path / "many.yaml", "--jobs", "2") == expected


@pytest.mark.slow
@needs("ray", "ray")
def test_a_ray_cluster_joined_by_address_gives_the_same_table(expected: bytes, ray_head: str, tmp_path: Path) -> None:
    assert table_of(tmp_path / "many.yaml", "--engine", "ray", "--option", f"address={ray_head}") == expected


@pytest.mark.slow
@needs("distributed", "dask")
def test_a_dask_cluster_joined_by_address_gives_the_same_table(expected: bytes, dask_scheduler: str, tmp_path: Path) -> None:
    assert table_of(tmp_path / "many.yaml", "--engine", "dask", "--option", f"address={dask_scheduler}") == expected


@pytest.mark.slow
@needs("submitit", "slurm")
def test_submitits_own_executor_gives_the_same_table(expected: bytes, tmp_path: Path) -> None:
    assert table_of(tmp_path / "many.yaml", "--engine", "slurm", "--option", "cluster=local") == expected


@pytest.mark.parametrize(
    "engine", [pytest.param("ray", marks=needs("ray", "ray")), pytest.param("dask", marks=needs("distributed", "dask"))]
)
def test_a_cluster_that_is_not_there_is_one_message(engine: str) -> None:
    need = Need(threads=1, gpus=0, folder="")
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(
        UsageError, match=rf"the engine '{engine}' cannot reach {address} \(Connection refused\); is the cluster up\?"
    ):
        next(iter(make(engine, {"address": address}).run([], need)))
    for wrong in ("somewhere", "host:port", ":1", "host:99999"):
        with pytest.raises(UsageError, match=f"address '{wrong}' of the engine '{engine}': write it as host:port"):
            next(iter(make(engine, {"address": wrong}).run([], need)))


@needs("submitit", "slurm")
def test_a_machine_without_slurm_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="the engine 'slurm' finds no Slurm on this machine"):
        next(iter(make("slurm", {}).run([], Need(threads=1, gpus=0, folder=str(tmp_path)))))


class Queued:
    """A job of a cluster as submitit shows it: it waits for its turn until it is cancelled."""

    def __init__(self, state: str, outcome: Outcome) -> None:
        self.state, self._outcome, self.cancelled = state, outcome, False

    def done(self) -> bool:
        return self.state == "COMPLETED"

    def exception(self) -> None:
        return None

    def result(self) -> Outcome:
        return self._outcome

    def cancel(self) -> None:
        self.cancelled = True


@needs("submitit", "slurm")
def test_a_slurm_sweep_that_stops_waits_for_what_runs_and_leaves_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import submitit

    from edgesim.sweep.engines import slurm

    states = {"ended": "COMPLETED", "runs": "RUNNING", "waits": "PENDING"}
    cluster = {point: Queued(state, Outcome(point, "interrupted")) for point, state in states.items()}

    class Executor:
        def __init__(self, *where: Any, **how: Any) -> None:
            pass

        def update_parameters(self, **how: Any) -> None:
            pass

        def map_array(self, task: Any, jobs: Sequence[Job]) -> list[Queued]:
            return [cluster[job.point] for job in jobs]

    def pause(seconds: float) -> None:
        if seconds:  # what runs has looked for the request to stop, and stopped
            cluster["runs"].state = "COMPLETED"

    monkeypatch.setattr(submitit, "AutoExecutor", Executor)
    monkeypatch.setattr(slurm.time, "sleep", pause)
    Store(tmp_path).ask_to_stop()
    jobs = [Job(point, None, str(tmp_path), ".", timing_only=True) for point in states]  # type: ignore[arg-type]  # not run
    outcomes = make("slurm", {}).run(jobs, Need(threads=1, gpus=0, folder=str(tmp_path)))
    assert [outcome.point for outcome in outcomes] == ["ended", "runs"]
    assert {point for point, job in cluster.items() if job.cancelled} == {"waits"}


@pytest.mark.parametrize(("engine", "module"), [("ray", "ray"), ("dask", "distributed"), ("slurm", "submitit")])
def test_an_extra_that_is_not_installed_is_one_message(engine: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(base.importlib, "import_module", lambda name: absent(name))
    # what kinds.load imports is in memory already
    chosen = __import__(f"edgesim.sweep.engines.{engine}", fromlist=["x"])
    kind = getattr(chosen, engine.capitalize())()
    said = (
        rf"the engine '{engine}' needs the package {module} \(No module named '{module}'\); pip install 'edgesim\[{engine}\]'"
    )
    with pytest.raises(UsageError, match=said):
        next(iter(kind.run([], Need(threads=1, gpus=0, folder=""))))
