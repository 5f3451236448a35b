"""Commands about tokens: create, list, revoke. They need the owner."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click
from sqlmodel import col, select

from cli.output import console, json_option, print_json
from migrations.ready import ready_database
from schema.database import Role
from schema.settings import load_settings
from schema.token import Token, TokenRole, create_token, revoke_token


@click.group()
def token() -> None:
    """Tokens by which somebody may read, or change, over the network."""


@token.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([each.value for each in TokenRole]),
    default=TokenRole.READER.value,
    show_default=True,
    help="What it allows: to read, or to change as well.",
)
@click.option(
    "--collection",
    "collections",
    multiple=True,
    help="A collection that it may read, all of them without it. Reads cannot leave out a collection yet: the token is "
    "refused, here and later, where the archive has another one.",
)
@click.option("--expires-days", type=click.IntRange(1, 3650), default=90, show_default=True)
@json_option
def create(name: str, role: str, collections: tuple[str, ...], expires_days: int, as_json: bool) -> None:
    """Make a token, and show its secret, this once."""
    with ready_database(load_settings()) as database, database.transaction(Role.OWNER) as session:
        row, secret = create_token(
            session, name, role=TokenRole(role), collections=collections or None, lasts=timedelta(days=expires_days)
        )
        made = _described(row)
    if as_json:
        print_json(made | {"secret": secret})
        return
    click.echo(secret)
    click.echo(f"shown this once; {name} expires on {made['expiresAt']:%Y-%m-%d}", err=True)


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens, without their secrets, which nobody has."""
    with ready_database(load_settings()) as database, database.transaction(Role.OWNER) as session:
        found = [_described(row) for row in session.exec(select(Token).order_by(col(Token.name)))]
    if as_json:
        print_json(found)
        return
    for one in found:
        used = f"{one['lastUsedAt']:%Y-%m-%d %H:%M}" if one["lastUsedAt"] else "never"
        scope = ", ".join(one["collections"] or ["all collections"])
        console.print(f"{one['name']} ({one['role']}, {scope}): {one['state']}, last used {used}", soft_wrap=True)


@token.command()
@click.argument("name")
@json_option
def revoke(name: str, as_json: bool) -> None:
    """End a token; servers notice within seconds."""
    with ready_database(load_settings()) as database, database.transaction(Role.OWNER) as session:
        found = _described(revoke_token(session, name))
    if as_json:
        print_json(found)
    else:
        console.print(f"{name} is revoked")


def _described(row: Token) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role,
        "collections": row.collections,
        "state": _state(row),
        "createdAt": row.created_at,
        "expiresAt": row.expires_at,
        "revokedAt": row.revoked_at,
        "lastUsedAt": row.last_used_at,
    }


def _state(row: Token) -> str:
    if row.revoked_at is not None:
        return f"revoked on {row.revoked_at:%Y-%m-%d}"
    ended = row.expires_at <= datetime.now(UTC)
    return f"{'expired' if ended else 'expires'} on {row.expires_at:%Y-%m-%d}"
