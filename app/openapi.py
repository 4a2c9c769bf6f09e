"""What OpenAPI says about each operation: bodies, forms of the result, and every problem it can answer with."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.resources import files as package_files
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.access.gate import KEY_PROBLEMS
from app.access.quotas import QUOTA_PROBLEMS
from app.http.earlier import job_field
from app.http.fetching import url_field
from app.http.problem_types import PROBLEM_TYPES, RequestFault
from app.http.problems import PROBLEM_MEDIA_TYPE, problem_body
from app.http.uploads import UploadForm
from app.schemas import JobStatus, Problem, reply_model
from workers.contracts import FailureCode, Request, ResultBody
from workers.errors import (
    AddressRefusedError,
    BlobStoreFullError,
    BrokerUnavailableError,
    FetchFailedError,
    IdempotencyConflictError,
    JobExpiredError,
    QueueFullError,
)
from workers.outbound.guard import MAX_LENGTH

_REFERENCE = "#/components/schemas/{model}"
JSON = "application/json"
_NOTHING: Mapping[str, Any] = {}
_FILES = {
    "image": "the file",
    "reference": "the image that it is compared with, of the same size",
    "distorted": "the image that is judged",
    "protect": "mask of the same size; where it is light the photo is protected",
}
_CALLBACK = {
    "callback_url": {
        "type": "string",
        "maxLength": MAX_LENGTH,
        "description": "where to send a signed webhook when the job has ended, on a service that is set up for it",
    }
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}

_UPLOAD_PROBLEMS = (
    *KEY_PROBLEMS,
    *QUOTA_PROBLEMS,
    RequestFault.UPLOAD_MALFORMED,
    RequestFault.NOT_ACCEPTABLE,
    RequestFault.UPLOAD_TIMEOUT,
    IdempotencyConflictError.code,
    RequestFault.UPLOAD_TOO_LARGE,
    RequestFault.MEDIA_TYPE_UNSUPPORTED,
    RequestFault.CONTENT_ENCODING_UNSUPPORTED,
    RequestFault.REQUEST_INVALID,
    AddressRefusedError.code,
    FetchFailedError.code,
    RequestFault.UPLOAD_EMPTY,
    QueueFullError.code,
    BrokerUnavailableError.code,
    RequestFault.WAIT_ENDED,
    BlobStoreFullError.code,
)
_WORK_PROBLEMS = (
    FailureCode.BLOB_MISSING,
    FailureCode.BLOB_STORE_UNAVAILABLE,
    FailureCode.PARAMETER_INVALID,
    RequestFault.JOB_CANCELLED,
    JobExpiredError.code,
    FailureCode.MODEL_INVALID,
    FailureCode.WORKER_LOST,
    FailureCode.INTERNAL,
    FailureCode.DEADLINE_EXCEEDED,
)
IMAGE_PROBLEMS = (FailureCode.IMAGE_TYPE_UNSUPPORTED, FailureCode.IMAGE_UNDECODABLE, FailureCode.IMAGE_TOO_LARGE)
ALL_WORK_PROBLEMS = (
    *_WORK_PROBLEMS,
    *IMAGE_PROBLEMS,
    FailureCode.IMAGE_SIZES_DIFFER,
    FailureCode.DISTRIBUTION_INVALID,
    FailureCode.TARGET_UNREACHABLE,
    FailureCode.CONTAINER_INVALID,
)
_ACCEPTED_HEADERS = {
    "Location": {"description": "path of the job", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds", "schema": {"type": "integer"}},
}

_JOB_LINKS = {
    operation: {"operationId": operation, "parameters": {"job_id": "$response.body#/id"}}
    for operation in ("read_job", "read_result", "follow_job", "cancel_job")
}


class Operation(TypedDict):
    """Keyword arguments of a FastAPI route."""

    status_code: int
    response_model: None
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]


def upload_operation(
    asked: type[Request],
    form: UploadForm,
    *,
    files: Iterable[str] = (),
    problems: Iterable[str] = IMAGE_PROBLEMS,
    example: Mapping[str, Any] | None = None,
) -> Operation:
    """An endpoint that takes files and makes a job. ``files``: media types of the result besides JSON."""
    codes = (*_UPLOAD_PROBLEMS, *_WORK_PROBLEMS, *problems)
    responses: dict[int | str, dict[str, Any]] = {
        200: _result_response(asked.result, files),
        202: {
            "model": JobStatus,
            "description": "The job was accepted; follow Location.",
            "headers": _ACCEPTED_HEADERS,
            "links": _JOB_LINKS,
        },
    }
    beside = _in_place_of_files(form) | _CALLBACK
    return Operation(
        status_code=202,
        response_model=None,
        responses=responses | problem_responses(codes),
        openapi_extra={"requestBody": form_body(asked, form, example or {}, beside=beside)},
    )


def _in_place_of_files(form: UploadForm) -> dict[str, Any]:
    """Fields that may stand for files."""
    jobs = {
        job_field(name): {
            "type": "string",
            "maxLength": 64,
            "description": f"id of an earlier job, whose first file is taken in place of `{name}`",
        }
        for name in form.names
    }
    addresses = {
        url_field(name): {
            "type": "string",
            "maxLength": MAX_LENGTH,
            "description": f"address of the file, in place of `{name}`, on a service that is set up for it",
        }
        for name in form.names
    }
    return jobs | addresses


def file_content(media_types: Iterable[str]) -> dict[str, Any]:
    """Files of a result as OpenAPI's content of a response."""
    text = {"schema": {"type": "string"}}
    return {media_type: text if media_type.startswith("text/") else _BINARY for media_type in media_types}


