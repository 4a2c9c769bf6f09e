"""A running service, asked over HTTP: by calls that wait, or by calls to be awaited."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, cast

import httpx2

from limen import protocol
from limen.answers import Encoded, JndMap
from limen.errors import UnreachableError
from limen.protocol import Answer, Call, Steps
from limen.requests import CurveOptions, EncodeOptions, checked, encode_request, jnd_map_request, sur_curve_request
from models.errors import InvalidParameterError, LimenError
from models.image_files.read import read_header
from workers.contracts import SurCurveResult, VarJpegRequest

Value = TypeVar("Value")


class Client:
    """The service at ``url``; ``key``: an API key, where it asks for one. Close it, or use it in a ``with`` block.

    A service that is full, restarting or away for a moment is asked again. Each call raises LimenError: ProblemError
    with what the service says, UnreachableError if there is none, InvalidParameterError for what cannot be asked.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.http = httpx2.Client(**_settings(url, key))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End its connections."""
        self.http.close()

    def encode(self, photo: bytes, *, protect: bytes | None = None, **options: Unpack[EncodeOptions]) -> Encoded:
        """See ``limen.encode``."""
        return self.do(_encoded(protocol.answered(*encode_request(photo, options, protect=protect))))

    def encode_many(
        self, photos: Sequence[bytes], **options: Unpack[EncodeOptions]
    ) -> Iterator[tuple[int, Encoded | LimenError]]:
        """Number and file of each of ``photos``, or what went wrong with it, as they are done. Any number of photos."""
        for numbers, wrong in _batches(photos):
            yield from wrong.items()
            if not numbers:
                continue
            some = [photos[number] for number in numbers]
            request = encode_request(some[0], options)[0]
            path, known = self.do(protocol.batch_sent(request, some)), set[int]()
            while len(known) < len(some):
                for item in self.do(protocol.batch_ended(path, len(known))):
                    if item["number"] not in known:
                        known.add(item["number"])
                        yield numbers[item["number"]], self.do(_item(item))

    def jnd_map(self, photo: bytes) -> JndMap:
        """See ``limen.jnd_map``."""
        return self.do(_mapped(protocol.answered(*jnd_map_request(photo))))

    def sur_curve(self, photo: bytes, **options: Unpack[CurveOptions]) -> SurCurveResult:
        """See ``limen.sur_curve``."""
        answer = self.do(protocol.answered(*sur_curve_request(photo, options)))
        return cast(SurCurveResult, answer.figures)

    def do(self, steps: Steps[Value]) -> Value:
        """Do steps of ``limen.protocol`` and return what they do."""
        try:
            wanted = next(steps)
            while True:
                if isinstance(wanted, float):
                    time.sleep(wanted)
                    wanted = next(steps)
                    continue
                try:
                    reply = self.http.request(wanted.method, wanted.path, **_content(wanted))
                except httpx2.TransportError as error:
                    wanted = steps.throw(_unreachable(self.http.base_url, error))
                else:
                    wanted = steps.send(reply)
        except StopIteration as end:
            return cast(Value, end.value)


class AsyncClient:
    """As ``Client``, for ``await`` and ``async with``."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.http = httpx2.AsyncClient(**_settings(url, key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End its connections."""
        await self.http.aclose()

    async def encode(self, photo: bytes, *, protect: bytes | None = None, **options: Unpack[EncodeOptions]) -> Encoded:
        """See ``limen.encode``."""
        return await self.do(_encoded(protocol.answered(*encode_request(photo, options, protect=protect))))

    async def encode_many(
        self, photos: Sequence[bytes], **options: Unpack[EncodeOptions]
    ) -> AsyncIterator[tuple[int, Encoded | LimenError]]:
        """See ``Client.encode_many``; for ``async for``."""
        for numbers, wrong in _batches(photos):
            for each in wrong.items():
                yield each
            if not numbers:
                continue
            some = [photos[number] for number in numbers]
            request = encode_request(some[0], options)[0]
            path, known = await self.do(protocol.batch_sent(request, some)), set[int]()
            while len(known) < len(some):
                for item in await self.do(protocol.batch_ended(path, len(known))):
                    if item["number"] not in known:
                        known.add(item["number"])
                        yield numbers[item["number"]], await self.do(_item(item))

    async def jnd_map(self, photo: bytes) -> JndMap:
        """See ``limen.jnd_map``."""
        return await self.do(_mapped(protocol.answered(*jnd_map_request(photo))))

    async def sur_curve(self, photo: bytes, **options: Unpack[CurveOptions]) -> SurCurveResult:
        """See ``limen.sur_curve``."""
        answer = await self.do(protocol.answered(*sur_curve_request(photo, options)))
        return cast(SurCurveResult, answer.figures)

    async def do(self, steps: Steps[Value]) -> Value:
        """Do steps of ``limen.protocol`` and return what they do."""
        try:
            wanted = next(steps)
            while True:
                if isinstance(wanted, float):
                    await asyncio.sleep(wanted)
                    wanted = next(steps)
                    continue
                try:
                    reply = await self.http.request(wanted.method, wanted.path, **_content(wanted))
                except httpx2.TransportError as error:
                    wanted = steps.throw(_unreachable(self.http.base_url, error))
                else:
                    wanted = steps.send(reply)
        except StopIteration as end:
            return cast(Value, end.value)


