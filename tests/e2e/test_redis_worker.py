"""A real Redis, a real worker process, and what goes wrong between them."""

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.assets.fleet.network_cable import Cable
from tests.assets.pace import in_time
from workers.contracts import FailureCode
from workers.errors import BrokerUnavailableError, JobUnknownError, QueueFullError
from workers.jobs.record import Job, JobState

pytestmark = [pytest.mark.redis, pytest.mark.slow]


def test_a_worker_runs_jobs_and_reports_their_ends(open_bench: Any) -> None:
    bench = open_bench(soft_limit_s=3, hard_limit_s=5)
    bench.start_worker(concurrency=1)
    good = bench.submit(name="good", seconds=0.5)
    undecodable = bench.submit(error="undecodable")
    internal = bench.submit(error="unexpected")
    slow = bench.submit(seconds=30)
    done = bench.end_of(good)
    assert (done.state, done.progress, done.attempts) == (JobState.SUCCEEDED, 1.0, 1)
    assert done.result.body.remarks() == ["good"]
    assert bench.blobs.get(done.result.artefacts[0].key)
    assert bench.end_of(undecodable).failure.code is FailureCode.IMAGE_UNDECODABLE
    failure = bench.end_of(internal).failure
    assert failure.code is FailureCode.INTERNAL
    assert "private" not in failure.detail
    assert bench.end_of(slow).failure.code is FailureCode.DEADLINE_EXCEEDED


def test_a_call_that_never_returns_is_killed_at_the_hard_limit_and_the_next_job_runs(open_bench: Any) -> None:
    bench = open_bench(soft_limit_s=2, hard_limit_s=3)
    bench.start_worker(concurrency=1)
    stuck = bench.submit(block=60)
    after = bench.submit(name="after")
    bench.until(lambda: bench.runs(stuck), 30, "start")
    began = time.monotonic()
    assert bench.end_of(stuck).failure.code is FailureCode.DEADLINE_EXCEEDED
    assert in_time(time.monotonic() - began, 3 + 5)
    assert bench.end_of(after).state is JobState.SUCCEEDED
    assert bench.runs(stuck) == 1


def test_twenty_killed_processes_under_load_cost_no_job_and_no_result(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=2)
    jobs: list[Job] = []
    kills: Counter[str] = Counter()

    def running_now() -> list[tuple[str, int]]:
        unfinished = bench.jobs.unfinished()
        for _ in range(len(unfinished), 6):
            jobs.append(bench.submit(name=str(len(jobs)), seconds=0.5))
        alive = {job.id for job in unfinished if job.state is JobState.RUNNING}
        return [(job_id, pid) for job_id, pid in dict(bench.starts()).items() if job_id in alive and kills[job_id] < 2]

    while kills.total() < 20:
        for job_id, pid in bench.until(running_now, 60, "a running job"):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills[job_id] += 1
            bench.until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), 20, "the end of the process")
    ended = [bench.end_of(job, 120) for job in jobs]
    assert Counter(job.state for job in ended) == {JobState.SUCCEEDED: len(jobs)}
    assert all(job.attempts <= 3 for job in ended)
    assert bench.jobs.statistics().ended == {f"{jobs[0].request.capability}:succeeded": len(jobs)}, (
        "each has ended once"
    )
    assert [job.result.body.remarks() for job in ended] == [[str(number)] for number in range(len(jobs))]


def test_a_poison_job_fails_after_three_runs_and_harms_no_neighbour(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=1)
    before = [bench.submit(name=f"before {number}") for number in range(3)]
    poison = bench.submit(die=True)
    after = [bench.submit(name=f"after {number}") for number in range(3)]
    failed = bench.end_of(poison, 60)
    assert failed.failure.code is FailureCode.WORKER_LOST
    assert failed.attempts == bench.runs(poison) == 3
    assert {bench.end_of(job).state for job in before + after} == {JobState.SUCCEEDED}


def test_a_process_above_its_memory_is_replaced_after_its_job_and_never_in_it(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=1, max_memory_per_child_mb=400)
    jobs = [bench.submit(name=str(number), megabytes=800, keep=True, seconds=0.2) for number in range(3)]
    jobs += [bench.submit(name="given back", megabytes=800), *(bench.submit(name="small") for _ in range(3))]
    assert {bench.end_of(job).state for job in jobs} == {JobState.SUCCEEDED}
    assert [bench.runs(job) for job in jobs] == [1] * 7
    processes = [process for _, process in bench.starts()]
    assert len(set(processes[:4])) == 4
    assert len(set(processes[3:])) == 1


def test_a_worker_without_its_semaphore_tracker_says_so_and_ends_and_another_does_its_job(open_bench: Any) -> None:
    bench = open_bench()
    first = bench.start_worker(concurrency=1)
    job = bench.submit(seconds=1)
    bench.until(lambda: bench.runs(job), 30, "start")
    found = subprocess.run(["pgrep", "-P", str(first.pid), "-f", "semaphore_tracker"], capture_output=True, check=True)
    os.kill(int(found.stdout), signal.SIGKILL)
    assert first.wait(20) != 0
    assert "its semaphore tracker has gone" in (bench.folder / "worker-0.log").read_text()
    bench.start_worker(concurrency=1)
    assert bench.end_of(job, 60).state is JobState.SUCCEEDED


def test_a_killed_worker_leaves_its_job_to_another(open_bench: Any) -> None:
    bench = open_bench()
    first = bench.start_worker(concurrency=1)
    job = bench.submit(seconds=3)
    bench.until(lambda: bench.runs(job), 30, "start")
    first.kill()
    bench.start_worker(concurrency=1)
    began = time.monotonic()
    assert bench.end_of(job, 60).state is JobState.SUCCEEDED
    assert time.monotonic() - began < 30
    assert bench.runs(job) == 2


