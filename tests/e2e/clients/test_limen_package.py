"""The package ``limen`` beside a running service: photos go in, files and figures come back, singly and in batches."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import limen
from tests.assets.photos import png, scene_png, textured
from tests.assets.service_process import ServiceProcess

pytestmark = pytest.mark.slow
SMALL = [png(textured(40, 56, seed)) for seed in range(4)]
CUT = scene_png()[:3000]


@pytest.fixture(scope="module")
def service(redis_url: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service"), redis_url=redis_url) as running:
        yield running


def test_each_call_gives_its_answer(service: ServiceProcess) -> None:
    with limen.Client(service.url) as client:
        made = client.encode(scene_png(), target_sur=0.9)
        assert made.data.startswith(b"\xff\xd8")
        assert (made.sur, made.figures.size_bytes) == (0.9, len(made.data))
        assert client.jnd_map(SMALL[0]).values.shape == (40, 56)
        assert client.sur_curve(SMALL[0], jnd=2).jnd == 2
        with pytest.raises(limen.ProblemError) as raised:
            client.encode(b"text")
        assert raised.value.code == "image-type-unsupported"
        with pytest.raises(limen.ProblemError) as raised:
            client.encode(SMALL[0], max_bytes=50)
        assert raised.value.code == "target-unreachable"


def test_each_call_can_be_awaited(service: ServiceProcess) -> None:
    async def work() -> None:
        async with limen.AsyncClient(service.url) as client:
            made = await asyncio.gather(*(client.encode(photo, quality=70) for photo in SMALL))
            assert [one.quality for one in made] == [70] * 4
            assert (await client.jnd_map(SMALL[0])).values.shape == (40, 56)
            assert (await client.sur_curve(SMALL[0])).jnd == 1

    asyncio.run(work())


def check(ended: dict[int, limen.Encoded | limen.LimenError]) -> None:
    """All of SMALL are there; the last one was damaged, and that stopped no other."""
    assert sorted(ended) == list(range(len(SMALL) + 1))
    for made in (ended[number] for number in range(len(SMALL))):
        assert isinstance(made, limen.Encoded)
        assert made.data.startswith(b"\xff\xd8")
    failure = ended[len(SMALL)]
    assert isinstance(failure, limen.ProblemError)
    assert failure.code == "image-undecodable"


def test_many_go_in_batches(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limen.protocol.BATCH_MOST", 3)
    with limen.Client(service.url) as client:
        check(dict(client.encode_many([*SMALL, CUT], quality=60)))
        assert list(client.encode_many([])) == []


def test_many_can_be_awaited(service: ServiceProcess) -> None:
    async def work() -> dict[int, limen.Encoded | limen.LimenError]:
        async with limen.AsyncClient(service.url) as client:
            return {number: made async for number, made in client.encode_many([*SMALL, CUT], quality=61)}

    check(asyncio.run(work()))


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with limen.Client("http://127.0.0.1:9") as client, pytest.raises(limen.UnreachableError):
        client.encode(SMALL[0])
