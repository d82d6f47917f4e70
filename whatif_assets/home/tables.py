"""The tables of a home: what each holds, and of what type every column is.

``LAKE`` declares the tables that are kept in Parquet, ``DATABASE`` those of
``whatif.duckdb``. A table that is written or read has to be declared here.
"""

from __future__ import annotations

from collections.abc import Iterable

from whatif_assets.domain.base.columns import (
    DAY,
    FLAG,
    JSON,
    NUMBER,
    SMALL,
    STAMP,
    TEXT,
    WHOLE,
    Column,
    Table,
)
from whatif_assets.home.figure_columns import columns_of, figure_columns, metric_columns

SESSION, CONFIGURATION, STUDY = "session", "configuration", "study"
SIZED = "features_"  # and a bar size


SYMBOL = Column("symbol", TEXT, "the instrument")
TS = Column("ts", STAMP, "start of the bar, UTC")
VARIANT = Column("variant", TEXT, "the variant's own fields; `-` for the only one")
OF_STUDY = Column("study", TEXT, "name of the study")
OF_CONFIGURATION = Column("configuration", TEXT, "key of the configuration")
SETTINGS = Column("settings", JSON, "all settings, by name")
ROLE = Column("role", TEXT, "candidate, benchmark or placebo")
STRATEGY = Column("strategy", TEXT, "name of the trading strategy")
ALGORITHM = Column("algorithm", TEXT, "algorithm of the model, null for a rule")
STATE = Column("state", TEXT, "fresh, stale or missing")
BECAUSE = Column("because", TEXT, "why it is not fresh; empty where it is")
START_CASH = Column("start_cash", NUMBER, "money at the start")
REJECTED = Column("rejected_orders", NUMBER, "orders that there was no money for")
ACCOUNT = Column(
    "account",
    TEXT,
    "what is wrong with the account, such as other costs than stated; mostly empty",
)

_FORECAST = (
    SYMBOL,
    TS,
    Column("fold", SMALL, "number of the fold whose model forecast"),
    Column("forecast", NUMBER, "what the model gives"),
    Column("price", NUMBER, "the label's price at the bar"),
    Column("expected_return", NUMBER, "return up to the label that is forecast"),
    Column("label", NUMBER, "what came; null where nobody knows yet"),
)
_RESULTS = (
    metric_columns(),
    START_CASH,
    REJECTED,
    ACCOUNT,
    SETTINGS,
    Column("buy_and_hold_pnl", NUMBER, "profit of buy-and-hold"),
    Column("buy_and_hold_return", NUMBER, "return of buy-and-hold"),
    Column("buy_and_hold_sharpe", NUMBER, "Sharpe ratio of buy-and-hold"),
    Column("in_sample_pnl", NUMBER, "profit before the first test"),
    Column("in_sample_sharpe", NUMBER, "Sharpe ratio before the first test"),
)
_RANKED = (
    Column("violates", TEXT, "constraints that are not met, empty for none"),
    Column("score", NUMBER, "weighted sum of metrics, if ranked by one", optional=True),
    STRATEGY,
    ALGORITHM,
    *_RESULTS,
    Column("plateau", NUMBER, "worst of the ranking metric among the neighbours"),
)
_WINNER = (
    OF_STUDY,
    Column("rank", WHOLE, "place of the winner; null where there is none"),
    OF_CONFIGURATION,
    VARIANT,
    ROLE,
    Column("ranked_by", TEXT, "what variants are ranked by"),
    Column("variants_tried", WHOLE, "how many variants were ranked"),
    Column("ranked_above", TEXT, "benchmarks and placebos that rank above it"),
    *_RANKED,
    Column("why_none", TEXT, "why no winner is named; empty where one is"),
    Column("verdict", TEXT, "headline of the verdict"),
    Column("reasons", TEXT, "sentences of the verdict, a line each"),
    Column("verdict_state", TEXT, "why there is no verdict; empty where there is"),
    Column("conclusion", TEXT, "what the study comes to, a sentence a line"),
)
_FILL = (
    SYMBOL,
    Column("ts", STAMP, "start of the bar that the order filled on, UTC"),
    Column("size", NUMBER, "units bought, below 0 for units sold"),
    Column("price", NUMBER, "price of the fill"),
    Column("commission", NUMBER, "money paid"),
    Column("multiplier", NUMBER, "money per point of the price of one unit"),
)
_OF_VARIANT = (OF_STUDY, OF_CONFIGURATION, VARIANT)
_PROFITS = "profit of a variant since the start, at the end of each session"
_FAMILY = (
    OF_STUDY,
    Column("configuration", TEXT, "name of the family of configurations"),
    Column("ranked_by", TEXT, "what variants are ranked by"),
)
_EFFECT = (
    Column("variants", WHOLE, "how many variants have the value"),
    Column("undefined", WHOLE, "how many of them lack the metric"),
    *columns_of(NUMBER, "mean", "median", "best", "worst"),
)


