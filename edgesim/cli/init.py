"""`edgesim init`: a commented scenario to start from."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out, say
from edgesim.cli.files import write_new

EPILOG = """
Examples:

edgesim init first.yaml

edgesim init | less
"""


def init(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="File to write; stdout where left out.", show_default=False)
    ] = None,
) -> None:
    """Write a commented scenario that runs as it is. A file that exists is left alone."""
    from edgesim.load import starter

    if path is None:
        out(starter().rstrip("\n"))
        return
    write_new(path, starter())
    name = shlex.quote(str(path))
    say(f"wrote {path}\nnext     edgesim plan {name}\n         edgesim run {name}")
