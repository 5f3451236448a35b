"""What requests are served from: the database, the arrays, and the embedder that search needs. One per process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Self

from compute.embedder.embedder import Embedder, open_embedder
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.limits import Limits
from schema.queries.kept import Kept
from schema.settings import Settings

if TYPE_CHECKING:
    from api.graphql.compiler.plans import Document

DOCUMENTS_KEPT, CHARACTERS_KEPT = 512, 1 << 18
"""Operations, and the characters of their texts: one takes up to 300 bytes of memory."""
QUERIES_KEPT = 512
"""Vectors of search texts that stay in memory."""


class QueryVectors:
    """Vectors of search texts; the embedder is opened with the first one, by one thread."""

    def __init__(self, model: str) -> None:
        self._open = partial(open_embedder, model)
        self._opened: Embedder | None = None
        self._lock = Lock()
        self.vector = lru_cache(QUERIES_KEPT)(self._vector)

    @classmethod
    def of(cls, embedder: Embedder) -> Self:
        """Use an embedder that is open already."""
        vectors = cls(embedder.name)
        vectors._opened = embedder
        return vectors

    def embedder(self) -> Embedder:
        """Give the embedder.

        Raises:
            ModelError: its files cannot be used.
        """
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _vector(self, text: str) -> Sequence[float]:
        vector: list[float] = self.embedder().embed([text])[0].tolist()
        return vector


@dataclass(frozen=True)
class Services:
    """Everything that a request may need."""

    database: Database
    arrays: ArrayStore
    vectors: QueryVectors = field(default_factory=lambda: QueryVectors("all-MiniLM-L6-v2"))
    documents: "Kept[Document]" = field(repr=False, default_factory=lambda: Kept(DOCUMENTS_KEPT, CHARACTERS_KEPT))
    """Operations that were compiled, by their text and name."""
    introspection: bool = True
    """Whether clients may ask what the schema is."""

    @property
    def limits(self) -> Limits:
        """What one request may ask for."""
        return self.database.limits

    @classmethod
    def of_settings(cls, database: Database, settings: Settings) -> Self:
        """Take the array store and the embedding model that the settings name."""
        arrays, vectors = ArrayStore(settings.arrays_url), QueryVectors(settings.embedding_model)
        return cls(database, arrays, vectors, introspection=settings.introspection)
