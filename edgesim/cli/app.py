"""`edgesim`, the command line: every command, and how each failure becomes one message and an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from edgesim.cli import check, compare, doctor, init, plan, plot, report, run, schema, sweep, trace, validate, watch
from edgesim.cli import list as menu
from edgesim.cli.console import out, say, tolerate_narrow_encodings
from edgesim.cli.crash import CrashReport
from edgesim.errors import EdgesimError, ScenarioError, told

NAME = "edgesim"
EPILOG = """
Exit codes: 0 ok, 1 the run failed, 2 wrong usage, 3 invalid scenario, 4 points of a sweep failed, 5 data or weights not found,
75 stopped, --resume goes on, 130 interrupted twice.

Start with:  edgesim init first.yaml  |  edgesim plan first.yaml  |  edgesim run first.yaml
"""

app = typer.Typer(
    name=NAME,
    help="Split learning of Vision Transformers over simulated wireless links: real training, simulated time, energy and bits.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("run", epilog=run.EPILOG)(run.run)
app.command("sweep", epilog=sweep.EPILOG)(sweep.sweep)
app.command("compare", epilog=compare.EPILOG)(compare.compare)
app.command("validate", epilog=validate.EPILOG)(validate.validate)
app.command("plan", epilog=plan.EPILOG)(plan.plan)
app.command("list", epilog=menu.EPILOG)(menu.list_kinds)
app.command("schema", epilog=schema.EPILOG)(schema.schema)
app.command("init", epilog=init.EPILOG)(init.init)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("trace", epilog=trace.EPILOG)(trace.trace)
app.command("plot", epilog=plot.EPILOG)(plot.plot)
app.command("watch", epilog=watch.EPILOG)(watch.watch)
app.command("report", epilog=report.EPILOG)(report.report)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out(f"{NAME} {version(NAME)}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Split learning of Vision Transformers over simulated wireless links: real training, simulated time, energy and bits."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    arguments  without the program's name; those of the process where left out
    """
    # Read once, when torch is imported: threads that wait for each other sleep instead of taking the cores from each other.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Read once, when pyarrow is imported: its own allocator keeps tens of megabytes that a run of many clients can use.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    tolerate_narrow_encodings()
    crash = CrashReport()
    sys.excepthook = crash
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    try:
        typer.main.get_command(app).main(args=given, prog_name=NAME, obj=run.Invocation(given, crash))
    except ScenarioError as error:
        say(str(error))
        return error.exit_code
    except EdgesimError as error:
        say(f"{NAME}: {told(error)}")
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0
