"""What the verbs on files share: read, write whole or not at all, progress, errors in one line."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

STANDARD_STREAM = Path("-")
FAILED = 2


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn whatever goes wrong inside into one line on standard error and exit status 2."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:  # the edge of the program: a traceback helps no one who converts a photo
        typer.echo(f"limen: {in_words(error)}", err=True)
        raise typer.Exit(FAILED) from error


def in_words(error: Exception) -> str:
    """What went wrong, for one line; an error that nobody foresaw says its type."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(_setting_error(dict(item)) for item in error.errors())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    domain_error = getattr(sys.modules.get("models.errors"), "LimenError", ())  # the web image has no ``models``
    if isinstance(error, (ImportError, ValueError, OSError, domain_error)):
        return " ".join(str(error).split())
    return f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"


def _setting_error(item: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    return f"{name}: {item['msg']}" if name else str(item["msg"])


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or standard input for ``-``. Raises: OSError."""
    return sys.stdin.buffer.read() if path == STANDARD_STREAM else path.read_bytes()


def check_output(path: Path | None, *inputs: Path | None) -> None:
    """Refuse, before any work is done, an output that cannot be written or that would replace an input.

    Raises: ValueError.
    """
    if path is None or path == STANDARD_STREAM:
        return
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the file to write")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist")
    for source in inputs:
        if source is not None and source.exists() and path.exists() and path.samefile(source):
            raise ValueError(f"{path} is the input; write to another file")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, or standard output for ``-``. Raises: OSError."""
    if path == STANDARD_STREAM:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = path.resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def progress_bar(label: str, *, quiet: bool = False) -> Iterator[Callable[[float], None] | None]:
    """A bar on standard error while a terminal is there to show it; yields what takes the fraction done, or None."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)


def print_json(body: dict[str, Any], *, err: bool = False) -> None:
    """One JSON object on standard output, or on standard error where a file went to standard output."""
    typer.echo(json.dumps(body, ensure_ascii=False, allow_nan=False), err=err)


def choose_profile(profile: str) -> None:
    """Make an observer profile the default of this process: by name, or by the file that holds it and its folder.

    Raises: ValueError if the file holds no single profile; OSError.
    """
    if profile.endswith(".json"):
        path = Path(profile)
        document = json.loads(path.read_text())
        names = list(document.get("profiles", {})) if isinstance(document, dict) else []
        if len(names) != 1:
            raise ValueError(f"{path} holds {len(names)} observer profiles; give the name of one in LIMEN_PROFILES")
        os.environ["LIMEN_PROFILES"] = str(path.resolve().parent)
        profile = names[0]
    os.environ["LIMEN_PROFILE"] = profile
