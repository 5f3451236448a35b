"""What requests cost: prices by model, from the table that comes along or from a file of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schema.errors import SettingsError

_MILLION = Decimal(1_000_000)
_CENT_OF_A_CENT = Decimal("0.000001")


class Price(BaseModel):
    """USD for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached_input: Decimal | None = Field(default=None, ge=0)
    """For tokens that the server had read before; as `input` where it is not given."""


class PriceList(BaseModel):
    """Prices by model, and the day on which they were read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: str
    source: str | None = None
    usd_per_million_tokens: dict[str, Price]


@dataclass(frozen=True)
class Usage:
    """The tokens of a request, as the server counts them."""

    tokens_in: int
    tokens_out: int
    cached_in: int = 0
    """Those of `tokens_in` that it had read before."""


@dataclass(frozen=True)
class Prices:
    """What models cost."""

    by_model: Mapping[str, Price]

    def price_of(self, *models: str | None) -> Price | None:
        """Give the price of the first of these names that has one; None is unknown, never free."""
        return next((self.by_model[model] for model in models if model and model in self.by_model), None)


def load_prices(own: Path | None = None) -> Prices:
    """Read the prices that come along, and those of a file, which stand before them.

    Raises:
        SettingsError: the file cannot be read, or is none of prices.
    """
    known = _read(resources.files("ingest.reports.hosted").joinpath("prices.json").read_text("utf-8"))
    if own is None:
        return Prices(known)
    try:
        return Prices({**known, **_read(own.read_text("utf-8"))})
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"GROUNDCT_LLM_PRICES: {own} cannot be read ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"GROUNDCT_LLM_PRICES: {own}: {where}: {first['msg']}") from error


def _read(text: str) -> dict[str, Price]:
    return PriceList.model_validate_json(text).usd_per_million_tokens


def cost_usd(price: Price, usage: Usage) -> Decimal:
    """Give what tokens cost, to a millionth of a dollar."""
    cached = min(usage.cached_in, usage.tokens_in)
    read_before = price.input if price.cached_input is None else price.cached_input
    sums = (usage.tokens_in - cached) * price.input + cached * read_before + usage.tokens_out * price.output
    return (sums / _MILLION).quantize(_CENT_OF_A_CENT)
