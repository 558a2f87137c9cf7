"""The kinds of figures: a kind is a file of edgesim/report/figures/."""

import importlib
from pathlib import Path

from edgesim.errors import UsageError
from edgesim.kind_files import holds_subclass, read_class
from edgesim.quantities import did_you_mean, shortened
from edgesim.report.figures.base import Figure

BASE = "Figure"
FOLDER = Path(__file__).parent / "figures"
PACKAGE = "edgesim.report.figures"


def names() -> list[str]:
    """Every kind, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if holds_subclass(path, BASE))


def doc(kind: str) -> str:
    """What the kind says about itself, read without importing it."""
    text: str = _read(kind)["doc"]
    return text


def load(kind: str) -> Figure:
    """A figure of that kind."""
    class_name = _read(kind)["class_name"]
    found: type[Figure] = getattr(importlib.import_module(f"{PACKAGE}.{kind}"), class_name)
    return found()


def _read(kind: str) -> dict[str, str]:
    known = names()
    if kind not in known:
        raise UsageError(f"unknown plot {shortened(kind)!r}{did_you_mean(kind, known)} (plots: {', '.join(known)})")
    return read_class(FOLDER / f"{kind}.py", BASE, None)
