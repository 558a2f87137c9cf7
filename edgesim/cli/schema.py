"""`edgesim schema`: JSON Schema of scenario files, for editors."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out, say
from edgesim.cli.files import write_new

EPILOG = """
Editors with YAML support then complete keys and mark mistakes, if a scenario begins with the line

# yaml-language-server: $schema=scenario.schema.json

Example:

edgesim schema --out scenario.schema.json
"""


def schema(
    path: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to FILE instead of stdout.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of a scenario file, with every kind that is installed and its knobs."""
    from edgesim.record import json_text
    from edgesim.scenario import json_schema

    text = json_text.dumps(json_schema())
    if path is None:
        out(text)
        return
    write_new(path, text + "\n", replace=True)
    say(f"wrote {path}; begin a scenario with:  # yaml-language-server: $schema={path}")
