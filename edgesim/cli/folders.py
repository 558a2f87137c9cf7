"""Which run or sweep a folder means that was typed."""

from pathlib import Path

from edgesim.errors import UsageError

MANIFEST = "manifest.json"
OF_A_SWEEP = ("index.parquet", "points")  # of one without its manifest, which can be read all the same
MOST_NAMED = 5


def runs_in(folder: Path) -> list[Path]:
    """The run or sweep itself, or all runs of a scenario's folder. Raises UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name the folder of a run or a sweep, such as results/ideal")
    if any((folder / name).exists() for name in (MANIFEST, *OF_A_SWEEP)):
        return [folder]
    runs = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if not runs:
        raise UsageError(f"{folder} holds no run (no {MANIFEST} in it or one level below){_below(folder)}")
    return runs


def newest(folder: Path) -> Path:
    """The run or sweep itself, or the newest run of a scenario's folder. Raises UsageError where there is none."""
    runs = runs_in(folder)
    return runs[0] if len(runs) == 1 else max(runs, key=lambda path: (path / MANIFEST).stat().st_mtime_ns)


def _below(folder: Path) -> str:
    """Where there are runs further down, as in the folder of all results."""
    found = sorted({str(path.parent.parent) for path in folder.glob(f"*/*/{MANIFEST}")})
    more = ", ..." if len(found) > MOST_NAMED else ""
    return f"; name one of {', '.join(found[:MOST_NAMED])}{more}" if found else ""
