"""Webhooks: what is still to be sent to whom. Bodies and signatures are those of standardwebhooks.com.

Until its job ends a letter waits; then it is due. Each attempt in vain makes the next one due after a longer pause;
after the last one the letter is dead, and kept for who looks after the service. One that was taken is forgotten.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from workers.jobs.record import Job

PAUSES = 5
"""An attempt and five more."""
_GROWTH = 5
UNFINISHED_S = 300.0
"""A job's end makes its letters due at once; should that get lost, they are looked at this often."""


class Letter(BaseModel):
    """One message to be sent when a job has ended. Times are Unix times in seconds."""

    model_config = ConfigDict(frozen=True)

    id: str
    job_id: str
    client: str | None
    url: str
    due_at: float
    attempts: int = 0
    error: str | None = None
    died_at: float | None = None

    def waiting(self, now: float) -> "Letter":
        """Its job has not ended yet."""
        return self.model_copy(update={"due_at": now + UNFINISHED_S})

    def failed(self, now: float, error: str, first_pause_s: float) -> "Letter":
        """After one more attempt in vain."""
        attempts = self.attempts + 1
        changes = {"attempts": attempts, "error": error, "due_at": now + first_pause_s * _GROWTH ** (attempts - 1)}
        return self.model_copy(update=changes | ({"died_at": now} if attempts > PAUSES else {}))


def letter_for(job: Job, url: str, now: float) -> Letter:
    """The letter about a job to ``url``; asked for twice it is the same one."""
    digest = hashlib.sha256(f"{job.id} {url}".encode()).hexdigest()
    return Letter(
        id=f"msg_{digest[:32]}",
        job_id=job.id,
        client=job.client,
        url=url,
        due_at=now if job.finished else now + UNFINISHED_S,
    )


def body_of(job: Job) -> bytes:
    """What is sent: which job ended and how. Results are fetched, with the key that asked for them."""
    ended = None if job.finished_at is None else datetime.fromtimestamp(job.finished_at, UTC).isoformat()
    data = {
        "id": job.id,
        "capability": job.request.capability,
        "state": str(job.state),
        "failure": None if job.failure is None else str(job.failure.code),
        "job": f"/v1/jobs/{job.id}",
        "result": f"/v1/jobs/{job.id}/result",
    }
    return json.dumps({"type": "job.ended", "timestamp": ended, "data": data}).encode()


def signing_secret(master: str, client: str | None) -> str:
    """The secret by which a client knows its letters: of that API key alone, so that none can forge another's."""
    derived = hmac.digest(master.encode(), f"webhooks of {client or ''}".encode(), "sha256")
    return f"whsec_{base64.b64encode(derived).decode()}"


def signed_headers(letter: Letter, body: bytes, secret: str, now: float) -> dict[str, str]:
    """Headers of a letter: HMAC-SHA256 over its id, the time and the body."""
    moment = str(int(now))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.digest(key, b".".join((letter.id.encode(), moment.encode(), body)), "sha256")
    return {
        "Content-Type": "application/json",
        "webhook-id": letter.id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
