"""A gzip body (RFC 1952), decoded as it arrives in small pieces, so that whoever counts them can stop a bomb."""

import zlib
from collections.abc import Iterator

from app.http.problem_types import RequestFault
from app.http.problems import ProblemError

PIECE_BYTES = 1 << 18
_GZIP_WINDOW = 31
"""zlib's code for 32 KiB of window inside gzip's header and trailer."""


class Gunzip:
    """Decodes one body, of one or more gzip members."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_GZIP_WINDOW)
        self._begun = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What ``chunk`` adds, at most ``PIECE_BYTES`` at a time. Raises: ProblemError if it is damaged."""
        rest = chunk
        while rest:
            if self._decoder.eof:
                self._decoder, self._begun = zlib.decompressobj(_GZIP_WINDOW), False
            self._begun = True
            piece = self._decoded(rest)
            rest = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
            if piece:
                yield piece
            while not self._decoder.eof and not rest and len(piece) == PIECE_BYTES:
                piece = self._decoded(b"")
                if piece:
                    yield piece

    def _decoded(self, data: bytes) -> bytes:
        try:
            return self._decoder.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise ProblemError(RequestFault.UPLOAD_MALFORMED, "The gzip body is damaged.") from error

    def end(self) -> None:
        """To be called after the last chunk. Raises: ProblemError if the body is cut off."""
        if not self._begun or not self._decoder.eof:
            raise ProblemError(RequestFault.UPLOAD_MALFORMED, "The gzip body ends before its last byte.")
