"""``limen.jsonl`` in the folder of results: what is done, from which bytes, by which request and weights.

A line is written before its files get their names, so that a run that is killed at any moment repeats nothing that is
there and loses nothing that is not: a line counts only while the files that it tells of are there, byte for byte.
"""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.contracts import AnyRequest, ResultBody


JOURNAL = "limen.jsonl"
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """Figures of a result, the size of the photo's file and the sizes of the files that were written."""

    result: "ResultBody"
    input_bytes: int
    output_bytes: dict[str, int]


def fingerprint(request: "AnyRequest", contents: Mapping[str, bytes], computer: str) -> str:
    """SHA-256 over what a result depends on: the request, the bytes of its files by field, and who does the work."""
    digest = hashlib.sha256(request.identity().encode())
    for name, data in contents.items():
        digest.update(f"{name} {len(data)} ".encode())
        digest.update(data)
    digest.update(computer.encode())
    return digest.hexdigest()


def content_digest(data: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_journal(journal: Path | None) -> dict[str, Entry]:
    """The last line of each photo by its name; a line cut off by a crash is left out. Raises: OSError."""
    entries: dict[str, Entry] = {}
    if journal is None or not journal.is_file():
        return entries
    for line in journal.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
            entries[entry["photo"]] = entry
        except (ValueError, KeyError, TypeError):
            continue
    return entries


def append(journal: Path, photo: str, prints: list[str], done: Done, digests: Mapping[str, str]) -> None:
    """One more line, in one write, for several processes write at once. Raises: OSError.

    ``prints``: fingerprints under which the photo counts as done; ``digests``: of the files by name.
    """
    entry = {
        "photo": photo,
        "fingerprints": prints,
        "input_bytes": done.input_bytes,
        "output_bytes": done.output_bytes,
        "output_sha256": dict(digests),
        "body": done.result.model_dump(mode="json"),
    }
    line = (json.dumps(entry) + "\n").encode()
    descriptor = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        if _is_cut_off(descriptor):
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(journal))
    finally:
        os.close(descriptor)


def _is_cut_off(descriptor: int) -> bool:
    """Whether the last line has no end, as a crash leaves it."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def done_before(entry: Entry, request: "AnyRequest", print_now: str, outputs: Mapping[str, Path]) -> Done | None:
    """What ``entry`` tells, if it is about these very bytes and all its files are there unchanged. Raises: OSError."""
    try:
        digests, prints = entry["output_sha256"], entry["fingerprints"]
        result = type(request).result.model_validate(entry["body"])
        done = Done(result, entry["input_bytes"], entry["output_bytes"])
    except (KeyError, ValueError):  # written by an older version
        return None
    if print_now not in prints or digests.keys() != outputs.keys():
        return None
    for name, path in outputs.items():
        if not path.is_file() or path.stat().st_size != done.output_bytes[name]:
            return None
        if content_digest(path.read_bytes()) != digests[name]:
            return None
    return done
