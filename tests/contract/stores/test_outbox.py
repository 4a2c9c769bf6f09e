"""One suite over the stores of webhooks: none is lost, and none is sent by two at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workers.contracts import QualityScoreRequest
from workers.jobs.record import Job
from workers.record_file import RecordFile
from workers.webhooks.outbox import CLAIM_S, DEAD_KEPT, DurableOutbox, MemoryOutbox, Outbox
from workers.webhooks.record import PAUSES, UNFINISHED_S, letter_for
from workers.webhooks.redis import RedisOutbox

JOB = Job(id="a" * 32, request=QualityScoreRequest(image_key="a" * 64), client="shop", created_at=1.0, sent_at=1.0)
Open = Callable[[], Outbox]


@pytest.fixture(params=["memory", "durable", pytest.param("redis", marks=pytest.mark.redis)])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Outbox:
    if request.param == "memory":
        return MemoryOutbox()
    if request.param == "durable":
        return DurableOutbox(RecordFile(tmp_path / "records.sqlite"))
    server = request.getfixturevalue("redis_server")
    with server.client() as client:
        client.flushall()
    return RedisOutbox(server.url)


def test_a_letter_waits_for_its_job_and_is_taken_once(outbox: Outbox) -> None:
    letter = letter_for(JOB, "https://a.example/", 10.0)
    outbox.put(letter)
    assert outbox.claim(11.0) is None
    outbox.ended("b" * 32, 11.0)
    assert outbox.claim(11.0) is None
    outbox.ended(JOB.id, 12.0)
    assert outbox.claim(12.0) is not None
    assert outbox.claim(12.0) is None
    outbox.drop(letter)
    assert outbox.claim(1e9) is None


def test_one_whose_courier_is_gone_is_due_again(outbox: Outbox) -> None:
    outbox.put(letter_for(JOB, "https://a.example/", 10.0))
    outbox.ended(JOB.id, 10.0)
    assert outbox.claim(10.0)
    assert outbox.claim(10.0 + CLAIM_S - 1) is None
    assert outbox.claim(10.0 + CLAIM_S)


def test_one_whose_jobs_end_was_missed_is_looked_at_all_the_same(outbox: Outbox) -> None:
    outbox.put(letter_for(JOB, "https://a.example/", 10.0))
    assert outbox.claim(10.0 + UNFINISHED_S)


def test_many_couriers_take_each_letter_once(outbox: Outbox) -> None:
    letters = [letter_for(JOB, f"https://a.example/{number}", 10.0) for number in range(40)]
    for letter in letters:
        outbox.put(letter)
    outbox.ended(JOB.id, 10.0)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: outbox.claim(10.0), range(60)))
    assert sorted(one.id for one in taken if one) == sorted(letter.id for letter in letters)


def test_after_the_last_attempt_a_letter_is_dead_and_listed(outbox: Outbox) -> None:
    letter, now = letter_for(JOB, "https://a.example/", 10.0), 10.0
    pauses = []
    while letter.died_at is None:
        letter = letter.failed(now, "it answered 500", 5.0)
        outbox.put(letter)
        pauses.append(letter.due_at - now)
        now = letter.due_at
    assert pauses[:PAUSES] == [5, 25, 125, 625, 3125]
    assert letter.attempts == PAUSES + 1
    assert outbox.claim(1e12) is None
    assert outbox.dead() == [letter]
    outbox.ended(JOB.id, now)
    assert outbox.claim(1e12) is None


def test_dead_letters_do_not_pile_up(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.webhooks.outbox.DEAD_KEPT", 3)
    monkeypatch.setattr("workers.webhooks.redis.DEAD_KEPT", 3)
    for number in range(5):
        letter = letter_for(JOB, f"https://a.example/{number}", 10.0)
        outbox.put(letter.model_copy(update={"attempts": 6, "error": "x", "died_at": float(number)}))
    assert [letter.url[-1] for letter in outbox.dead()] == ["4", "3", "2"]
    assert DEAD_KEPT >= 100


def test_letters_outlive_the_process_of_the_embedded_mode(tmp_path: Path) -> None:
    letter = letter_for(JOB, "https://a.example/", 10.0)
    first = RecordFile(tmp_path / "records.sqlite")
    DurableOutbox(first).put(letter)
    first.close()
    again = DurableOutbox(RecordFile(tmp_path / "records.sqlite"))
    taken = again.claim(11.0)  # its job may have ended with nobody there to say so
    assert taken is not None
    assert taken.id == letter.id
