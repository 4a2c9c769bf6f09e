"""API keys: who may do what. A key is shown once, when it is made; of its secret only a digest is kept."""

import hashlib
import hmac
import re
import secrets

from pydantic import BaseModel, ConfigDict

from workers.keys.scope import Scope

_TEXT = re.compile(r"limen_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NOBODY = "0" * 64
"""Compared with where no key has the id, so that the answer takes as long as for a wrong secret."""


class ApiKey(BaseModel):
    """One key, without its secret. Times are Unix times in seconds; a limit of None is the service's own."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created_at: float
    revoked_at: float | None = None
    requests_per_minute: int | None = None
    megapixels_per_hour: int | None = None

    def revoked(self, now: float) -> "ApiKey":
        """The key after its end; the first end stays."""
        return self if self.revoked_at is not None else self.model_copy(update={"revoked_at": now})


def new_key(
    name: str,
    scopes: frozenset[Scope],
    now: float,
    *,
    requests_per_minute: int | None = None,
    megapixels_per_hour: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere: ``limen_``, its public id, ``_``, and 256 random bits."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id,
        name=name,
        digest=_digest(secret),
        scopes=scopes,
        created_at=now,
        requests_per_minute=requests_per_minute,
        megapixels_per_hour=megapixels_per_hour,
    )
    return key, f"limen_{key_id}_{secret}"


def id_and_secret(text: str) -> tuple[str, str] | None:
    """The two parts of a key's text, or None if it does not have the form of one."""
    found = _TEXT.fullmatch(text)
    return None if found is None else (found[1], found[2])


def opens(key: ApiKey | None, secret: str) -> bool:
    """Whether ``secret`` is that of a key which has not been revoked; takes the same time whatever is wrong."""
    known = _NOBODY if key is None else key.digest
    return hmac.compare_digest(known, _digest(secret)) and key is not None and key.revoked_at is None


def _digest(secret: str) -> str:
    """SHA-256: a slow hash protects weak secrets, and 256 random bits are none."""
    return hashlib.sha256(secret.encode()).hexdigest()
