"""Rankings: by a metric or a weighted sum, and constraints that disqualify."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif_assets.domain.accounts.metrics import METRICS
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.domain.ranking.ranking import Constraint, Ranking
from whatif_assets.settings.study import Study, read_study
from whatif_assets.steps.leaderboard import best, outcome, rank, why_none


def rows_of(role: str = "candidate", **metrics: list[float]) -> pd.DataFrame:
    n = len(next(iter(metrics.values())))
    return pd.DataFrame(
        {
            "study": "s",
            "configuration": "s.a",
            "variant": [str(number) for number in range(n)],
            "role": role,
            **metrics,
        }
    )


def study(**fields: object) -> Study:
    return Study(name="s", configurations={"a": {"strategy": "buy_and_hold"}}, **fields)  # type: ignore[arg-type]


ROWS = rows_of(
    sharpe=[2.0, 3.0, np.nan, 1.0],
    max_drawdown=[0.05, 0.5, 0.01, np.nan],
    trades=[40.0, 50.0, 60.0, 10.0],
)


def order(by: object, *constraints: str) -> list[str]:
    return Ranking.parse(by, constraints).order(ROWS)["variant"].tolist()


def test_the_better_end_of_a_metric_comes_first_and_the_undefined_last() -> None:
    assert order("sharpe") == ["1", "0", "3", "2"]
    assert order("max_drawdown") == ["2", "0", "1", "3"]


def test_a_weighted_sum_ranks_raw_values_times_weights() -> None:
    ranking = Ranking.parse({"sharpe": 1, "max_drawdown": -4})
    ordered = ranking.order(ROWS)
    # 2 - 0.2, 3 - 2, and two that lack a metric.
    assert ordered["variant"].tolist() == ["0", "1", "2", "3"]
    assert ordered["score"].tolist() == pytest.approx(
        [1.8, 1, np.nan, np.nan], nan_ok=1
    )
    assert ranking.label == "1 sharpe - 4 max_drawdown"


def test_variants_that_violate_a_constraint_come_after_all_that_do_not() -> None:
    ranking = Ranking.parse("sharpe", ["max_drawdown < 0.1", "trades >= 30"])
    ordered = ranking.order(ROWS)
    assert ordered["variant"].tolist() == ["0", "2", "1", "3"]
    assert ordered["violates"].tolist() == [
        "",
        "",
        "max_drawdown < 0.1",
        "max_drawdown < 0.1, trades >= 30",
    ]
    # The second one's Sharpe ratio is undefined, so it cannot win either.
    assert ranking.qualifies(ordered).tolist() == [True, False, False, False]


numbers = st.lists(
    st.tuples(*[st.sampled_from([np.nan, -1.0, 0.0, 1.0, 2.0])] * 2), max_size=12
)


@given(values=numbers, bound=st.sampled_from([-1.0, 0.0, 1.0]))
def test_any_ranking_keeps_every_row_and_puts_winners_first(
    values: list[tuple[float, float]], bound: float
) -> None:
    pairs = np.array(values, dtype=np.float64).reshape(-1, 2)
    rows = rows_of(sharpe=pairs[:, 0].tolist(), pnl=pairs[:, 1].tolist())
    ranking = Ranking.parse({"sharpe": 1.0, "pnl": 0.5}, [f"pnl > {bound}"])
    ordered = ranking.order(rows)
    assert sorted(ordered["variant"]) == sorted(rows["variant"])
    winners = ranking.qualifies(ordered).tolist()
    assert winners == sorted(winners, reverse=True)
    scores = ordered["score"][winners]
    assert scores.is_monotonic_decreasing
    assert (ordered["pnl"][winners] > bound).all()


@given(
    metric=st.sampled_from(sorted(METRICS)),
    comparison=st.sampled_from(["<", "<=", ">", ">="]),
    bound=st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_constraint_reads_back_as_it_was_written(
    metric: str, comparison: str, bound: float
) -> None:
    constraint = Constraint(metric, comparison, bound)
    assert Constraint.parse(str(constraint)) == constraint


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "s.yaml"
    path.write_text(f"configurations: {{a: {{strategy: buy_and_hold}}}}\n{text}")
    with pytest.raises(BadInput) as caught:
        read_study(path)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rank_by: sharp", "s.yaml:2: rank_by: found 'sharp'; allowed are "),
        ("rank_by: sharp", "Did you mean 'sharpe'?"),
        ("rank_by: {}", "s.yaml:2: rank_by: found {}; write one metric"),
        ("rank_by: [sharpe]", "s.yaml:2: rank_by: found ['sharpe']; write one metric"),
        ("rank_by: {sharpee: 1}", "s.yaml:2: rank_by: found 'sharpee'; allowed are "),
        ("rank_by: {sharpe: high}", "rank_by: weight of sharpe: found 'high'"),
        ("rank_by: {sharpe: true}", "rank_by: weight of sharpe: found True"),
        ("rank_by: {sharpe: .nan}", "s.yaml:2: rank_by.sharpe: found .nan"),
        (
            "constraints:\n  - trades >= 30\n  - max_drawdwn < 0.1",
            "s.yaml:4: constraints.1: found 'max_drawdwn'; allowed are ",
        ),
        ("constraints: [max_drawdwn < 0.1]", "Did you mean 'max_drawdown'?"),
        ("constraints: [trades = 30]", "s.yaml:2: constraints.0: found 'trades = 30'"),
        ("constraints: [trades = 30]", "reads 'metric < number'"),
        ("constraints: [trades > many]", "bound of trades: found 'many'"),
        ("constraints: trades > 3", "s.yaml:2: constraints: found 'trades > 3'"),
    ],
)
def test_a_wrong_ranking_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, says: str
) -> None:
    assert says in refusal(tmp_path, text)


def test_the_winner_meets_all_constraints_and_stands_first() -> None:
    chosen = study(rank_by="sharpe", constraints=["max_drawdown < 0.1"])
    ranking = rank(ROWS, chosen)
    (winner,) = best(ranking, chosen).to_dict("records")
    assert (winner["variant"], winner["rank"], winner["sharpe"]) == ("0", 1, 2.0)
    assert winner["ranked_by"] == "sharpe"
    assert why_none(ranking, chosen) == ""
    (named,) = outcome(ranking, chosen, "").to_dict("records")
    assert (named["variant"], named["why_none"]) == ("0", "")
    (refused,) = outcome(ranking, chosen, "a placebo does as well").to_dict("records")
    assert pd.isna(refused["variant"])
    assert refused["why_none"] == "a placebo does as well"


@pytest.mark.parametrize(
    ("rows", "constraints", "why"),
    [
        (
            ROWS,
            ["trades >= 30", "max_drawdown < 0.02"],
            "of 4 candidate variants, trades >= 30 is met by 3, max_drawdown < 0.02 is "
            "met by 1, sharpe is defined for 3; no variant fulfils all of these.",
        ),
        (
            rows_of(sharpe=[np.nan, np.nan]),
            [],
            "of 2 candidate variants, sharpe is defined for 0; no variant fulfils all "
            "of these.",
        ),
        (
            rows_of("placebo", sharpe=[1.0]),
            [],
            "the study has only benchmarks and placebos, no candidates.",
        ),
    ],
)
def test_without_a_winner_the_outcome_says_why(
    rows: pd.DataFrame, constraints: list[str], why: str
) -> None:
    chosen = study(rank_by="sharpe", constraints=constraints)
    ranking = rank(rows, chosen)
    assert best(ranking, chosen).empty
    why_not = why_none(ranking, chosen)
    (row,) = outcome(ranking, chosen, why_not).to_dict("records")
    assert row["why_none"] == f"No winner: {why}"
    assert row["study"] == "s"
    assert row["variants_tried"] == len(rows)
    assert pd.isna(row["configuration"])
    assert pd.isna(row["rank"])
