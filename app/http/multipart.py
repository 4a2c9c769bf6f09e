"""A multipart/form-data body (RFC 7578), read as it arrives: files go to the blob store, fields stay small."""

import contextlib
from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.http.problem_types import RequestFault
from app.http.problems import ProblemError
from workers.blobs.store import BlobStore, BlobWriter

MAX_PARTS = 32
MAX_FIELD_BYTES = 4096
_PLAIN_ENCODINGS = ("binary", "8bit", "7bit")


class FormReader:
    """Receives a form. ``files`` names the parts that are files; any other part is a field. Whoever makes one calls
    ``drop`` in the end, and may do all of it in a thread. ``keep`` gets each file as soon as it has ended, of which
    there may then be several of one name; without it they are in ``writers`` in the end.
    """

    def __init__(
        self,
        boundary: bytes,
        blobs: BlobStore,
        files: frozenset[str],
        *,
        max_file_bytes: int,
        max_parts: int = MAX_PARTS,
        max_field_bytes: int = MAX_FIELD_BYTES,
        keep: Callable[[str, BlobWriter], None] | None = None,
    ) -> None:
        self._blobs = blobs
        self._file_names = files
        self._max_file_bytes = max_file_bytes
        self._max_parts = max_parts
        self._max_field_bytes = max_field_bytes
        self._keep = keep
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = self._name = ""
        self._encoding = "binary"
        self._writer: BlobWriter | None = None
        self._parts = 0
        self._complete = False
        self._texts: dict[str, bytearray] = {}
        self.writers: dict[str, BlobWriter] = {}
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._header_field,
                    "on_header_value": self._add_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed(f"The boundary in Content-Type is missing or not valid: {error}.") from error

    def drop(self) -> None:
        """Drop every file that was not committed."""
        with contextlib.ExitStack() as stack:
            for writer in self.writers.values():
                stack.callback(writer.abort)

    def write(self, chunk: bytes) -> None:
        """The next piece of the body. Raises: ProblemError that says which part is at fault, and why."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(f"{self._place()}: {error}.") from error

    def fields(self) -> dict[str, str]:
        """All fields that are not empty, once the body has ended: a form sends what was left blank as empty.

        Raises: ProblemError if the last boundary is missing, or a field is no text.
        """
        if not self._complete:
            raise _malformed(f"{self._place()}: the multipart body ends there, before its last boundary.")
        return {name: self._text(name, bytes(text)) for name, text in self._texts.items() if text}

    def _text(self, name: str, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise _malformed(f"Field {_shown(name)}: byte {error.start} is not UTF-8 text.") from error

    def _place(self) -> str:
        """Where in the form the parser is."""
        if self._parts == 0:
            return "Before the first part"
        return f"Part {self._parts}{f' ({_shown(self._name)})' if self._name else ''}"

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > self._max_parts:
            raise _malformed(f"The form has more than {self._max_parts} parts.")
        self._disposition = self._name = ""
        self._encoding = "binary"

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value.decode("latin-1")
        if self._header_name.lower() == b"content-transfer-encoding":
            self._encoding = self._header_value.decode("latin-1").strip().lower()
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _malformed(f"Part {self._parts} has no name: its Content-Disposition has to be form-data; name=...")
        self._name = options[b"name"].decode("utf-8", "replace")
        if self._encoding not in _PLAIN_ENCODINGS:
            raise _malformed(f"{self._place()}: Content-Transfer-Encoding {self._encoding[:40]!r} is not read.")
        if self._name in self._texts or self._name in self.writers:
            raise _invalid(self._name, "given twice")
        if self._name in self._file_names:
            self._writer = self.writers[self._name] = self._blobs.writer()
        elif b"filename" in options:
            raise _invalid(self._name, f"no such file; this operation takes {', '.join(sorted(self._file_names))}")
        else:
            self._writer, self._texts[self._name] = None, bytearray()

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._writer is None:
            self._add_text(data[start:end])
            return
        if self._writer.size_bytes + end - start > self._max_file_bytes:
            raise too_large(self._max_file_bytes, self._name)
        self._writer.write(memoryview(data)[start:end])

    def _add_text(self, data: bytes) -> None:
        text = self._texts[self._name]
        text += data
        if len(text) > self._max_field_bytes:
            raise _invalid(self._name, f"longer than {self._max_field_bytes} bytes")

    def _end_part(self) -> None:
        if self._keep is not None and self._writer is not None:
            self._keep(self._name, self._writer)
            del self.writers[self._name]
            self._writer = None

    def _end(self) -> None:
        self._complete = True


def too_large(max_bytes: int, name: str | None = None) -> ProblemError:
    """The problem of a file, or of a body, beyond its limit."""
    place = "" if name is None else f"{_shown(name)}: "
    return ProblemError(RequestFault.UPLOAD_TOO_LARGE, f"{place}At most {max_bytes} bytes are taken in one file.")


def _shown(name: str) -> str:
    """What a client called a part, as far as it fits into a sentence."""
    return "".join(character if character.isprintable() else "?" for character in name[:100])


def _malformed(detail: str) -> ProblemError:
    return ProblemError(RequestFault.UPLOAD_MALFORMED, detail)


def _invalid(name: str, message: str) -> ProblemError:
    return ProblemError.of_inputs([{"field": name[:200], "message": message}])
