"""Replies that are a stored file, wherever it is kept: as a whole, or the one range of it that was asked for."""

import re
from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from app.http.semantics import asks_for_head
from workers.blobs.storage import StoredFile

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.IGNORECASE)


def stored_reply(
    request: Request, file: StoredFile, *, media_type: str, headers: Mapping[str, str], etag: str | None = None
) -> Response:
    """The file or a part of it (RFC 9110, section 14). Of several ranges none is heeded, as section 14.2 allows."""
    size = file.size_bytes
    common = {**headers, "Accept-Ranges": "bytes"} | ({} if etag is None else {"ETag": etag})
    wanted = _wanted(request, size, etag)
    if wanted is None:
        if asks_for_head(request):
            return Response(media_type=media_type, headers={**common, "Content-Length": str(size)})
        return StreamingResponse(file.pieces(), media_type=media_type, headers={**common, "Content-Length": str(size)})
    start, end = wanted
    if start >= end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    part = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
    return StreamingResponse(file.pieces(start, end), 206, {**common, **part}, media_type)


def _wanted(request: Request, size: int, etag: str | None) -> tuple[int, int] | None:
    """First byte and the one after the last; empty if they lie outside the file, None if all of it is to be sent."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
