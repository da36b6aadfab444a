"""Prices: the given one first, a vendor's by its address, unknown for the rest, and never 0 for unknown."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, time
from decimal import Decimal
from importlib.metadata import version
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.models.protocol import Price
from populace.models.scripted import Scripted
from populace.run import Budget, price_of, settle_price
from populace.run.prices import _at, _end, _look_up, _price, _rate

needs_data = pytest.mark.skipif(find_spec("genai_prices") is None, reason="genai-prices is not installed")

rates = st.floats(0, 100)


def served(url: str, name: str = "gpt-4o-mini", price: Price | None = None) -> Scripted:
    model = Scripted(price=price)
    model.endpoint = f"{url}/chat/completions {name}"
    return model


# What is charged


def test_cached_tokens_cost_what_cached_tokens_cost():
    price = Price(input=10.0, output=100.0, cached_input=1.0)
    # 300 of 1,000 tokens were cached: 700 * 10 + 300 * 1 + 50 * 100 millionths.
    assert price.dollars(prompt_tokens=1000, completion_tokens=50, cached_tokens=300) == pytest.approx(0.0123)
    plain = Price(input=10.0, output=100.0)
    assert plain.dollars(prompt_tokens=1000, completion_tokens=50, cached_tokens=300) == pytest.approx(0.015)


@given(rates, rates, rates, st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_a_call_costs_between_all_cached_and_none(one, other, output, first, second, completion):
    price = Price(input=max(one, other), output=output, cached_input=min(one, other))
    cached, prompt = sorted((first, second))

    def cost(cached: int) -> float:
        return price.dollars(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached)

    assert cost(prompt) - 1e-12 <= cost(cached) <= cost(0) + 1e-12


# Whose price it is


def test_a_given_price_comes_first():
    own = Price(input=7.0, output=8.0)
    priced = price_of(served("https://api.openai.com/v1", price=own))
    assert priced is not None
    assert (priced.low, priced.high, priced.source) == (own, own, "given with the model")
    contract = Price(input=7.0, output=8.0, source="contract of May")
    assert price_of(served("https://api.openai.com/v1", price=contract)).source == "contract of May"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://localhost:8000/v1",
        "http://10.1.2.3/v1",
        "https://192.168.0.7/v1",
        "https://gpu/v1",
        "https://api.openai.com.local/v1",
    ],
)
def test_a_server_of_ones_own_has_no_vendors_price(url):
    model = served(url)
    assert settle_price(model) is None
    assert model.price is None


def test_the_data_are_read_for_names_on_the_internet_alone(monkeypatch):
    asked = []
    monkeypatch.setattr("populace.run.prices._look_up", lambda where, *_: asked.append(where))
    for host in ("127.0.0.1:8000", "10.1.2.3", "8.8.8.8", "[::1]:80", "gpu", "gpu.local", "api.openai.com"):
        price_of(served(f"https://{host}/v1"))
    assert asked == ["https://api.openai.com/v1/chat/completions"]


def test_a_model_in_this_process_is_looked_up_nowhere():
    assert price_of(Scripted(price=None)) is None


def test_the_data_are_not_read_for_local_models():
    code = (
        "import sys; from populace.run import settle_price; from populace.models.scripted import Scripted\n"
        "model = Scripted(price=None); model.endpoint = 'http://127.0.0.1:8000/v1/chat/completions gpt-4o'\n"
        "assert settle_price(model) is None; assert 'genai_prices' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_host_that_only_begins_like_a_vendors_is_another():
    openai = "https://api\\.openai\\.com"
    assert _at(openai, "https://api.openai.com/v1/chat/completions")
    assert _at(openai, "https://api.openai.com")
    assert not _at(openai, "https://api.openai.com.proxy.example/v1")
    assert not _at(openai, "https://api.openai.community/v1")
    # Some patterns stop at a dot on purpose.
    assert _at("https://api\\.moonshot\\.", "https://api.moonshot.ai/v1")


# How a price is read


def tiers(base: float, *steps: tuple[int, float]):
    class Tier:
        def __init__(self, start, price):
            self.start, self.price = start, price

    class Tiered:
        def __init__(self):
            self.base, self.tiers = base, [Tier(*step) for step in steps]

    return Tiered()


def test_a_long_prompt_is_in_the_last_tier_it_passes():
    value = tiers(1.0, (100, 2.0), (1000, 3.0))
    assert [_rate(value, tokens) for tokens in (0, 100, 101, 1000, 1001)] == [1, 1, 2, 2, 3]
    assert _rate(0, 5) == 0.0  # free is not unknown
    assert _rate(None, 5) is None


def test_rates_into_a_price():
    rates = {"input_mtok": 1, "output_mtok": 4, "output_reasoning_mtok": 6, "cache_read_mtok": 0.1}
    assert _price(rates, 0, "x", "s") == Price(input=1.0, output=6.0, cached_input=0.1, source="s")
    # Writing to the cache costs 1.25: of a vendor that does so unasked, and of prompts long enough.
    written = {"input_mtok": 1, "output_mtok": 4, "cache_write_mtok": 1.25}
    assert _price(written, 1024, "openai", "").input == 1.25
    assert _price(written, 1023, "openai", "").input == 1.0
    assert _price(written, 1024, "anthropic", "").input == 1.0


@pytest.mark.parametrize(
    "rates",
    [{}, {"input_mtok": 1}, {"output_mtok": 1}, {"input_mtok": 1, "output_mtok": 1, "requests_kcount": 5}],
)
def test_a_price_that_is_not_by_tokens_alone_is_unknown(rates):
    assert _price(rates, 0, "x", "") is None


def test_ends_of_several_prices():
    prices = [Price(input=2.0, output=5.0), Price(input=3.0, output=4.0, cached_input=1.0)]
    # Where no price for cached tokens is set they cost what others do.
    assert _end(min, prices) == Price(input=2.0, output=4.0, cached_input=1.0)
    assert _end(max, prices) == Price(input=3.0, output=5.0, cached_input=2.0)
    assert _end(min, prices[:1]).cached_input is None


# What the data say (properties of any version of them, not today's dollars)


@needs_data
def test_a_vendors_model_has_a_price_with_its_source():
    model = served("https://api.openai.com/v1")
    priced = settle_price(model)
    assert priced is not None
    assert model.price == priced.high
    assert 0 < priced.low.input <= priced.high.input < priced.high.output
    assert priced.source.startswith("genai-prices ")
    assert priced.source.endswith("openai gpt-4o-mini")
    assert date.fromisoformat(priced.newest_change) <= date.fromisoformat(priced.looked_up)
    Budget(dollars=1.0).check(model)  # a budget in dollars needs no typing
    assert settle_price(model) == priced  # and settling twice changes nothing


@needs_data
@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("openai openai:gpt-4o-mini", "openai gpt-4o-mini"),
        ("gemini gemini:gemini-2.5-pro", "google gemini-2.5-pro"),
        ("openrouter openrouter:openai/gpt-4o-mini", "openrouter openai/gpt-4o-mini"),
        ("ollama ollama:gpt-4o-mini", None),
        ("vllm vllm:openai:gpt-4o-mini", None),
    ],
)
def test_a_vendor_by_any_llms_name(endpoint, found):
    model = Scripted(price=None)
    model.endpoint = endpoint
    priced = price_of(model)
    assert (priced and priced.source.partition(": ")[2]) == found


@needs_data
def test_batch_is_not_dearer():
    live, batch = (price_of(served("https://api.openai.com/v1"), batch=flag) for flag in (False, True))
    assert batch.high.input < live.high.input
    assert batch.source.endswith(", batch")


@needs_data
def test_unknown_names_and_addresses_are_unknown():
    assert price_of(served("https://api.openai.com/v1", "no-such-model")) is None
    assert price_of(served("https://llm.example.com/v1")) is None
    assert price_of(served("https://api.openai.com.proxy.example/v1")) is None


# A vendor made up, so that every rule meets a price it applies to


@pytest.fixture
def vendor():
    """Serve one model that is dearer by day, for long prompts, and from 2026 on."""
    data = pytest.importorskip("genai_prices.data_snapshot")
    types = pytest.importorskip("genai_prices.types")

    def price(scale: str):
        tiered = types.TieredPrices(base=Decimal(scale), tiers=[types.Tier(start=1000, price=Decimal(30))])
        return types.ModelPrice(
            input_mtok=tiered, output_mtok=Decimal(scale) * 4, cache_read_mtok=Decimal(scale) / 2
        )

    of_2026 = types.ConditionalPrice(types.StartDateConstraint(date(2026, 1, 1)), prices=price("2"))
    by_day = types.ConditionalPrice(types.TimeOfDateConstraint(time(8), time(16)), prices=price("3"))
    announced = types.ConditionalPrice(types.StartDateConstraint(date(2027, 1, 1)), prices=price("9"))
    model = types.ModelInfo(
        id="m",
        match=types.ClauseEquals("m"),
        prices=[types.ConditionalPrice(prices=price("1")), of_2026, by_day, announced],
        price_variants=[
            types.PriceVariant({"processing": "batch"}, types.ModelPrice(output_mtok=Decimal(5)))
        ],
    )
    maker = types.Provider(
        id="maker", name="Maker", api_pattern="https://api\\.maker\\.example", models=[model]
    )
    data.set_custom_snapshot(data.DataSnapshot(providers=[maker], from_auto_update=False))
    _look_up.cache_clear()
    yield lambda *args: _look_up("https://api.maker.example/v1", "M", *args)
    data.set_custom_snapshot(None)
    _look_up.cache_clear()


def test_a_price_by_the_hour_is_a_range(vendor):
    found = vendor(date(2026, 6, 1), 0, False)
    source = f"genai-prices {version('genai-prices')}: maker m"
    assert found.low == Price(input=2.0, output=8.0, cached_input=1.0, source=source)
    assert found.high == Price(input=3.0, output=12.0, cached_input=1.5, source=source)
    assert (found.looked_up, found.newest_change) == ("2026-06-01", "2026-01-01")
    # Before 2026 the old price held by night; from 2027 on the announced one holds, the last of the list.
    assert vendor(date(2025, 12, 31), 0, False).low.input == 1.0
    assert vendor(date(2027, 1, 1), 0, False).low == vendor(date(2027, 1, 1), 0, False).high
    assert vendor(date(2027, 1, 1), 0, False).newest_change == "2027-01-01"


def test_a_long_prompt_raises_the_high_end_alone(vendor):
    found = vendor(date(2026, 6, 1), 1001, False)
    assert (found.low.input, found.high.input) == (2.0, 30.0)


def test_a_batch_price_replaces_what_it_names(vendor):
    found = vendor(date(2026, 6, 1), 0, True)
    assert (found.low.input, found.low.output, found.high.output) == (2.0, 5.0, 5.0)
