"""The ``limen`` program: the service, its worker, and each capability on files and folders.

A verb, of ``verbs``, turns its options into the request that the REST API would make of them; ``work`` has it answered
by this machine or by a server. Heavy imports happen inside functions, so that ``limen --help`` answers at once.
"""

import io
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from workers.cli.options import STATUS
from workers.cli.verbs import about, keys, maps, plain_encoding, scores, service, studies, sur_curve, varjpeg

app = typer.Typer(
    name="limen",
    help="Where is distortion invisible, who would notice JPEG compression, and the smallest JPEG that a share of "
    "viewers cannot tell from the original.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (service, keys, maps, scores, sur_curve, varjpeg, plain_encoding, about, studies):
    app.add_typer(group.verbs)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as installed_version

        typer.echo(f"limen {installed_version('limen')}")
        raise typer.Exit


@app.callback(epilog=STATUS)
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """The console script: a wrong word is one line on standard error; what a terminal cannot show is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
    except Abort:
        status = 1
    except TyperException as error:
        said = error.format_message()
        lines = said if "\n" in said else f"limen: {said.replace('Value error, ', '')}"  # help is many lines
        typer.echo(lines, err=True)
        status = error.exit_code
    sys.exit(status)


if __name__ == "__main__":
    main()
