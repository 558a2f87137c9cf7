"""Where a run came from: the versions, the source revision and the host, without importing any of the packages named."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "edgesim",
    "torch",
    "torchvision",
    "timm",
    "simpy",
    "numpy",
    "scipy",
    "pydantic",
    "pyyaml",
    "pyarrow",
    "safetensors",
    "typer",
    "rich",
)
GIT_TIMEOUT_S = 10.0


def versions() -> dict[str, str | None]:
    """Python and the installed packages a result depends on; None for one that is not installed."""
    return dict(_installed())


@cache
def _installed() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version()}
    return found | {package: version(package) for package in PACKAGES}


def version(package: str) -> str | None:
    """Of an installed package; None for one that is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit checked out in `folder` and whether tracked files differ from it; None outside a checkout or without git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def host() -> dict[str, Any]:
    """The machine: processor, cores present and usable, operating system. No name of the machine or its user."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "platform": platform.platform(),
        "machine": platform.machine(),
    }


def usable_cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:
        return os.cpu_count() or 1


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
