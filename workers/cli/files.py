"""What the verbs on files share: where results go, writing whole or not at all, progress, errors in one line."""

import contextlib
import itertools
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from models.errors import LimenError
from workers.cli.names import is_of_another_format, result_name
from workers.errors import ServiceError

STANDARD_STREAM = Path("-")
FAILED = 2
_STREAM_FILE = re.compile(r"/dev/(?:fd/(?P<device>\d+)|(?P<name>stdin|stdout|stderr))|/proc/self/fd/(?P<process>\d+)")
_DESCRIPTORS = {"stdin": 0, "stdout": 1, "stderr": 2}
_STANDARD_OUTPUT = 1
_PART = re.compile(r"\.limen-(\d+)-\d+\.part")
_part_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Destination:
    """What ``-o`` names: a path, and whether it was written with a slash at its end, as only folders are."""

    path: Path
    has_slash: bool = False

    def __str__(self) -> str:
        return f"{self.path}/" if self.has_slash else str(self.path)

    @property
    def is_folder(self) -> bool:
        """Whether results go into it under names of their own."""
        return self.path != STANDARD_STREAM and (self.has_slash or self.path.is_dir())

    def file_for(self, source: Path, result: str) -> Path:
        """Where the file ``result`` of the photo ``source`` goes: into the folder, or the file that was named."""
        if not self.is_folder:
            return self.path
        name = result if source == STANDARD_STREAM else result_name(source.name, Path(result).suffix)
        return self.path / name


def destination(text: str) -> Destination:
    """The value of ``-o``. Raises: typer.BadParameter if it is empty."""
    if not text:
        raise typer.BadParameter("name a file or a folder")
    return Destination(Path(text), has_slash=text.endswith(("/", "/.")))


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn whatever goes wrong inside into one line on standard error and exit status 2."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        typer.echo("limen: interrupted", err=True)
        raise typer.Exit(130) from None
    except Exception as error:  # the edge of the program: a traceback helps no one who converts a photo
        typer.echo(f"limen: {in_words(error)}", err=True)
        raise typer.Exit(FAILED) from error


def in_words(error: Exception) -> str:
    """What went wrong, for one line; an error that nobody foresaw says its type."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        of_settings = error.title.endswith("Settings")
        return "; ".join(_invalid(dict(item), of_settings=of_settings) for item in error.errors())
    if isinstance(error, OSError) and error.strerror:
        return shown(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    said = shown(" ".join(str(error).split()))
    if isinstance(error, (ImportError, ValueError, OSError, LimenError, ServiceError)):
        return said
    return f"unexpected {type(error).__name__}: {said}"


def _invalid(item: dict[str, Any], *, of_settings: bool) -> str:
    """One input that is wrong, by its name; a setting by its variable."""
    name = ".".join(str(part) for part in item["loc"])
    said = str(item["msg"]).removeprefix("Value error, ")
    if of_settings and name:
        name = f"LIMEN_{str(item['loc'][0]).upper()}"
    return f"{name}: {said}" if name else said


def shown(text: str | Path) -> str:
    """``text`` for people: bytes that are no UTF-8, and what a terminal would obey, as Python escapes them."""
    readable = str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in readable
    )


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or standard input for ``-``. Raises: OSError that names the file, also where the disc fails."""
    if path == STANDARD_STREAM:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def goes_to_standard_output(path: Path) -> bool:
    """Whether what is written there comes out of this program, so that nothing else may."""
    return path == STANDARD_STREAM or _descriptor(path) == _STANDARD_OUTPUT


def check_output(destination: Destination, path: Path, result: str, *inputs: Path | None) -> None:
    """Refuse, before any work is done, an output that cannot be written or that would replace an input.

    ``path``: where the file ``result`` goes by ``destination``. What is neither there nor below a folder that is to be
    made, what is a folder, a disc or a socket, and a name that promises another format is refused. Raises: ValueError.
    """
    if path == STANDARD_STREAM or _descriptor(path) is not None:
        return
    mode = _mode(path)
    if mode is not None and stat.S_ISDIR(mode):
        raise ValueError(f"{path} is a folder; name the file to write")
    if mode is not None and (stat.S_ISBLK(mode) or stat.S_ISSOCK(mode)):
        raise ValueError(f"{path} is a {'disc' if stat.S_ISBLK(mode) else 'socket'}, over which nothing is written")
    if not destination.is_folder and not path.absolute().parent.is_dir():
        raise ValueError(f"the folder of {path} does not exist")
    if destination.is_folder and destination.path.exists() and not destination.path.is_dir():
        raise ValueError(f"{destination.path} is no folder")
    if (mode is None or stat.S_ISREG(mode)) and is_of_another_format(path, result):
        raise ValueError(f"{path}: the result is a {Path(result).suffix} file; give it that suffix")
    for source in inputs:
        if source is not None and mode is not None and source.exists() and path.samefile(source):
            raise ValueError(f"{path} is the input; write to another file")


