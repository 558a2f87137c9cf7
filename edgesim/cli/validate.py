"""`edgesim validate`: every problem of every file, without running anything."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out
from edgesim.errors import ScenarioError, UsageError

EPILOG = """
Examples:

edgesim validate scenarios/*.yaml

edgesim validate mine.yaml && edgesim run mine.yaml
"""


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="SCENARIO", help="Scenario files.", show_default=False)],
) -> None:
    """Check scenario files and print every problem as file:line:column: message.

    Nothing is run and no data is opened: an impossible cut of a particular model, for instance, shows in `edgesim plan`.
    """
    codes = [_check(path) for path in files]
    if any(codes):
        raise typer.Exit(max(codes))


def _check(path: Path) -> int:
    """Print what there is to say about one file and give its exit code."""
    from edgesim.load import load

    try:
        loaded = load(path)
    except (ScenarioError, UsageError) as error:
        out(str(error))
        return error.exit_code
    out(f"{path}: ok ({loaded.hash8})")
    return 0
