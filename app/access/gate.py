"""Who asks: the API key of a request, and whether it may do what it asks for. Before anything of a body is read."""

import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.access.quotas import Quotas
from app.http.problem_types import RequestFault
from app.http.problems import ProblemError
from app.settings import ApiSettings
from workers.errors import BrokerUnavailableError
from workers.keys.record import ApiKey, id_and_secret, opens
from workers.keys.scope import Scope
from workers.keys.store import KeyStore

KEY_PROBLEMS = (RequestFault.KEY_MISSING, RequestFault.KEY_INVALID, RequestFault.SCOPE_MISSING)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="limen"'}
_BEARER = HTTPBearer(
    scheme_name="key",
    auto_error=False,
    description="A key that `limen keys create` has made. None is needed where the service takes anyone.",
)


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever has been let in: the holder of ``key``, or anyone where no key is needed."""

    key: ApiKey | None = None

    @property
    def id(self) -> str | None:
        """Public id of the key; jobs and idempotency keys are this client's own."""
        return None if self.key is None else self.key.id


class Gate:
    """Lets requests in. Keys are needed from the first one on, unless the settings let anyone in."""

    def __init__(self, keys: KeyStore, settings: ApiSettings, *, closed: bool) -> None:
        self._keys = keys
        self._anyone = settings.allow_anonymous
        self._closed = closed
        self.quotas = Quotas(settings)

    def admit(self, authorization: list[str], scope: Scope) -> Client:
        """The client that sent these Authorization headers. Raises: ProblemError, BrokerUnavailableError."""
        if not authorization:
            if self._anyone or not self._needs_keys():
                return Client()
            raise ProblemError(
                RequestFault.KEY_MISSING, "Send the header Authorization: Bearer KEY.", headers=dict(_CHALLENGE)
            )
        if not self._needs_keys():
            return Client()
        key = self._key(authorization)
        if scope not in key.scopes:
            raise ProblemError(RequestFault.SCOPE_MISSING, f"This takes a key of scope {scope}.")
        return Client(key)

    def _needs_keys(self) -> bool:
        """Whether keys are in use: once they are, they stay so until the process ends, whatever is in the store."""
        with suppress(BrokerUnavailableError):  # while the store is away nothing of anybody can be had
            self._closed = self._closed or bool(self._keys.all())
        return self._closed

    def _key(self, authorization: list[str]) -> ApiKey:
        """The key in the one header. Raises: ProblemError, the same for whatever is wrong with it."""
        kind, _, text = authorization[0].partition(" ")
        parts = id_and_secret(text.strip()) if kind.lower() == "bearer" and len(authorization) == 1 else None
        if parts is not None:
            key = self._keys.find(parts[0])
            if opens(key, parts[1]) and key is not None:
                return key
        challenge = {"WWW-Authenticate": f'{_CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'}
        raise ProblemError(RequestFault.KEY_INVALID, "There is no such key, or it was revoked.", headers=challenge)


def opened_gate(keys: KeyStore, settings: ApiSettings, host: str) -> Gate:
    """The gate of a service that listens on ``host``.

    Raises: ValueError if others than this machine could reach it, and neither keys nor the settings say who may.
    """
    closed = not is_loopback(host) and not settings.allow_anonymous
    if closed and _none_made(keys):
        raise ValueError(
            f"whoever reaches {host} could use the service: make a key first (limen keys create NAME), "
            "or set LIMEN_ALLOW_ANONYMOUS=1"
        )
    return Gate(keys, settings, closed=closed)


def _none_made(keys: KeyStore) -> bool:
    """Whether there is certainly no key; while the store is away the service starts, and lets nobody in."""
    try:
        return not keys.all()
    except BrokerUnavailableError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``. A name may mean any address, but for ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def needs(scope: Scope, *, makes_work: bool = False) -> Any:
    """A dependency of routes: only clients whose key has ``scope`` pass.

    What ``makes_work`` counts towards the requests that a key may send.
    """

    def admitted(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> None:
        gate: Gate = request.app.state.gate
        client = gate.admit(request.headers.getlist("authorization"), scope)
        request.state.client = client
        if makes_work:
            gate.quotas.count_request(client.key)

    return Depends(admitted)


def _client(request: Request) -> Client:
    client: Client = request.state.client
    return client


def _quotas(request: Request) -> Quotas:
    gate: Gate = request.app.state.gate
    return gate.quotas


ClientDep = Annotated[Client, Depends(_client)]
QuotasDep = Annotated[Quotas, Depends(_quotas)]
