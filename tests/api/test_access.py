"""Tokens: who may come, what it costs, and what is kept of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select
from starlette.testclient import TestClient

from api.access import KEPT_S, NOTED_S, Access
from api.app import create_app
from api.services import Services
from schema.arrays.store import ArrayStore
from schema.collection import Collection
from schema.database import Database, Role
from schema.errors import NotFound, TokenError
from schema.limits import Limits
from schema.token import Token, TokenRole, create_token, revoke_token

ASKED = {"query": "{ __typename }"}


@pytest.fixture(scope="module")
def database(new_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    with new_database() as database:
        yield database


@pytest.fixture
def owner(database: Database) -> Iterator[Session]:
    """A session whose tokens and collections are gone afterwards."""
    with Session(database.engine(Role.OWNER)) as session:
        yield session
        session.rollback()
        session.execute(sa.delete(Token))
        session.execute(sa.delete(Collection))
        session.commit()


def made(
    session: Session, name: str, *, collections: Sequence[str] | None = None, lasts: timedelta = timedelta(days=1)
) -> str:
    _, secret = create_token(session, name, role=TokenRole.READER, collections=collections, lasts=lasts)
    session.commit()
    return secret


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(database: Database, arrays: ArrayStore, clock: Clock) -> Iterator[TestClient]:
    app = create_app(Services(database, arrays), access=Access(database, clock))
    with TestClient(app) as client:
        yield client


def ask(client: TestClient, secret: str | None) -> tuple[int, str | None]:
    """The status and the code of an answer to who comes with a secret."""
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    answer = client.post("/graphql", json=ASKED, headers=headers)
    errors = answer.json().get("errors")
    return answer.status_code, errors[0]["extensions"]["code"] if errors else None


def test_who_has_a_token_comes_in(client: TestClient, owner: Session) -> None:
    assert ask(client, made(owner, "ann")) == (200, None)


@pytest.mark.parametrize("secret", [None, "", "groundct_", "groundct_guess", "guess", "groundct_\u00e9"])
def test_others_do_not(client: TestClient, secret: str | None) -> None:
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}".encode()}
    answer = client.post("/graphql", json=ASKED, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 200), ("/", 200), ("/metrics", 401)])
def test_what_shows_no_data_is_open(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status
    assert client.get("/graphql", params=ASKED).status_code == 401
    assert client.get("/nothing").status_code == 401


def test_a_revoked_token_works_for_seconds_at_most(client: TestClient, owner: Session, clock: Clock) -> None:
    secret = made(owner, "ann")
    assert ask(client, secret)[0] == 200
    revoke_token(owner, "ann")
    owner.commit()
    clock.now += KEPT_S + 1
    assert ask(client, secret) == (401, "UNAUTHENTICATED")


def test_an_expired_token_does_not_work(client: TestClient, owner: Session) -> None:
    secret = made(owner, "ann")
    past = datetime.now(UTC) - timedelta(days=2)
    owner.execute(sa.update(Token).values(created_at=past, expires_at=past + timedelta(days=1)))
    owner.commit()
    assert ask(client, secret) == (401, "UNAUTHENTICATED")


def test_a_new_token_works_at_once_and_guesses_cost_no_statements(
    client: TestClient, owner: Session, clock: Clock, database: Database
) -> None:
    assert ask(client, "groundct_guess")[0] == 401
    secret = made(owner, "ann")
    clock.now += 2
    assert ask(client, secret)[0] == 200
    sent = list[str]()
    listen = (database.engine(), "before_cursor_execute", lambda *given: sent.append(given[2]))
    sa.event.listen(*listen)
    try:
        for _ in range(5):
            assert ask(client, secret)[0] == 200
            assert ask(client, "groundct_guess")[0] == 401
    finally:
        sa.event.remove(*listen)
    assert [each for each in sent if "token" in each] == []


def test_use_is_noted_once_a_minute(client: TestClient, owner: Session, clock: Clock, database: Database) -> None:
    secret = made(owner, "ann")

    def used() -> datetime | None:
        owner.rollback()
        return owner.exec(select(Token.last_used_at)).one()

    assert used() is None
    ask(client, secret)
    first = used()
    assert first is not None
    clock.now += NOTED_S / 2
    ask(client, secret)
    assert used() == first
    owner.execute(sa.update(Token).values(last_used_at=first - timedelta(minutes=2)))
    owner.commit()
    clock.now += NOTED_S
    ask(client, secret)
    assert (used() or first) >= first


def test_only_digests_are_kept_and_read(owner: Session, database: Database) -> None:
    secret = made(owner, "ann")
    (row,) = owner.execute(sa.text("SELECT token::text FROM token")).scalars()
    assert secret not in row
    with database.engine().connect() as api, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        api.execute(sa.text("SELECT created_at FROM token"))


def test_a_token_is_for_collections_only_where_that_can_be_kept(
    client: TestClient, owner: Session, clock: Clock
) -> None:
    with pytest.raises(NotFound, match="no collection 'one'"):
        made(owner, "ann", collections=["one"])
    owner.add(Collection(name="one"))
    owner.commit()
    secret = made(owner, "ann", collections=["one"])
    assert ask(client, secret)[0] == 200
    owner.add(Collection(name="two"))
    owner.commit()
    clock.now += KEPT_S + 1
    assert ask(client, secret) == (403, "FORBIDDEN")
    with pytest.raises(TokenError, match="'two'"):
        made(owner, "bob", collections=["one"])
    clock.now += 2
    assert ask(client, made(owner, "carla", collections=["one", "two"]))[0] == 200


def test_names_are_unique_and_fit(owner: Session) -> None:
    made(owner, "ann")
    with pytest.raises(TokenError, match="choose another"):
        made(owner, "ann")
    with pytest.raises(TokenError, match="letters"):
        made(owner, "two words")
    with pytest.raises(NotFound, match="token list"):
        revoke_token(owner, "nobody")
    assert owner.scalar(select(sa.func.count(col(Token.id)))) == 1


def test_requests_are_counted_by_token(database: Database, arrays: ArrayStore, owner: Session) -> None:
    limited = Database(database.api_url, database.owner_url, embedded=True, limits=Limits(requests_a_minute=1))
    secrets = made(owner, "ann"), made(owner, "bob")
    with TestClient(create_app(Services(limited, arrays), access=Access(limited))) as client:
        assert [ask(client, each)[0] for each in (*secrets, *secrets)] == [200, 200, 429, 429]
    limited.readers().close()


def test_nobody_comes_in_while_tokens_cannot_be_read(arrays: ArrayStore) -> None:
    nowhere = sa.make_url("postgresql+psycopg://somebody:hidden@127.0.0.1:1/nowhere")
    gone = Database(nowhere, nowhere, embedded=False)
    with TestClient(create_app(Services(gone, arrays), access=Access(gone))) as client:
        assert ask(client, "groundct_guess") == (503, "DATABASE_UNAVAILABLE")
