"""Tokens: who may read, or change, over the network. Only the digest of a secret is kept; the secret is shown once."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, Session, col, select

from schema.base import Table, digest_check, enum_column, identity, now_column
from schema.collection import Collection
from schema.errors import NotFound, TokenError

PREFIX = "groundct_"
"""How secrets begin, so that scanners of files for secrets know them."""
SECRET_BYTES = 32
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class TokenRole(StrEnum):
    """What a token allows: to read, or to change as well."""

    READER = "reader"
    MAINTAINER = "maintainer"


class Token(Table, table=True):
    """A secret by which somebody may come, known by its digest alone."""

    __tablename__ = "token"
    __table_args__ = (
        digest_check("secret_sha256"),
        sa.CheckConstraint(f"name ~ '^{NAME.pattern}$'", name="name_is_short"),
        sa.CheckConstraint("cardinality(collections) > 0", name="collections_not_empty"),
        sa.CheckConstraint("expires_at > created_at", name="expires_later"),
    )
    id: int = identity()
    name: str = Field(unique=True)
    """Whose it is; logs show it."""
    secret_sha256: str = Field(unique=True)
    role: TokenRole = Field(default=TokenRole.READER, sa_type=enum_column(TokenRole))
    """What it allows."""
    collections: list[str] | None = Field(default=None, sa_type=ARRAY(sa.Text))
    """Names of the collections that it may read; null is all of them."""
    created_at: datetime = now_column()
    expires_at: datetime = Field(sa_type=sa.DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))
    """Within a minute."""


@dataclass(frozen=True)
class Pass:
    """A token that is neither revoked nor expired, as a server keeps it."""

    id: int
    name: str
    role: TokenRole
    secret_sha256: str
    expires_at: datetime
    covers: bool
    """Whether it may read every collection of the archive; reads cannot leave out the others."""


def digest_of(secret: str) -> str:
    """Give the digest that is kept of a secret: it is random enough to need neither salt nor stretching."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create_token(
    session: Session, name: str, *, role: TokenRole, collections: Sequence[str] | None, lasts: timedelta
) -> tuple[Token, str]:
    """Make a token, and its secret, which nobody can give again.

    Raises:
        TokenError: the name is taken or unfit, or the archive has collections that the token is not for.
        NotFound: there is no such collection.
    """
    if not NAME.fullmatch(name):
        raise TokenError(f"{name!r} cannot be a name: up to 80 letters, digits, dots, dashes and underscores can")
    if session.scalar(select(sa.func.count()).where(col(Token.name) == name)):
        raise TokenError(f"there is a token {name!r} already; revoked ones keep their names, so choose another")
    if collections is not None:
        _require_whole(session, collections)
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    row = Token(
        name=name,
        secret_sha256=digest_of(secret),
        role=role,
        collections=None if collections is None else sorted(set(collections)),
        expires_at=datetime.now(UTC) + lasts,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return row, secret


def _require_whole(session: Session, collections: Sequence[str]) -> None:
    known = set(session.exec(select(Collection.name)))
    if missing := sorted(set(collections) - known):
        names = ", ".join(sorted(known)) or "none"
        raise NotFound(f"there is no collection {missing[0]!r}; there are: {names}")
    if others := sorted(known - set(collections)):
        raise TokenError(
            f"this version cannot keep a token from the collection {others[0]!r}: "
            "make the token without --collection, or serve the collections from archives of their own"
        )


def revoke_token(session: Session, name: str) -> Token:
    """End a token, at once; an ended one stays as it is.

    Raises:
        NotFound: there is no such token.
    """
    row = session.exec(select(Token).where(Token.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no token {name!r}; `groundct token list` names them")
    if row.revoked_at is None:
        row.revoked_at = datetime.now(UTC)
        session.flush()
    return row


def passes(session: Session) -> list[Pass]:
    """Read every token by which somebody may come now; the API's role may read no more of them."""
    others = select(Collection.id).where(col(Collection.name) != sa.all_(col(Token.collections)))
    covers = sa.or_(col(Token.collections).is_(None), ~others.exists())
    columns = (col(each) for each in (Token.id, Token.name, Token.role, Token.secret_sha256, Token.expires_at))
    query = sa.select(*columns, covers).where(col(Token.revoked_at).is_(None), col(Token.expires_at) > sa.func.now())
    return [Pass(*row) for row in session.execute(query)]


def note_use(session: Session, token_id: int) -> None:
    """Note that a token was used, unless that was noted within the last minute."""
    last = col(Token.last_used_at)
    seldom = sa.or_(last.is_(None), last < sa.func.now() - sa.text("interval '1 minute'"))
    session.execute(sa.update(Token).where(col(Token.id) == token_id, seldom).values(last_used_at=sa.func.now()))
