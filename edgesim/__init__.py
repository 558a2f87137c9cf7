"""Split learning of Vision Transformers over simulated wireless links: real training, simulated time, energy and bits.

>>> import edgesim
>>> run = edgesim.run("scenarios/ideal.yaml", overrides={"uplink.codec.xi": 0.1})  # doctest: +SKIP
>>> run.summary["accuracy"]  # doctest: +SKIP

Importing the package is cheap: whatever needs torch is imported when it is used.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgesim.cli.progress import Watcher
    from edgesim.cli.sweep_progress import SweepWatcher
    from edgesim.runner import Run
    from edgesim.scenario import Scenario
    from edgesim.sweep.conduct import Sweep
    from edgesim.sweep.document import Size

__all__ = ["Scenario", "__version__", "load", "run", "sweep"]

Overrides = Mapping[str, Any] | Sequence[str]


def load(path: str | Path, overrides: Overrides = (), seed: int | None = None) -> "Scenario":
    """Read and check a scenario file.

    overrides  changes to it, as {"uplink.codec.xi": 0.1} or ["uplink.codec.xi=0.1"]
    seed       takes the place of the file's seed

    Raises ScenarioError with every problem of the file, UsageError when there is no such file.
    """
    from edgesim.load import load as read

    return read(Path(path), overrides, seed)


def run(
    scenario: "str | Path | Scenario",
    overrides: Overrides = (),
    seed: int | None = None,
    out: str | Path = "results",
    *,
    timing_only: bool = False,
    trace: bool = False,
    weights: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> "Run":
    """Run a scenario and give what it left: `.path`, `.summary`, `.steps()`, `.transfers()`, `.evaluations()`.

    scenario     a file, or what `load` gives (with its overrides and seed)
    out          the results go to <out>/<scenario name>/<UTC time>-<hash>-s<seed>/
    timing_only  nothing is trained: bits, seconds and joules without accuracy
    trace        keep the book of every device, for `edgesim trace`
    weights      keep the trained weights of a large model too, for `edgesim plot`; those of a small one always are
    resume       go on with the newest run of this scenario and seed, if it is unfinished; give it, if it is finished
    progress     show the progress on stderr

    Raises ScenarioError, UsageError, NotFoundError (data or weights), RunError, RunInterrupted.
    """
    from contextlib import nullcontext

    from edgesim import runner

    if isinstance(scenario, str | Path):
        chosen = load(scenario, overrides, seed)
    elif overrides or seed is not None:
        raise ValueError("overrides and seed change a scenario file; give them to edgesim.load, which made this scenario")
    else:
        chosen = scenario
    with _progress() if progress else nullcontext() as watch:
        return runner.run(
            chosen, out=Path(out), timing_only=timing_only, trace=trace, weights=weights, resume=resume, watch=watch
        )


def sweep(
    path: str | Path,
    engine: str = "local",
    size: "Size | None" = None,
    out: str | Path = "sweeps",
    overrides: Overrides = (),
    *,
    threads: int | None = None,
    retry_failed: bool = False,
    progress: bool = False,
    **options: Any,
) -> "Sweep":
    """Run every point of a sweep file that is not finished, and give what it left: `.index()`, `.failures`, `.path`.

    engine        local, ray, dask or slurm (`edgesim list engines`)
    size          smoke, desk or paper, where the file has sizes
    out           the results go to <out>/<sweep name>/
    overrides     changes to all points
    threads       CPU threads of each run; the scenario's `host.threads`, else 1
    retry_failed  run points that failed before once more
    progress      show the progress on stderr
    options       knobs of the engine, such as jobs=4 or address="10.0.0.1:6379"

    Failed points do not raise: they are in `.failures`. Raises ScenarioError, UsageError, RunError, SweepInterrupted.
    """
    from contextlib import nullcontext

    from edgesim.sweep.conduct import Plan, conduct
    from edgesim.sweep.engines.base import make

    chosen = make(engine, options)
    plan = Plan(Path(path), size, Path(out), overrides)
    with _sweep_progress() if progress else nullcontext() as watch:
        return conduct(plan, chosen, threads=threads, retry_failed=retry_failed, watch=watch)


def _progress() -> "Watcher":
    from edgesim.cli.progress import watcher

    return watcher()


def _sweep_progress() -> "SweepWatcher":
    from edgesim.cli.sweep_progress import watcher

    return watcher()


def __getattr__(name: str) -> Any:
    if name == "Scenario":
        from edgesim.scenario import Scenario

        return Scenario
    if name == "__version__":
        from importlib.metadata import version

        return version("edgesim")
    raise AttributeError(f"module 'edgesim' has no attribute {name!r}")


class _Package(ModuleType):
    """This package, whose names `load` and `sweep` stay the functions above.

    Importing the submodule `edgesim.load` makes Python store the module under that name; storing it is declined here.
    `from edgesim.load import ...` still finds the submodule.
    """

    @property
    def load(self) -> Any:
        return self.__dict__["load"]

    @load.setter
    def load(self, submodule: ModuleType) -> None:
        pass

    @property
    def sweep(self) -> Any:
        return self.__dict__["sweep"]

    @sweep.setter
    def sweep(self, submodule: ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