def _mode(path: Path) -> int | None:
    """Kind and permissions of what is there, behind links; None if nothing is. Raises: OSError."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _descriptor(path: Path) -> int | None:
    """The open file that a path such as ``/dev/stdout`` or ``/dev/fd/63`` stands for, or None."""
    found = _STREAM_FILE.fullmatch(os.path.abspath(path))
    if found is None:
        return None
    number = found["device"] or found["process"]
    return _DESCRIPTORS[found["name"]] if number is None else int(number)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all; write into what is no plain file. Raises: OSError."""
    with put_in_place({path: content}):
        pass


@contextlib.contextmanager
def put_in_place(files: Mapping[Path, bytes]) -> Iterator[None]:
    """Write all ``files``, which appear under their names, whole, when the block is left without an error.

    A pipe, a device or an open stream is written into instead, and stays what it is. Raises: OSError.
    """
    parts: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            if is_plain(path):
                parts.append(_part_beside(path.resolve(), content))
        yield
        for part, target in parts:
            part.replace(target)
    finally:
        for part, _ in parts:
            part.unlink(missing_ok=True)
    for path, content in files.items():
        if not is_plain(path):
            _write_into(path, content)


def is_plain(path: Path) -> bool:
    """Whether an output is, or will be, an ordinary file. Raises: OSError."""
    if path == STANDARD_STREAM or _descriptor(path) is not None:
        return False
    mode = _mode(path)
    return mode is None or stat.S_ISREG(mode)


def _part_beside(target: Path, content: bytes) -> tuple[Path, Path]:
    """``content`` on the disc beside ``target``, under a short name and with the permissions of what it replaces."""
    part = target.with_name(f".limen-{os.getpid()}-{next(_part_numbers)}.part")
    try:
        part.write_bytes(content)
        if (mode := _mode(target)) is not None:
            part.chmod(stat.S_IMODE(mode))
            _onto_the_disc(part)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(target)) from error  # a full disc names no file, or the part
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part, target


def _onto_the_disc(path: Path) -> None:
    """Wait until the bytes would outlast a power cut, for they replace what was there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_into(path: Path, content: bytes) -> None:
    """Write into a stream, a pipe or a device. Raises: OSError, of a stream that nobody reads, too."""
    number = _STANDARD_OUTPUT if path == STANDARD_STREAM else _descriptor(path)
    if number == _STANDARD_OUTPUT:
        _write_to_standard_output(content)
        return
    descriptor = os.open(path, os.O_WRONLY) if number is None else os.dup(number)
    with open(descriptor, "wb", buffering=0) as file:
        _write_all(file.write, content, path)


def _write_to_standard_output(content: bytes) -> None:
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # or the interpreter complains once more when it ends
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise OSError("standard output was closed before all was written") from None


def _write_all(write: Callable[[memoryview], int | None], content: bytes, path: Path) -> None:
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[write(rest) or 0 :]
    except BrokenPipeError:
        raise OSError(f"{path}: was closed before all was written") from None


def remove_parts(folder: Path, *, of_this_process: bool = False) -> None:
    """Delete what killed runs left half written in ``folder``, or what this process did. Nothing is said of errors."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".limen-*.part"):
            found = _PART.fullmatch(path.name)
            if found and (int(found[1]) == os.getpid() if of_this_process else not _is_alive(int(found[1]))):
                path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


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
    """One JSON object on standard output, or on standard error where a file went to standard output.

    It is ASCII: a byte of a file name that is no UTF-8 becomes the escaped surrogate that ``os.fsencode`` turns back.
    """
    typer.echo(json.dumps(body, allow_nan=False), err=err)


def counted(number: int, noun: str) -> str:
    """``1 photo``, ``2 photos``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
