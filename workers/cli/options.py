"""Options that several verbs have: declared once, and those that every verb on photos has, handed on as one value."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from models.viewing import pixels_per_degree_of
from workers.cli.files import Destination, destination, one_line_errors
from workers.cli.server import server_address

STATUS = (
    "A folder is searched to the bottom; hidden files and links to folders are left out, and what is an image by its "
    "content or its name is worked on. Every file is listed: done, skipped and why, or failed and why. Exit status: "
    "0, all is done but hidden and excluded files; 2, something was skipped, a file that is no image too, or failed; "
    "130, interrupted, and the same command goes on."
)

Images = Annotated[
    list[Path], typer.Argument(help="Image files or folders of them, or - for standard input.", metavar="IN...")
]


def out_option(metavar: str, help: str) -> Any:
    """The option ``-o`` with a text of its own."""
    return typer.Option("--output", "-o", parser=destination, metavar=metavar, help=help)


FILE_OR_FOLDER = "File to write, or - for standard output; a folder, for one image too: OUT/ makes it."
Output = Annotated[Destination, out_option("OUT", FILE_OR_FOLDER)]
JournalFolder = Annotated[
    Destination | None, out_option("FOLDER", "With a folder: where to keep the journal that resumes it.")
]
Overlay = Annotated[
    Destination | None,
    typer.Option(parser=destination, metavar="OUT", help="Also write the photo under the map in colour, PNG."),
]
Npz = Annotated[
    Destination | None,
    typer.Option(parser=destination, metavar="OUT", help="Also write the float32 map as a NumPy archive."),
]
Observer = Annotated[
    str, typer.Option(help="Viewing condition that a share of viewers refers to.", envvar="LIMEN_PROFILE")
]
PixelsPerDegree = Annotated[
    float | None,
    typer.Option(
        parser=pixels_per_degree_of,
        metavar="NUMBER|NAME",
        help="Of the viewer's eye, 20..120, or desktop, laptop, television-4k, phone; else the observer's own.",
    ),
]
Jnd = Annotated[int, typer.Option(min=1, max=3, help="First, second or third just noticeable difference.")]
Server = Annotated[
    str | None,
    typer.Option(
        parser=server_address,
        metavar="ADDRESS",
        help="Address of a running service that does the work, such as localhost:8000.",
        envvar="LIMEN_SERVER",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a summary.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a verb goes about its work, whatever the work is: its fields are options of every verb on photos."""

    jobs: Annotated[int, typer.Option(min=1, max=64, help="Photos of a folder that are worked on at once.")] = 1
    server: Server = None
    as_json: Json = False
    quiet: Quiet = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written where, and write nothing.")] = (
        False
    )
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Leave such files of a folder out, as '*.txt'; may be given more than once."
        ),
    ] = None

    @property
    def silent(self) -> bool:
        """Whether nobody is to see a bar or a table."""
        return self.quiet or self.as_json


def photo_verb(verbs: typer.Typer) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: a verb of ``verbs`` on photos. Where it takes a dataclass, such as ``RunOptions``, the command line
    has one option for each of its fields.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        parameters = inspect.signature(verb).parameters
        types: dict[str, Any] = {name: one.annotation for name, one in parameters.items()}
        groups = {name: kind for name, kind in types.items() if isinstance(kind, type) and is_dataclass(kind)}
        fields = {name: inspect.signature(group).parameters for name, group in groups.items()}

        @wraps(verb)
        @one_line_errors()
        def called(**options: Any) -> None:
            grouped = {name: groups[name](**{field: options[field] for field in fields[name]}) for name in groups}
            verb(**{name: grouped[name] if name in groups else options[name] for name in parameters})

        shown = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name in parameters
            for one in (fields[name].values() if name in groups else [parameters[name]])
        ]
        called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what Typer reads
        called.__annotations__ = {one.name: one.annotation for one in shown}
        return verbs.command(epilog=STATUS)(called)

    return decorate