def _settings(url: str, key: str | None) -> dict[str, Any]:
    """Of either kind of HTTP client. Raises: InvalidParameterError."""
    scheme, _, rest = url.rpartition("://")
    if scheme not in ("http", "https", "") or not rest or not rest.isprintable() or " " in rest:
        raise InvalidParameterError(f"{url!r} is no address of a service; one is http://localhost:8000")
    url = url if scheme else f"http://{url}"
    if key is not None and not (key.isascii() and key.isprintable()):
        raise InvalidParameterError("a key is one line of letters, digits and underscores")
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return {"base_url": url, "headers": headers, "timeout": protocol.WAIT_S + 30, "follow_redirects": True}


def _content(call: Call) -> dict[str, Any]:
    return {"headers": dict(call.headers), **call.content}


def _unreachable(url: httpx2.URL, error: httpx2.TransportError) -> UnreachableError:
    return UnreachableError(f"{url}: {error or type(error).__name__}")


def _batches(photos: Sequence[bytes]) -> Iterator[tuple[list[int], dict[int, LimenError]]]:
    """Numbers of as many photos as a batch takes at once, and what is wrong with headers beside them.

    A service refuses a batch for one such photo, so they are not sent. Raises: InvalidParameterError.
    """
    numbers, wrong = list[int](), dict[int, LimenError]()
    for number, photo in enumerate(photos):
        try:
            read_header(checked(photo))
        except InvalidParameterError:
            raise
        except LimenError as error:
            wrong[number] = error
        else:
            numbers.append(number)
        if len(numbers) == protocol.BATCH_MOST or (number == len(photos) - 1 and (numbers or wrong)):
            yield numbers, wrong
            numbers, wrong = [], {}


def _encoded(steps: Steps[Answer]) -> Steps[Encoded]:
    answer = yield from steps
    data = yield from protocol.fetched(next(iter(answer.files.values())))
    return Encoded(data, cast(Any, answer.figures))


def _mapped(steps: Steps[Answer]) -> Steps[JndMap]:
    answer = yield from steps
    png = yield from protocol.fetched(answer.files["jnd-map.png"])
    npz = yield from protocol.fetched(answer.files["jnd-map.npz"])
    return JndMap(png, npz, cast(Any, answer.figures))


def _item(item: Any) -> Steps[Encoded | LimenError]:
    """What an ended item of a batch has become; a failure is told, as the others go on."""
    try:
        return (yield from _encoded(protocol.item_answered(VarJpegRequest, item)))
    except LimenError as error:
        return error
