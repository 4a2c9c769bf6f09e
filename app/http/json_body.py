"""A JSON body under a byte limit and the deadlines of uploads, as a typed value."""

from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header

from app.http.problem_types import RequestFault
from app.http.problems import ProblemError, validation_errors
from app.http.uploads import LimitedBody
from app.settings import ApiSettings

MAX_JSON_BYTES = 1 << 15
"""A consent text of 5000 characters, escaped, with room to spare."""

Model = TypeVar("Model", bound=BaseModel)


async def receive_json(request: Request, model: type[Model], settings: ApiSettings) -> Model:
    """The body of ``request``. Raises: ProblemError, ClientDisconnect."""
    body = LimitedBody(request, settings, MAX_JSON_BYTES)
    try:
        body.refuse_announced_size()
        kind, _ = parse_options_header(request.headers.get("content-type", ""))
        if kind != b"application/json":
            raise ProblemError(RequestFault.MEDIA_TYPE_UNSUPPORTED, "Send application/json.")
        text = b"".join([chunk async for chunk in body.chunks()])
    except ProblemError as error:
        if not body.ended:
            error.headers["Connection"] = "close"
            await body.drain()
        raise
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        found = validation_errors(list(error.errors(include_url=False, include_context=False, include_input=False)))
        raise ProblemError.of_inputs(found) from error
