"""`edgesim check`: whether results on disk are what was written, and agree with themselves."""

from pathlib import Path
from typing import Annotated

import typer

from edgesim.cli.console import out
from edgesim.cli.folders import newest
from edgesim.cli.options import AsJson
from edgesim.errors import RunError

EPILOG = """
Examples:

edgesim check results/ideal      (the newest run there)

edgesim check sweeps/many results/ideal/*
"""


def check(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="RUN_OR_SWEEP", help="Results folders; of a scenario's runs the newest.", show_default=False),
    ],
    as_json: AsJson = False,
) -> None:
    """Verify every file by its checksum, and add bits, seconds, joules, steps and ratios up again from the tables.

    One file that was altered, lost or added is named. Exit code 1 where anything is wrong.
    """
    from edgesim.record import json_text
    from edgesim.report.audit import audit

    audits = [audit(newest(folder)) for folder in folders]
    runs, findings = sum(count for count, _ in audits), [finding for _, found in audits for finding in found]
    lines = [f"{finding.folder}: {finding.message}" for finding in findings]
    if as_json:
        out(json_text.dumps({"runs": runs, "problems": [finding._asdict() for finding in findings]}))
    else:
        out("\n".join([*lines, f"{runs} runs checked, {len(findings)} problems"]))
    if findings:
        raise RunError(f"{len(findings)} problems in {', '.join(map(str, dict.fromkeys(each.folder for each in findings)))}")