def test_a_restart_of_redis_under_load_loses_no_accepted_job(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=2)
    jobs = [bench.submit(name=str(number), seconds=0.1) for number in range(25)]
    bench.redis.stop()
    with pytest.raises(BrokerUnavailableError):
        bench.submit(name="refused")
    bench.redis.start()
    jobs += [bench.submit(name=str(number), seconds=0.1) for number in range(25, 50)]
    ended = [bench.end_of(job, 90) for job in jobs]
    assert Counter(job.state for job in ended) == {JobState.SUCCEEDED: len(jobs)}
    assert bench.jobs.unfinished() == []


def test_a_killed_redis_loses_at_most_the_last_second_and_leaves_no_job_unfinished(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=2)
    jobs = [bench.submit(name=str(number), seconds=0.1) for number in range(20)]
    bench.until(lambda: bench.starts(), 30, "the first start")
    time.sleep(1.2)  # the append-only file is written through every second
    late = bench.submit(name="late")
    bench.redis.kill()
    bench.redis.start()
    ended = [bench.end_of(job, 90) for job in jobs]
    assert Counter(job.state for job in ended) == {JobState.SUCCEEDED: len(jobs)}
    bench.until(lambda: not bench.jobs.unfinished(), 30, "no unfinished job")
    with contextlib.suppress(JobUnknownError):
        assert bench.jobs.get(late.id).state is JobState.SUCCEEDED


def test_a_worker_whose_network_was_cut_without_a_word_works_again_within_a_minute(open_bench: Any) -> None:
    bench = open_bench()
    cable = Cable(bench.redis.port)
    try:
        bench.start_worker(concurrency=1, redis_url=f"redis://127.0.0.1:{cable.port}/0")
        assert bench.end_of(bench.submit(name="before")).state is JobState.SUCCEEDED
        running = bench.submit(name="meanwhile", seconds=2)
        bench.until(lambda: bench.runs(running), 30, "start")
        cable.cut()
        waiting = bench.submit(name="after")
        time.sleep(6)
        cable.mend()
        began = time.monotonic()
        assert [bench.end_of(job, 120).state for job in (running, waiting)] == [JobState.SUCCEEDED] * 2
        assert in_time(time.monotonic() - began, 60)
        assert bench.jobs.statistics().ended == {f"{running.request.capability}:succeeded": 3}
    finally:
        cable.close()


def test_a_message_lost_by_the_broker_is_sent_again(open_bench: Any) -> None:
    bench = open_bench()
    job = bench.submit(name="lost")
    with bench.redis.client() as client:
        assert client.delete("limen") == 1
    bench.start_worker(concurrency=1)
    assert bench.end_of(job, 60).state is JobState.SUCCEEDED
    assert bench.runs(job) == 1


def test_a_message_delivered_twice_does_no_harm(open_bench: Any) -> None:
    bench = open_bench()
    job = bench.submit(seconds=1)
    with bench.redis.client() as client:
        client.rpush("limen", *client.lrange("limen", 0, -1))
        assert client.llen("limen") == 2
    bench.start_worker(concurrency=2)
    assert bench.end_of(job).state is JobState.SUCCEEDED
    bench.until(lambda: _drained(bench), 20, "both messages to be acknowledged")
    assert bench.runs(job) == 1


def _drained(bench: Any) -> bool:
    with bench.redis.client() as client:
        return bool(client.llen("limen") == 0 and client.hlen("unacked") == 0)


def test_a_task_longer_than_the_visibility_timeout_is_started_once(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=2, test_visibility_timeout_s=3)
    job = bench.submit(seconds=8)
    assert bench.end_of(job).state is JobState.SUCCEEDED
    assert bench.runs(job) == 1


def test_queued_and_running_jobs_can_be_cancelled(open_bench: Any) -> None:
    bench = open_bench()
    bench.start_worker(concurrency=1)
    running, queued = bench.submit(seconds=30), bench.submit(name="queued")
    bench.until(lambda: bench.runs(running), 30, "start")
    bench.jobs.cancel(queued.id)
    bench.jobs.cancel(running.id)
    began = time.monotonic()
    after = bench.submit(name="after")
    assert bench.end_of(after).state is JobState.SUCCEEDED
    assert in_time(time.monotonic() - began, 2)
    assert bench.runs(queued) == 0
    for job in (running, queued):
        assert bench.jobs.get(job.id).state is JobState.CANCELLED
        assert bench.jobs.get(job.id).result is None


def test_a_full_queue_and_a_full_redis_refuse_in_time(open_bench: Any) -> None:
    bench = open_bench(queue_limit=3)
    for _ in range(3):
        bench.submit()
    with pytest.raises(QueueFullError):
        bench.submit()
    with bench.redis.client() as client:
        client.flushall()
        client.config_set("maxmemory", "1mb")
    began = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        bench.submit()
    assert in_time(time.monotonic() - began, 2)
    with bench.redis.client() as client:
        client.config_set("maxmemory", "0")
    assert bench.submit().state is JobState.QUEUED


def test_sigterm_lets_the_running_job_end(open_bench: Any) -> None:
    bench = open_bench()
    worker = bench.start_worker(concurrency=1)
    job = bench.submit(seconds=2)
    bench.until(lambda: bench.runs(job), 30, "start")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert bench.jobs.get(job.id).state is JobState.SUCCEEDED
