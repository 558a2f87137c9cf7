"""What several commands take, worded once."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

ScenarioFile = Annotated[
    Path,
    typer.Argument(metavar="SCENARIO", help="A scenario file, such as scenarios/ideal.yaml.", show_default=False),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one value of the scenario, e.g. uplink.codec.xi=0.1 or data.batch_size=32. May be repeated.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, help="Take this seed instead of the scenario's.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of a table.")]
RunsAndSweeps = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN_OR_SWEEP",
        help="Folders of runs and sweeps; of a scenario's folder of runs the newest.",
        show_default=False,
    ),
]


def to_run(scenario: Path, changes: Sequence[str] | None, *more: str) -> str:
    """The command that runs a scenario with the changes that were typed for it."""
    changed = [word for change in changes or () for word in ("--set", change)]
    return shlex.join(["edgesim", "run", str(scenario), *changed, *more])
