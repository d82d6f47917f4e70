"""A sweep on executors equals the sweep of this process, to the bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from whatif_assets.domain.accounts.accounts import Accounts
from whatif_assets.domain.accounts.costs import Costs
from whatif_assets.domain.accounts.job import Variant
from whatif_assets.domain.accounts.sleeve import Sleeve
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.engines.backtest import sweep, sweeping_on
from whatif_assets.engines.spark import sweeping
from whatif_assets.engines.spark.sweeping import Cluster
from whatif_assets_tests.engines.spark.same_bits import (
    assert_same_bits,
    market,
    variants,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture
def cluster(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Let tasks of a local session run every sweep, however small."""
    monkeypatch.setattr(sweeping, "WORTH_A_JOB", 0)
    cluster = Cluster(spark)
    yield cluster
    cluster.close()


def there(cluster: Cluster, sleeves: Sequence[Sleeve], *of: Any) -> list[Accounts]:
    with sweeping_on(cluster):
        return list(sweep(sleeves, *of))


@pytest.mark.parametrize(
    ("symbols", "number", "settings"),
    [
        (5, 3, {}),  # cut by symbols, since there are few variants
        (3, 150, {}),  # by both
        (1, 600, {"stop_loss": 0.2}),  # by variants
    ],
)
def test_blocks_of_symbols_and_variants_have_the_same_bits(
    cluster: Cluster, symbols: int, number: int, settings: dict[str, Any]
) -> None:
    sleeves, some = market(symbols), variants(number, size=100, **settings)
    (here,) = sweep(sleeves, "forecast_threshold", some)
    assert here.traded.any()
    (found,) = there(cluster, sleeves, "forecast_threshold", some)
    assert_same_bits(found, here)


def test_accounts_that_symbols_share_are_cut_by_variants(cluster: Cluster) -> None:
    sleeves = market(4)
    settings = {"score": "forecast", "count": 1}
    some = [Variant(f"v{n}", settings, Costs(), 1e5 + n) for n in range(70)]
    (here,) = sweep(sleeves, "rank_long_short", some)
    assert here.traded.any()
    (found,) = there(cluster, sleeves, "rank_long_short", some)
    assert_same_bits(found, here)


def test_sleeves_are_sent_once_for_all_blocks(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeves, lists = market(2), []
    broadcast = cluster.context.broadcast

    def _counted(value: Any) -> Any:
        lists.extend([value] if isinstance(value, list) else [])
        return broadcast(value)

    monkeypatch.setattr(cluster.context, "broadcast", _counted)
    with sweeping_on(cluster):
        blocks = list(sweep(sleeves, "forecast_threshold", variants(9), block=4))
    assert [len(block.variants) for block in blocks] == [4, 4, 1]
    assert sum(map(len, lists)) == 2
    there(cluster, market(3), "forecast_threshold", variants(1))
    assert sum(map(len, lists)) == 5


@pytest.mark.parametrize("number", [2, 600])
def test_an_error_of_an_executor_has_the_words_of_this_process(
    cluster: Cluster, number: int
) -> None:
    bare = [replace(one, columns={}) for one in market(3)]
    with pytest.raises(BadInput) as here:
        list(sweep(bare, "forecast_threshold", variants(number)))
    with pytest.raises(BadInput) as away:
        there(cluster, bare, "forecast_threshold", variants(number))
    assert str(away.value) == str(here.value)


def test_small_sweeps_and_backtrader_stay_here(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "send", None)  # fails if it is called
    monkeypatch.setattr(sweeping, "WORTH_A_JOB", 10_000)
    assert there(cluster, market(1), "forecast_threshold", variants(2))


def test_a_failure_of_the_executors_is_one_sentence(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "libraries", lambda: {"numpy": "0.1"})
    with pytest.raises(BadInput, match=r"numpy is .*, here 0\.1"):
        there(cluster, market(1), "forecast_threshold", variants(1))
    monkeypatch.setattr(sweeping._Work, "parts", lambda *of: 1 / 0)
    with pytest.raises(BadInput, match="ZeroDivisionError: division by zero") as error:
        there(cluster, market(1), "forecast_threshold", variants(1))
    assert "\n" not in str(error.value)
