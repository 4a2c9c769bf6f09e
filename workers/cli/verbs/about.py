"""``limen report`` on a photo, and ``limen models`` on what works on photos."""

from pathlib import Path
from typing import Annotated

import typer

from models.viewing import DEFAULT_OBSERVER
from workers.cli.files import Destination, check_output, one_line_errors, print_json, write_bytes
from workers.cli.options import Jnd, Json, Observer, Quiet, Server, out_option
from workers.cli.verb import interruptible

verbs = typer.Typer()


@verbs.command()
@one_line_errors()
def report(
    image: Annotated[Path, typer.Argument(help="Image file, or - for standard input.", metavar="IN")],
    output: Annotated[
        Destination, out_option("OUT", "HTML to write, or - for standard output; OUT/ is a folder for it.")
    ],
    target_sur: Annotated[float, typer.Option(help="Share of viewers in (0, 1) who must not see a difference.")] = 0.75,
    observer: Observer = DEFAULT_OBSERVER,
    jnd: Jnd = 1,
    server: Server = None,
    quiet: Quiet = False,
) -> None:
    """A photo's JND map, SUR curve and VarJPEG result in one HTML file that needs nothing else."""
    from workers.cli.report import report_on

    path = output.file_for(image, "report.html")
    check_output(output, path, "report.html", image)
    text = interruptible(
        lambda progress: report_on(
            image, target_sur=target_sur, observer=observer, jnd=jnd, server=server, progress=progress
        ),
        [path],
        label="report",
        quiet=quiet,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode())


@verbs.command()
@one_line_errors()
def models(as_json: Json = False) -> None:
    """The shipped weights: version, size, what they learned from, how good they are."""
    from dataclasses import asdict

    from models.graphs.artefacts import WEIGHTS, load_manifest

    entries = sorted(load_manifest().values(), key=lambda entry: entry.name)
    if as_json:
        print_json({"models": [asdict(entry) for entry in entries]})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "version", "preset", "size", "learned from", box=None)
    for entry in entries:
        size = (WEIGHTS / entry.file).stat().st_size
        table.add_row(entry.name, entry.version, entry.preset, f"{size / 1e6:.1f} MB", entry.training_data)
    Console().print(table)
