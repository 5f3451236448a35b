"""The engines by their names, as the settings want them."""

from decimal import Decimal
from functools import partial

import openai

from compute.embedder.embedder import open_embedder
from ingest.reports.engine import Engine
from ingest.reports.hosted.engine import HostedEngine
from ingest.reports.hosted.limits import Budget
from ingest.reports.hosted.pricing import load_prices
from ingest.reports.hosted.requests import Requester
from ingest.reports.ledger import add_call
from ingest.reports.rules.categoriser import Categoriser
from ingest.reports.rules.engine import RulesEngine
from schema.database import Database
from schema.errors import SettingsError
from schema.report import EngineName
from schema.settings import Settings

NAMES = (EngineName.RULES, EngineName.OPENAI)
_NO_KEY = "none"
"""Servers of one's own mostly ask for no key, but the client wants one."""


def open_engine(
    name: EngineName,
    settings: Settings,
    database: Database,
    *,
    parallel: int | None = None,
    budget_usd: Decimal | None = None,
) -> Engine:
    """Give the engine of a name; every request that it makes goes into the database's ledger.

    Raises:
        SettingsError: the settings name no model, no address and no key, or prices that cannot be read; or there is a
            budget, and no price of the model.
    """
    if name is EngineName.RULES:
        return RulesEngine(open_categoriser(settings))
    return _open_hosted(settings, database, parallel or settings.llm_parallel, budget_usd)


def open_categoriser(settings: Settings) -> Categoriser:
    """Give what the rules categorise with; its embedder is opened when it is first needed."""
    return Categoriser(partial(open_embedder, settings.embedding_model), settings.embedding_model)


def _open_hosted(settings: Settings, database: Database, parallel: int, budget_usd: Decimal | None) -> HostedEngine:
    if not settings.llm_model:
        raise SettingsError("set GROUNDCT_LLM_MODEL to the language model that is to read reports")
    prices = load_prices(settings.llm_prices)
    if budget_usd is not None and prices.price_of(settings.llm_model) is None:
        raise SettingsError(
            f"--budget needs a price, and {settings.llm_model} has none: give one in a file, and its path in "
            "GROUNDCT_LLM_PRICES"
        )
    requester = Requester(
        client=_open_client(settings),
        model=settings.llm_model,
        parameters=settings.llm_parameters,
        prices=prices,
        record=partial(add_call, database),
        budget=Budget(budget_usd),
    )
    return HostedEngine(requester, parallel=parallel)


def _open_client(settings: Settings) -> openai.OpenAI:
    """Open a client that never repeats a request by itself: each one is counted here."""
    key, address = settings.openai_api_key, settings.openai_base_url
    if key is None and address is None:
        raise SettingsError("set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own")
    return openai.OpenAI(
        api_key=key.get_secret_value() if key else _NO_KEY,
        base_url=address,
        max_retries=0,
        timeout=settings.llm_timeout_s,
    )