def problem_responses(codes: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    """The problem types of an operation as OpenAPI responses, one per status, with an example of each type."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[PROBLEM_TYPES[code].status].append(str(code))
    return {
        status: {
            "description": "; ".join(PROBLEM_TYPES[code].title for code in by_status[status]),
            "content": {
                PROBLEM_MEDIA_TYPE: {
                    "schema": {"$ref": _REFERENCE.format(model="Problem")},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in by_status[status]},
                }
            },
        }
        for status in sorted(by_status)
    }


def json_body(model: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """A request body of JSON, read by ``app.http.json_body``."""
    schema = model.model_json_schema(ref_template=_REFERENCE)
    inlined = _with_definitions(schema, schema.pop("$defs", {}))
    return {"required": True, "content": {JSON: {"schema": inlined, "example": dict(example)}}}


def form_body(
    asked: type[BaseModel], form: UploadForm, example: Mapping[str, Any], *, beside: Mapping[str, Any] = _NOTHING
) -> dict[str, Any]:
    """A request body with files, read by ``app.http.uploads``; ``beside``: fields that are not of ``asked``."""
    files = {name: {"type": "string", "format": "binary", "description": _FILES[name]} for name in form.names}
    schema = {
        "type": "object",
        "required": list(form.required),
        "properties": files | _field_schemas(asked) | dict(beside),
        "additionalProperties": False,
    }
    content: dict[str, Any] = {"multipart/form-data": {"schema": schema, "example": dict(example)}}
    description = "A form with the files as parts."
    if len(form.required) == 1:
        description += " Or the file itself as body, then with the fields in the query string."
        content["application/octet-stream"] = _BINARY
        if form.images:
            content["image/*"] = _BINARY
    return {"required": True, "description": description, "content": content}


def install_openapi(app: FastAPI) -> None:
    """Give ``app`` its OpenAPI document: FastAPI's, with the problem schema and nothing of FastAPI's own errors."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the way FastAPI's documentation gives


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
    )
    components = document.setdefault("components", {})
    components["examples"] = {code: _problem_example(code) for code in PROBLEM_TYPES}
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template=_REFERENCE)
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _add_examples(document)
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        if "security" in operation:
            operation["security"].append({})  # where the service takes anyone
    return document


def _add_examples(document: dict[str, Any]) -> None:
    """Give the JSON answer of each operation an example: a real one, kept in ``openapi_examples.json``."""
    examples = json.loads((package_files("app") / "openapi_examples.json").read_text())
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                example = examples.get(operation["operationId"], {}).get(status)
                if example is not None:
                    response["content"]["application/json"]["example"] = example


def _result_response(result: type[ResultBody], files: Iterable[str]) -> dict[str, Any]:
    description = "The result, with `Prefer: wait`; `Accept` chooses its form."
    return {"model": reply_model(result), "description": description, "content": file_content(files)}


def _with_definitions(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """``schema`` with every reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_with_definitions(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix(_REFERENCE.format(model=""))
    meant = definitions.get(name, {}) | {key: value for key, value in schema.items() if key != "$ref"}
    return {key: _with_definitions(value, definitions) for key, value in meant.items()}


def _field_schemas(asked: type[BaseModel]) -> dict[str, Any]:
    """JSON schemas of what a form sends as text."""
    properties = asked.model_json_schema()["properties"]
    sent = asked.parameters() if issubclass(asked, Request) else properties
    return {name: _without_null(properties[name]) for name in sent}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A form cannot send null: what may be null may be left out."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    default = {} if schema.get("default") is None else {"default": schema["default"]}
    return (choices[0] if len(choices) == 1 else {}) | kept | default


def _problem_example(code: str) -> dict[str, Any]:
    problem_type = PROBLEM_TYPES[code]
    return {
        "summary": problem_type.title,
        "value": problem_body(code, problem_type.meaning, instance="/v1/varjpeg"),
    }
