"""`edgesim doctor`: whether this machine is ready, and what to do where it is not."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from edgesim.cli.console import out
from edgesim.cli.render import columns, quantity

EPILOG = """
Put its output into a bug report.
"""
PRESENTING = ("matplotlib", "jinja2", "joblib")  # no result depends on them: figures, reports and sweeps do


class Finding(NamedTuple):
    """One thing looked at. hint: what to do about it; empty where all is well."""

    name: str
    state: str
    hint: str = ""
    fatal: bool = False


def doctor() -> None:
    """Show versions, threads, the accelerator and where results and data go, with a hint at everything worth changing."""
    findings = [*_packages(), *_threads(), *_accelerator(), *_folders()]
    out("\n".join(columns((finding.name, finding.state) for finding in findings)))
    hints = [finding for finding in findings if finding.hint]
    if hints:
        out("\n" + "\n".join(f"{finding.name}: {finding.hint}" for finding in hints))
    else:
        out("\nall is well")
    if any(finding.fatal for finding in findings):
        raise typer.Exit(1)


def _packages() -> Iterator[Finding]:
    from edgesim.record import origin

    for name, version in {**origin.versions(), **{name: origin.version(name) for name in PRESENTING}}.items():
        if version is None:
            yield Finding(name, "not installed", f"pip install {name}", fatal=True)
        else:
            yield Finding(name, version)


def _threads() -> Iterator[Finding]:
    from edgesim.record import origin

    usable = origin.usable_cores()
    yield Finding("cores", f"{usable} usable of {os.cpu_count()}")
    wanted = os.environ.get("OMP_NUM_THREADS")
    crowded = wanted is not None and wanted.isdigit() and int(wanted) > usable
    hint = f"more threads than the {usable} usable cores slow each other down; unset it or set host.threads" if crowded else ""
    yield Finding("OMP_NUM_THREADS", wanted or "not set", hint)
    policy = os.environ.get("OMP_WAIT_POLICY", "not set")
    busy = "waiting threads spin and can slow a shared machine down tenfold; unset it, edgesim then sets PASSIVE"
    yield Finding("OMP_WAIT_POLICY", policy, "" if policy.upper() == "PASSIVE" else busy)


def _accelerator() -> Iterator[Finding]:
    from importlib.util import find_spec

    if find_spec("torch") is None:
        yield Finding("accelerator", "unknown without torch")
        return
    import torch

    yield Finding("torch threads", str(torch.get_num_threads()))
    if not torch.cuda.is_available():
        built = torch.version.cuda
        yield Finding("accelerator", f"cpu (torch built {f'for CUDA {built}, no card found' if built else 'without CUDA'})")
        return
    for number in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(number)
        yield Finding(
            "accelerator", f"cuda:{number} {card.name}, {quantity(card.total_memory, 'B')}; use it with --accelerator cuda"
        )


def _folders() -> Iterator[Finding]:
    yield _writable("results", Path("results"), "choose another with --out")
    data = Path("data")
    if data.is_dir():
        yield Finding("data", str(data.resolve()))
    else:
        yield Finding("data", "no folder ./data: digits and synthetic need none; for others set data.root in the scenario")
    yield _writable("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a folder you may write to")


def _writable(name: str, folder: Path, hint: str) -> Finding:
    """Whether files can be made in a folder, or in the nearest one above it that exists."""
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=above):
            return Finding(name, f"{folder.absolute()} (writable)")
    except OSError as error:
        return Finding(name, f"{folder.absolute()} (not writable: {error.strerror})", hint, fatal=True)
