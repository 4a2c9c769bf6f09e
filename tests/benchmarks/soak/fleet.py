"""Two web processes and three workers with Redis and an S3 server, no shared folder, and hosts that are switched off.

    python -m tests.benchmarks.soak.fleet [--minutes 10] [--clients 20] [--kill-every 60] [--side 160]

Every client sends one photo of its own after the other, ``target_sur=0.75``, to either web process, asks on where it is
refused or cut off, and fetches the result. Once in ``--kill-every`` seconds one worker and one web process are killed
with all that they have started, and start anew. Exits with 1 if a photo that was accepted had no result, a job ended
twice, or an answer was none of those that a client can go on from: 429 and 503 with ``Retry-After``, and connections
that break. Where client, service, Redis and store share one machine the times say what that machine can do.
"""

import argparse
import hashlib
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.assets.fleet.fleet import Fleet
from tests.assets.fleet.s3_server import S3Server
from tests.assets.photos import png, textured
from tests.assets.redis_server import RedisServer
from tests.benchmarks.machine import describe_machine, percentile
from workers.jobs.opened import open_job_store
from workers.settings import BrokerSettings

LAST_RESULT_S = 180.0
"""How long after the last request a result may still come before its photo counts as lost."""
_PAUSE_S = 0.1

Ask = Callable[[int], tuple[str, bytes, dict[str, str]]]
"""Path, photo and fields of the request with that number; no two are the same job."""


@dataclass
class Report:
    """What clients saw. ``taken_s``: from the first attempt to send until the result is there."""

    taken_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    jobs: set[str] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    ended: dict[str, int] = field(default_factory=dict)

    @property
    def doubled(self) -> int:
        """How many more jobs ended, by the counters of Redis, than there were photos."""
        return sum(self.ended.values()) - len(self.jobs)

    @property
    def good(self) -> bool:
        """Whether every photo had its result, and nothing was done twice or answered wrongly."""
        all_there = 0 < len(self.jobs) == len(self.taken_s)
        return all_there and not self.lost and not self.wrong and self.doubled == 0

    def lines(self) -> str:
        """For people."""
        refused = ", ".join(f"{count} {name}" for name, count in sorted(self.refused.items())) or "none"
        found = [
            f"photos accepted {len(self.jobs)}, lost {len(self.lost)}, doubled {self.doubled}; ended {self.ended}",
            f"killed: {self.kills['worker']} workers, {self.kills['api']} web processes",
            f"answers to try again: {refused}; other errors: {len(self.wrong)}",
        ]
        if self.taken_s:
            p50, p95, p99 = (percentile(self.taken_s, percent) for percent in (50, 95, 99))
            found.append(f"from sending to the result: p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s")
        return "\n".join([*found, *self.wrong[:10], *self.lost[:10]])


class Client:
    """One client of the fleet, which goes from one web process to another as a proxy would."""

    def __init__(self, fleet: Fleet, report: Report, number: int) -> None:
        self._bases = [httpx2.Client(base_url=api.url, timeout=60) for api in fleet.apis]
        self._report = report
        self._random = random.Random(number)
        self._number = number

    def run(self, ask: Ask, end: float) -> None:
        """Send photos until ``end``, of the monotonic clock."""
        sent = 0
        while time.monotonic() < end:
            began = time.monotonic()
            number = self._number + 1000 * sent
            path, photo, fields = ask(number)
            sent += 1
            reply = self._patiently(
                "POST", path, files={"image": photo}, data=fields, headers={"Idempotency-Key": f"photo {number}"}
            )
            if reply is None:
                self._report.lost.append(f"photo {number}: never accepted")
                continue
            job = reply.json()["id"]
            self._report.jobs.add(job)
            if self._fetched(job):
                self._report.taken_s.append(time.monotonic() - began)
        for client in self._bases:
            client.close()

    def _fetched(self, job: str) -> bool:
        """Whether the job came to a result, all of whose files are whole."""
        end = time.monotonic() + LAST_RESULT_S
        while time.monotonic() < end:
            state = self._patiently("GET", f"/v1/jobs/{job}")
            if state is not None and state.json()["finished_at"] is not None:
                break
            time.sleep(_PAUSE_S)
        else:
            self._report.lost.append(f"job {job}: not ended")
            return False
        result = self._patiently("GET", f"/v1/jobs/{job}/result")
        if result is None or state is None or state.json()["state"] != "succeeded":
            self._report.lost.append(f"job {job}: {None if state is None else state.text}")
            return False
        for artefact in result.json()["artefacts"]:
            file = self._patiently("GET", artefact["href"])
            whole = file is not None and file.headers["etag"] == f'"{hashlib.sha256(file.content).hexdigest()}"'
            if not whole:
                self._report.lost.append(f"job {job}: {artefact['name']} is not whole")
        return True

    def _patiently(self, method: str, path: str, **request: Any) -> httpx2.Response | None:
        """The reply, once it is neither a broken connection nor to be tried again; None if there is none in time."""
        end = time.monotonic() + LAST_RESULT_S
        while time.monotonic() < end:
            try:
                reply = self._random.choice(self._bases).request(method, path, **request)
            except httpx2.TransportError as error:
                self._report.refused[f"connection ({type(error).__name__})"] += 1
                time.sleep(_PAUSE_S)
                continue
            if reply.status_code < 300:
                return reply
            if reply.status_code not in (429, 503) or "retry-after" not in reply.headers:
                self._report.wrong.append(f"{method} {path}: {reply.status_code} {reply.text[:300]}")
                return None
            self._report.refused[f"{reply.status_code} {reply.json()['type'].rpartition('/')[2]}"] += 1
            time.sleep(min(float(reply.headers["retry-after"]), 2.0))
        return None


def soak(fleet: Fleet, redis_url: str, ask: Ask, *, seconds: float, clients: int, kill_every_s: float) -> Report:
    """What ``clients`` see of the fleet in that time, and until the last result is there."""
    report = Report()
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=Client(fleet, report, number).run, args=(ask, end)) for number in range(clients)]
    for thread in threads:
        thread.start()
    victims = random.Random(0)
    while time.monotonic() + kill_every_s < end:
        time.sleep(kill_every_s / 2)
        for role, members in (("worker", fleet.workers), ("api", fleet.apis)):
            member = victims.choice(members)
            member.kill()
            report.kills[role] += 1
            time.sleep(kill_every_s / 8)
            member.start()
        time.sleep(kill_every_s / 4)
    for thread in threads:
        thread.join()
    jobs = open_job_store(BrokerSettings.model_validate({"redis_url": redis_url, "blob_url": "file:///"}))
    report.ended = jobs.statistics().ended
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=60.0)
    parser.add_argument("--side", type=int, default=160, help="longest side of a photo, in pixels")
    options = parser.parse_args()

    def ask(number: int) -> tuple[str, bytes, dict[str, str]]:
        return "/v1/varjpeg", png(textured(options.side * 3 // 4, options.side, number)), {"target_sur": "0.75"}

    print(describe_machine(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        redis, s3 = RedisServer(folder), S3Server(folder)
        redis.start()
        s3.start()
        try:
            with Fleet(folder, redis.url, s3, real=True, threads=1) as fleet:
                report = soak(
                    fleet,
                    redis.url,
                    ask,
                    seconds=60 * options.minutes,
                    clients=options.clients,
                    kill_every_s=options.kill_every,
                )
        finally:
            redis.kill()
            s3.kill()
    print(report.lines())
    raise SystemExit(not report.good)


if __name__ == "__main__":
    main()
