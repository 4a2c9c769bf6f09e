"""``limen keys``: who may use the service."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.cli.files import one_line_errors, print_json
from workers.cli.options import Json
from workers.keys.scope import Scope

if TYPE_CHECKING:
    from workers.keys.record import ApiKey

verbs = typer.Typer()
keys = typer.Typer(
    no_args_is_help=True, help="API keys of the service: in Redis (LIMEN_REDIS_URL), else in the data folder."
)
verbs.add_typer(keys, name="keys")

Limit = Annotated[int | None, typer.Option(min=1, help="For this key, instead of the service's own limit.")]


@keys.command()
@one_line_errors()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for; shown by `limen keys list`.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="What it may do, given once for each: submit work, read results, study, admin."),
    ] = None,
    requests_per_minute: Limit = None,
    megapixels_per_hour: Limit = None,
) -> None:
    """Make a key and print it, this once; without --scope it may submit and read.

    From the first key on the service asks for one.
    """
    from workers.keys.opened import opened_keys
    from workers.keys.record import new_key
    from workers.settings import BrokerSettings

    if not name.strip():
        raise ValueError("a key needs a name, by which it is told from others")
    key, text = new_key(
        name,
        frozenset(scope or (Scope.SUBMIT, Scope.READ)),
        time.time(),
        requests_per_minute=requests_per_minute,
        megapixels_per_hour=megapixels_per_hour,
    )
    with opened_keys(BrokerSettings()) as store:
        store.put(key)
    typer.echo(text)


@keys.command("list")
@one_line_errors()
def list_keys(as_json: Json = False) -> None:
    """All keys that were ever made, without their secrets."""
    from workers.keys.opened import opened_keys
    from workers.settings import BrokerSettings

    with opened_keys(BrokerSettings()) as store:
        found = [_described(key) for key in store.all()]
    if as_json:
        print_json({"keys": found})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("id", "name", "scopes", "made", "revoked", box=None)
    for key in found:
        table.add_row(key["id"], key["name"], " ".join(key["scopes"]), key["created_at"], key["revoked_at"] or "")
    Console().print(table)


@keys.command()
@one_line_errors()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, from `limen keys list`.")]) -> None:
    """End a key at once. Its jobs go on; nobody sees their results any more."""
    from workers.keys.opened import opened_keys
    from workers.settings import BrokerSettings

    with opened_keys(BrokerSettings()) as store:
        key = store.find(key_id)
        if key is None:
            raise ValueError(f"there is no key {key_id}")
        store.put(key.revoked(time.time()))


@keys.command("webhook-secret")
@one_line_errors()
def webhook_secret(
    key_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Id of a key; without it, for requests without a key.")
    ] = None,
) -> None:
    """Print the secret by which the holder of a key checks its webhooks (LIMEN_WEBHOOK_SECRET)."""
    from workers.settings import BrokerSettings
    from workers.webhooks.record import signing_secret

    master = BrokerSettings().webhook_secret
    if master is None:
        raise ValueError("LIMEN_WEBHOOK_SECRET is not set: no webhooks are sent")
    typer.echo(signing_secret(master.get_secret_value(), key_id))


def _described(key: "ApiKey") -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": _moment(key.created_at),
        "revoked_at": None if key.revoked_at is None else _moment(key.revoked_at),
        "requests_per_minute": key.requests_per_minute,
        "megapixels_per_hour": key.megapixels_per_hour,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
