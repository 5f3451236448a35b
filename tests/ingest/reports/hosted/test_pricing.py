"""What requests cost."""

from decimal import Decimal
from pathlib import Path

import pytest

from ingest.reports.hosted.pricing import Price, Usage, cost_usd, load_prices
from schema.errors import SettingsError


def test_tokens_read_before_have_their_own_price() -> None:
    price = Price(input=Decimal("2"), output=Decimal("8"), cached_input=Decimal("0.5"))
    assert cost_usd(price, Usage(1_000_000, 500_000, 400_000)) == Decimal("5.4")
    assert cost_usd(Price(input=Decimal("2"), output=Decimal("8")), Usage(10, 1, 10)) == Decimal("0.000028")
    assert cost_usd(price, Usage(0, 0)) == 0


def test_a_file_of_ones_own_stands_before_the_table(tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text('{"as_of": "2026-01-01", "usd_per_million_tokens": {"gpt-4o": {"input": 1, "output": "1.5"}}}')
    prices = load_prices(own)
    assert prices.price_of("gpt-4o") == Price(input=Decimal(1), output=Decimal("1.5"))
    assert prices.price_of("unheard-of", None, "gpt-4o-mini") == load_prices().price_of("gpt-4o-mini")
    assert prices.price_of("unheard-of", None) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"as_of": "x", "usd_per_million_tokens": {"m": {"input": -1, "output": 1}}}'],
    ids=["empty", "cut", "list", "negative"],
)
def test_what_is_no_file_of_prices_is_told(tmp_path: Path, text: str) -> None:
    own = tmp_path / "prices.json"
    own.write_text(text)
    with pytest.raises(SettingsError, match="GROUNDCT_LLM_PRICES"):
        load_prices(own)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_prices(tmp_path / "absent.json")
