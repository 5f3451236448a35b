"""A model server, and engines that ask it."""

from collections.abc import Callable, Iterator

import pytest

from ingest.reports.engines import open_engine
from ingest.reports.hosted.engine import HostedEngine
from schema.database import Database
from schema.report import EngineName
from schema.settings import Settings
from tests.ingest.reports.model_server import MODEL, ModelServer, running_model_server


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    with running_model_server() as server:
        yield server


@pytest.fixture
def settings(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    return Settings(llm_model=MODEL, llm_parallel=4, llm_timeout_s=2)


@pytest.fixture
def new_engine(settings: Settings, database: Database) -> Callable[[], HostedEngine]:
    """Opens engines as a command does, but for patience."""

    def opened() -> HostedEngine:
        engine = open_engine(EngineName.OPENAI, settings, database)
        assert isinstance(engine, HostedEngine)
        object.__setattr__(engine.requester, "patience_s", 0.01)
        return engine

    return opened
