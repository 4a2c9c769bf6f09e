"""How a service is asked, step by step, without doing it: ``client`` does each step, waiting or awaiting.

Steps are generators. They yield a ``Call`` to be sent back its response, or a float, the seconds to sleep; a connection
that fails is thrown into them as UnreachableError. A service that is full or away is asked again, as long as its
``Retry-After`` says. A POST carries an ``Idempotency-Key``, so that it makes one job, or one batch, however often it is
sent.
"""

import json
import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from limen.errors import ProblemError, UnreachableError
from workers.contracts import Request, ResultBody

if TYPE_CHECKING:
    import httpx2

WAIT_S = 30
"""How long one request is held; a job that takes longer is asked for again."""
PATIENCE_S = 300.0
"""How long a service may be full, away or silent about a job before this gives up."""
TRANSPORT_TRIES = 4
LONGEST_PAUSE_S = 30.0
BATCH_MOST = 1000
_UNFINISHED = "/problems/job-unfinished"
"""Type of the answer of a job that goes on: it has been waited for, so it is asked for again at once."""
_BUSY = (429, 503)
_JSON = {"Prefer": f"wait={WAIT_S}", "Accept": "application/json"}

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a service: ``content`` is what httpx takes beside method, path and headers."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)
    content: Mapping[str, Any] = field(default_factory=dict)


Steps = Generator["Call | float", "httpx2.Response", Value]


@dataclass(frozen=True, slots=True)
class Answer:
    """Figures of a result, and where its files are, by name."""

    figures: ResultBody
    files: Mapping[str, str]


def answered(request: Request, files: Mapping[str, bytes]) -> Steps[Answer]:
    """The answer to ``request`` about ``files`` by field. Raises: ProblemError; UnreachableError."""
    parts = {part: (part, files[field]) for part, field in request.files.items() if field in files}
    headers = _JSON | {"Idempotency-Key": uuid.uuid4().hex}
    reply = yield from _patiently(Call("POST", request.path(), headers, {"data": request.form(), "files": parts}))
    if reply.status_code == 202:
        reply = yield from _patiently(Call("GET", f"{reply.headers['Location']}/result"))
    return _answer(type(request), reply)


def fetched(path: str) -> Steps[bytes]:
    """The bytes of a file. Raises: ProblemError; UnreachableError."""
    return (yield from _patiently(Call("GET", path, {"Accept": "*/*"}))).content


def batch_sent(request: Request, photos: Sequence[bytes]) -> Steps[str]:
    """The path of a new batch that asks the same of each of ``photos``. Raises: ProblemError; UnreachableError."""
    data = {"capability": request.name(), **request.form()}
    parts = [("image", (f"{number}", photo)) for number, photo in enumerate(photos)]
    content = {"data": data, "files": parts}
    reply = yield from _patiently(Call("POST", "/v1/batch", _JSON | {"Idempotency-Key": uuid.uuid4().hex}, content))
    return str(reply.json()["links"]["self"])


def batch_ended(path: str, known: int) -> Steps[list[Mapping[str, Any]]]:
    """Items of a batch that have ended, once there are more than ``known``. Raises: ProblemError; UnreachableError."""
    pause_s = 0.2
    while True:
        reply = yield from _patiently(Call("GET", path))
        ended = [item for item in reply.json()["items"] if item["state"] not in ("waiting", "queued", "running")]
        if len(ended) > known:
            return ended
        yield pause_s
        pause_s = min(1.5 * pause_s, 5.0)


def item_answered(asked: type[Request], item: Mapping[str, Any]) -> Steps[Answer]:
    """The answer that an ended item of a batch has. Raises: ProblemError; UnreachableError."""
    if item["state"] != "succeeded":
        raise ProblemError(422, item["failure"] or {"title": f"the job was {item['state']}"})
    return _answer(asked, (yield from _patiently(Call("GET", f"{item['job']}/result"))))


def _answer(asked: type[Request], reply: "httpx2.Response") -> Answer:
    body = reply.json()
    files = {link["name"]: link["href"] for link in body["artefacts"]}
    figures = {name: value for name, value in body.items() if name not in ("job", "artefacts", "model_versions")}
    return Answer(asked.result.model_validate(figures), files)


def _patiently(call: Call) -> "Steps[httpx2.Response]":
    end = time.monotonic() + PATIENCE_S
    failures = 0
    while True:
        try:
            reply = yield call
        except UnreachableError:
            failures += 1
            if failures >= TRANSPORT_TRIES:
                raise
            yield float(failures)
            continue
        if reply.status_code in (200, 202):
            return reply
        problem = _problem(reply)
        unfinished = problem.get("type") == _UNFINISHED
        if not (reply.status_code in _BUSY or unfinished) or time.monotonic() >= end:
            raise ProblemError(reply.status_code, problem)
        if reply.status_code in _BUSY:
            yield min(_retry_after_s(reply), LONGEST_PAUSE_S)


def _retry_after_s(reply: "httpx2.Response") -> float:
    try:
        return max(0.0, float(reply.headers.get("Retry-After", 1)))
    except ValueError:  # a date, as proxies may give
        return 1.0


def _problem(reply: "httpx2.Response") -> Mapping[str, Any]:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return {}
    problem: Mapping[str, Any] = json.loads(reply.content)
    return problem
