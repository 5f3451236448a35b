"""Who may come: tokens, looked up now and then for all requests together, not for each."""

import asyncio
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from anyio import to_thread

from schema.database import Database
from schema.token import PREFIX, Pass, digest_of, note_use, passes

KEPT_S = 5.0
"""After this, tokens are read anew: a revoked one works no longer than that."""
SELDOM_S = 1.0
"""At most so often tokens are read because one is not known, which may be new, or a guess."""
NOTED_S = 60.0
"""At most so often the use of a token is noted."""


class Access:
    """The tokens of an archive, as one server knows them."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._passes: dict[str, Pass] = {}
        self._read_at = float("-inf")
        self._noted: dict[int, float] = {}
        self._reading = asyncio.Lock()

    async def find(self, authorization: str) -> Pass | None:
        """Give the token of an `Authorization` header; None where it names none that is good now."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret.startswith(PREFIX):
            return None
        digest = digest_of(secret.strip())
        found = self._known(digest)
        if self._clock() - self._read_at > (KEPT_S if found else SELDOM_S):
            await self._read()
            found = self._known(digest)
        if found is not None and self._clock() - self._noted.get(found.id, float("-inf")) > NOTED_S:
            await self._note(found)
        return found

    def _known(self, digest: str) -> Pass | None:
        found = self._passes.get(digest)
        if found is None or not hmac.compare_digest(found.secret_sha256, digest):
            return None
        return found if found.expires_at > datetime.now(UTC) else None

    async def _read(self) -> None:
        asked_at = self._clock()
        async with self._reading:
            if self._read_at < asked_at:
                self._passes = await to_thread.run_sync(self._read_passes)
                self._read_at = self._clock()

    def _read_passes(self) -> dict[str, Pass]:
        with self._database.transaction() as session:
            return {each.secret_sha256: each for each in passes(session)}

    async def _note(self, found: Pass) -> None:
        self._noted[found.id] = self._clock()
        await to_thread.run_sync(partial(self._note_use, found.id))

    def _note_use(self, token_id: int) -> None:
        with self._database.transaction() as session:
            note_use(session, token_id)
