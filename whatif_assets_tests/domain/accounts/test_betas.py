"""Beta and alpha to the benchmark symbol and the universe, by hand and empyrical."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.accounts import (
    Accounts,
    Benchmarks,
    Holding,
    Profits,
)
from whatif_assets.domain.accounts.metrics import METRICS, measure
from whatif_assets.domain.base.arrays import FloatArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

NAN = math.nan


def beside_all(symbol: FloatArray | None) -> Benchmarks:
    """Returns of a benchmark symbol, and of a universe that is the same."""
    known = None if symbol is None else np.asarray(symbol, dtype=np.float64)
    return Benchmarks(None, known, known)


def accounts(equity: FloatArray, symbol: FloatArray | None) -> Accounts:
    """Accounts of 100 at the start, beside a benchmark."""
    n = len(equity)
    nothing = Holding(*np.zeros((3, n)))
    return Accounts(
        variants=tuple(map(str, range(n))),
        equity=np.asarray(equity, dtype=np.float64),
        start_cash=np.full(n, 100.0),
        traded=np.zeros(n),
        profits=Profits.none(n),
        holding=nothing,
        rejected=np.zeros(n),
        beside=beside_all(symbol),
        sessions_per_year=252,
    )


def beside(equity: list[float], symbol: list[float] | None) -> tuple[float, float]:
    of = accounts(np.array([equity]), None if symbol is None else np.array(symbol))
    found = [
        [METRICS[f"{of_what}_{name}"].function(of)[0] for name in ("beta", "alpha")]
        for of_what in ("benchmark", "equal_weight")
    ]
    np.testing.assert_array_equal(*found)
    return float(found[0][0]), float(found[0][1])


def test_twice_the_benchmark_has_a_beta_of_two_and_no_alpha() -> None:
    # The benchmark moves by 1 %, 2 % and -1 %, the account by twice as much.
    equity = [100.0, 102.0, 102 * 1.04, 102 * 1.04 * 0.98]
    beta, alpha = beside(equity, [NAN, 0.01, 0.02, -0.01])
    assert beta == pytest.approx(2.0)
    assert alpha == pytest.approx(0.0, abs=1e-12)


def test_a_steady_gain_beside_the_benchmark_is_alpha() -> None:
    # Each session 0.1 % more than half of the benchmark's return.
    moves = np.array([0.02, -0.01, 0.03])
    equity = 100 * np.cumprod(1 + np.array([0, *(0.001 + moves / 2)]))
    beta, alpha = beside(equity.tolist(), [NAN, *moves])
    assert beta == pytest.approx(0.5)
    assert alpha == pytest.approx(1.001**252 - 1)


@pytest.mark.parametrize(
    "symbol",
    [
        None,
        [NAN, NAN, NAN],
        [NAN, 0.01, NAN],  # one return has no slope
        [NAN, 0.01, 0.01],  # it does not vary
    ],
)
def test_without_a_benchmark_that_varies_both_are_undefined(
    symbol: list[float] | None,
) -> None:
    found = beside([101.0, 102.0, 101.0], symbol)
    assert all(math.isnan(value) for value in found)


def test_after_a_ruin_both_are_undefined() -> None:
    found = beside([50.0, -1.0, 5.0], [0.01, 0.02, 0.03])
    assert all(math.isnan(value) for value in found)


@given(
    sessions=st.lists(
        st.tuples(st.integers(90, 110), st.one_of(st.integers(-9, 9), st.just(NAN))),
        min_size=2,
        max_size=60,
    )
)
def test_both_equal_empyricals(sessions: list[tuple[int, float]]) -> None:
    equity, moves = np.array(sessions, dtype=np.float64).T
    symbol = moves / 1000
    known = np.isfinite(symbol)
    assume(known.sum() > 1 and np.ptp(symbol[known]) > 1e-3)
    of = accounts(equity[None], symbol)
    (returns,) = of.returns
    beta, alpha = beside(equity.tolist(), symbol.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = (
            empyrical.beta(returns, symbol),
            empyrical.alpha(returns, symbol, annualization=252),
        )
    assert (beta, alpha) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_other_variants_of_a_block_do_not_change_a_bit() -> None:
    draw = np.random.default_rng(3)
    equity = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, (7, 250)), axis=1))
    symbol = np.where(draw.random(250) < 0.1, NAN, draw.normal(0, 0.01, 250))
    whole = measure(accounts(equity, symbol), 252, beside_all(symbol))
    for number in range(7):
        one = measure(
            accounts(equity[number : number + 1], symbol), 252, beside_all(symbol)
        )
        for name in ("benchmark_beta", "benchmark_alpha"):
            assert one[name][0] == whole[name][number]
