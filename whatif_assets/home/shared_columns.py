"""Columns that several declared tables share."""

from __future__ import annotations

from whatif_assets.domain.base.columns import (
    DAY,
    JSON,
    NUMBER,
    SMALL,
    STAMP,
    TEXT,
    WHOLE,
    Column,
)
from whatif_assets.home.figure_columns import columns_of, metric_columns

SESSION, CONFIGURATION, STUDY = "session", "configuration", "study"
SIZED = "features_"  # prefix of the feature tables of larger bars; the size follows

SYMBOL = Column("symbol", TEXT, "the instrument")
TS = Column("ts", STAMP, "start of the bar, UTC")
VARIANT = Column("variant", TEXT, "the variant's own fields; `-` if it is the only one")
OF_STUDY = Column("study", TEXT, "name of the study")
OF_CONFIGURATION = Column("configuration", TEXT, "key of the configuration")
SETTINGS = Column("settings", JSON, "all settings, by name")
ROLE = Column("role", TEXT, "candidate, benchmark or placebo")
STRATEGY = Column("strategy", TEXT, "name of the trading strategy")
ALGORITHM = Column("algorithm", TEXT, "algorithm of the model, null for a rule")
STATE = Column("state", TEXT, "fresh, stale or missing")
BECAUSE = Column("because", TEXT, "why it is not fresh; empty if it is")
START_CASH = Column("start_cash", NUMBER, "cash at the start")
REJECTED = Column("rejected_orders", NUMBER, "orders rejected for lack of cash")
ACCOUNT = Column(
    "account",
    TEXT,
    "errors in the account, such as costs that differ from the settings; mostly empty",
)

FORECAST = (
    SYMBOL,
    TS,
    Column("fold", SMALL, "number of the fold whose model made the forecast"),
    Column(
        "path",
        SMALL,
        "number of the path of cross-validation that the forecast is on; 0 if there is "
        "one path",
        optional=True,
    ),
    Column("forecast", NUMBER, "output of the model"),
    Column("price", NUMBER, "the label's price at the bar"),
    Column(
        "expected_return",
        NUMBER,
        "forecast return from the bar to the label, or a score",
    ),
    Column("label", NUMBER, "value that came true; null if not known yet"),
)
RESULTS = (
    metric_columns(),
    START_CASH,
    REJECTED,
    ACCOUNT,
    SETTINGS,
    Column("buy_and_hold_pnl", NUMBER, "profit of buy-and-hold"),
    Column("buy_and_hold_return", NUMBER, "return of buy-and-hold"),
    Column("buy_and_hold_sharpe", NUMBER, "Sharpe ratio of buy-and-hold"),
    Column("equal_weight_return", NUMBER, "return of the universe, equally weighted"),
    Column("equal_weight_sharpe", NUMBER, "its Sharpe ratio"),
    Column("benchmark_return", NUMBER, "return of the study's benchmark symbol"),
    Column("benchmark_sharpe", NUMBER, "Sharpe ratio of the benchmark symbol"),
    Column("in_sample_pnl", NUMBER, "profit before the first test"),
    Column("in_sample_sharpe", NUMBER, "Sharpe ratio before the first test"),
    Column("paths", NUMBER, "number of paths of cross-validation; null for one path"),
    Column("path_median", NUMBER, "median over paths of what the study ranks by"),
    Column("path_worst", NUMBER, "worst value of what the study ranks by on any path"),
)
RANKED = (
    Column("violates", TEXT, "constraints that are not met; empty if all are met"),
    Column("score", NUMBER, "weighted sum of metrics, if ranked by one", optional=True),
    STRATEGY,
    ALGORITHM,
    *RESULTS,
    Column("plateau", NUMBER, "worst ranking metric of the variant and its neighbours"),
)
WINNER = (
    OF_STUDY,
    Column("rank", WHOLE, "rank of the winner; null if there is no winner"),
    OF_CONFIGURATION,
    VARIANT,
    ROLE,
    Column("ranked_by", TEXT, "metric or score that variants are ranked by"),
    Column("variants_tried", WHOLE, "number of ranked variants"),
    Column("ranked_above", TEXT, "benchmarks and placebos that rank above the winner"),
    *RANKED,
    Column("why_none", TEXT, "why no winner is named; empty if one is"),
    Column("verdict", TEXT, "headline of the verdict"),
    Column("reasons", TEXT, "reasons of the verdict, one sentence per line"),
    Column("verdict_state", TEXT, "why there is no verdict; empty if there is one"),
    Column("conclusion", TEXT, "conclusion of the study, one sentence per line"),
)
FILL = (
    SYMBOL,
    Column("ts", STAMP, "start of the bar on which the order filled, UTC"),
    Column("size", NUMBER, "units bought; negative for units sold"),
    Column("price", NUMBER, "price of the fill"),
    Column("commission", NUMBER, "commission paid"),
    Column("multiplier", NUMBER, "money per price point of one unit"),
    Column("slippage", NUMBER, "part of its price by which the fill is worse"),
)
EXPOSURE = (
    Column("session", DAY, "date of the session"),
    Column("gross", NUMBER, "weights at its end without their signs: the leverage"),
    Column("net", NUMBER, "sum of the weights, negative for short positions"),
    Column("positions", WHOLE, "number of positions"),
    Column("effective_positions", NUMBER, "equal positions that are as concentrated"),
    Column("largest_weight", NUMBER, "largest weight, without its sign"),
    Column("turnover", NUMBER, "value of its fills over the equity before it"),
)
OF_VARIANT = (OF_STUDY, OF_CONFIGURATION, VARIANT)
PROFITS = "profit of a variant since the start, at the end of each session"
FAMILY = (
    OF_STUDY,
    Column("configuration", TEXT, "name of the family of configurations"),
    Column("ranked_by", TEXT, "metric or score that variants are ranked by"),
)
EFFECT = (
    Column("variants", WHOLE, "number of variants with the value"),
    Column("undefined", WHOLE, "number of these variants whose metric is undefined"),
    *columns_of(NUMBER, "mean", "median", "best", "worst"),
)