def _by_name(tables: Iterable[Table]) -> dict[str, Table]:
    return {table.name: table for table in tables}


LAKE = _by_name(
    (
        Table(
            "price_bars",
            "a bar of a symbol",
            (
                SYMBOL,
                TS,
                *columns_of(NUMBER, "open", "high", "low", "close"),
                Column("volume", NUMBER, "units traded"),
                Column("vwap", NUMBER, "volume-weighted average price"),
                Column("trade_count", WHOLE, "trades, null where nobody counted"),
                Column("vwap_is_typical", FLAG, "vwap is (high + low + close) / 3"),
            ),
            axis=SESSION,
            beside=("data_quality", "left_out"),
        ),
        Table(
            "data_quality",
            "what a check found in the bars of a session",
            (
                Column("check", TEXT, "name of the check"),
                Column("severity", TEXT, "error, warning or note"),
                Column("symbol", TEXT, "of whom; null for the whole session"),
                Column("first_ts", STAMP, "the first bar in question"),
                Column("count", WHOLE, "how many bars, rows or symbols"),
                Column("value", NUMBER, "the largest figure that was found"),
                Column("example", TEXT, "the first case in words"),
            ),
            axis=SESSION,
        ),
        Table(
            "left_out",
            "bars of a session that were refused",
            (
                Column("symbol", TEXT, "of whom; null for the whole session"),
                Column("why", TEXT, "the check that refused them, and what it found"),
            ),
            axis=SESSION,
        ),
        Table(
            "features",
            "the features of a bar, a column each",
            (SYMBOL, TS),
            axis=SESSION,
            others=NUMBER,
        ),
        Table(
            "trained_models",
            "a model of a configuration, one for each fold",
            (
                Column("fold", WHOLE),
                *columns_of(DAY, "train_first", "train_last"),
                Column("train_rows", WHOLE),
                Column("train_rmse", NUMBER, "error on the rows of the training"),
                Column("settings", JSON, "settings that it was fitted with"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "forecasts",
            "a forecast at a bar, out of sample",
            _FORECAST,
            axis=CONFIGURATION,
            beside=("in_sample_forecasts",),
        ),
        Table(
            "in_sample_forecasts",
            "a forecast at a bar that the model was trained on",
            _FORECAST,
            axis=CONFIGURATION,
        ),
        Table(
            "backtest_results",
            "the result of a variant over the study's test windows",
            (VARIANT, ROLE, STRATEGY, ALGORITHM, *_RESULTS),
            axis=CONFIGURATION,
            beside=("daily_pnl", "in_sample_pnl", "fills"),
        ),
        Table("daily_pnl", _PROFITS, (VARIANT,), CONFIGURATION, NUMBER),
        Table("in_sample_pnl", _PROFITS, (VARIANT,), CONFIGURATION, NUMBER),
        Table(
            "fills",
            "a fill of one of the configuration's best variants",
            (
                VARIANT,
                *_FILL,
                Column("value", NUMBER, "size times price times multiplier, positive"),
                Column("closing", NUMBER, "part of the commission that closing cost"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "blocks",
            "metrics and daily profits of a variant, while a sweep runs",
            (VARIANT, metric_columns(), START_CASH, REJECTED, ACCOUNT),
            others=NUMBER,
        ),
        Table(
            "trials",
            "a variant that was ever evaluated in a study",
            (
                OF_STUDY,
                Column("trial", TEXT, "hash of settings, code and windows"),
                OF_CONFIGURATION,
                VARIANT,
                ROLE,
                Column("sessions", WHOLE, "how many sessions it was tried on"),
                *columns_of(TEXT, "first_session", "last_session"),
                START_CASH,
                *columns_of(NUMBER, "pnl", "sharpe"),
            ),
        ),
        Table(
            "ledger_marks",
            "how the price of a symbol moved in a session, by which bars are known",
            (SYMBOL, Column("session", TEXT, "ISO date"), Column("mark", WHOLE)),
        ),
        Table(
            "placebo_results",
            "the result of a placebo made to measure for the winner",
            (
                OF_STUDY,
                Column("placebo", TEXT, "kind of placebo"),
                VARIANT,
                STRATEGY,
                SETTINGS,
                Column("configuration", TEXT, "configuration of the winner"),
                Column("winner_variant", TEXT, "variant of the winner"),
                metric_columns(),
                Column("ranked_value", NUMBER, "what the study ranks by"),
                Column("above_winner", FLAG, "whether it is better than the winner"),
            ),
            axis=STUDY,
            beside=("placebo_pnl",),
        ),
        Table(
            "placebo_pnl",
            _PROFITS,
            (Column("placebo", TEXT, "kind of placebo"), VARIANT),
            axis=STUDY,
            others=NUMBER,
        ),
        Table(
            "holdout_results",
            "the result of the winner on the holdout",
            (VARIANT, metric_columns(), ACCOUNT, metric_columns("buy_and_hold_")),
            axis=STUDY,
            beside=("holdout_pnl",),
        ),
        Table(
            "holdout_pnl",
            "profit since the start of the holdout, at the end of a session",
            (
                Column("session", TEXT, "ISO date"),
                *columns_of(NUMBER, "pnl", "buy_and_hold_pnl", "start_cash"),
            ),
            axis=STUDY,
        ),
        Table(
            "holdout_openings",
            "a look at the holdout",
            (
                OF_STUDY,
                Column("opening", WHOLE, "1 for the first look"),
                OF_CONFIGURATION,
                VARIANT,
                *columns_of(TEXT, "first_session", "last_session"),
                Column("sessions", WHOLE, "how many sessions were seen"),
                Column("inputs", TEXT, "hash of what was looked at"),
                Column("run_id", TEXT, "run of Dagster"),
                Column("opened_at", TEXT, "when, UTC"),
            ),
        ),
        Table(
            "verdicts",
            "the verdict on the winner of a study",
            (
                *_OF_VARIANT,
                Column("verdict", TEXT, "the headline"),
                Column("in_words", TEXT, "the headline with what limits it"),
                Column("names_winner", FLAG, "whether the winner may be called so"),
                Column("reasons", TEXT, "sentences, a line each"),
                figure_columns,
            ),
            axis=STUDY,
            beside=("verdict_logits", "edge_parts"),
        ),
        Table(
            "verdict_logits",
            "a split of the sessions in two halves",
            (Column("logit", NUMBER, "rank of the best trial in the other half"),),
            axis=STUDY,
        ),
        Table(
            "edge_parts",
            "a part of what the winner of a study earned",
            (
                *_OF_VARIANT,
                Column("kind", TEXT, "what it is a part by: period, market or symbol"),
                Column("part", TEXT, "which dates, sessions or symbol"),
                Column("sessions", WHOLE, "how many; null for a symbol"),
                Column("trades", WHOLE, "how many were closed; null for sessions"),
                Column("total_return", NUMBER, "after costs, over the starting cash"),
                Column("sharpe", NUMBER, "a year, beyond buy-and-hold"),
            ),
            axis=STUDY,
        ),
        Table(
            "facts",
            "a value of a series, or an event",
            (
                Column("fact", TEXT, "name of the series"),
                Column("symbol", TEXT, "of whom; null for a fact about all"),
                Column("event_ts", STAMP, "what it is about"),
                Column("available_ts", STAMP, "from when it was known"),
                Column("value", NUMBER, "null for an event"),
            ),
        ),
        Table(
            "leaderboard",
            "a variant of a study, ranked",
            (
                OF_STUDY,
                Column("rank", WHOLE, "1 for the best"),
                OF_CONFIGURATION,
                VARIANT,
                ROLE,
                *_RANKED,
            ),
            axis=STUDY,
        ),
        Table("best_configuration", "the winner of a study", _WINNER, axis=STUDY),
        Table(
            "runs",
            "a partition in a run",
            (
                Column("run_id", TEXT, "run of Dagster"),
                Column("asset", TEXT, "name of the asset"),
                Column("partition", TEXT, "session, configuration or study"),
                Column("status", TEXT, "computed, unchanged, reused or failed"),
                Column("why_computed", TEXT, "what changed"),
                Column("code_version", TEXT),
                Column("data_version", TEXT, "hash of the content"),
                Column("rows", WHOLE),
                Column("seconds", NUMBER),
                Column("finished_at", TEXT, "when, UTC"),
                *columns_of(TEXT, "study", "study_hash"),
            ),
        ),
    )
)

PRICE_BARS, FORECASTS = LAKE["price_bars"], LAKE["forecasts"]


def in_lake(name: str) -> Table:
    """Declaration of a table of the lake, those of features by bar size too.

    Raises
    ------
    KeyError
        It is not declared.
    """
    return LAKE["features" if name.startswith(SIZED) else name]
