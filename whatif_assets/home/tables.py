"""Declarations of a home's tables: what a row is, and the type of each column.

``LAKE`` declares the tables that are stored in Parquet; ``DATABASE`` in
`whatif_assets.home.database_tables` declares those of ``whatif.duckdb``. Every table
that is written or read has to be declared.
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

_FORECAST = (
    SYMBOL,
    TS,
    Column("fold", SMALL, "number of the fold whose model made the forecast"),
    Column("forecast", NUMBER, "output of the model"),
    Column("price", NUMBER, "the label's price at the bar"),
    Column("expected_return", NUMBER, "forecast return from the bar to the label"),
    Column("label", NUMBER, "value that came true; null if not known yet"),
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
    Column("violates", TEXT, "constraints that are not met; empty if all are met"),
    Column("score", NUMBER, "weighted sum of metrics, if ranked by one", optional=True),
    STRATEGY,
    ALGORITHM,
    *_RESULTS,
    Column("plateau", NUMBER, "worst ranking metric of the variant and its neighbours"),
)
_WINNER = (
    OF_STUDY,
    Column("rank", WHOLE, "rank of the winner; null if there is no winner"),
    OF_CONFIGURATION,
    VARIANT,
    ROLE,
    Column("ranked_by", TEXT, "metric or score that variants are ranked by"),
    Column("variants_tried", WHOLE, "number of ranked variants"),
    Column("ranked_above", TEXT, "benchmarks and placebos that rank above the winner"),
    *_RANKED,
    Column("why_none", TEXT, "why no winner is named; empty if one is"),
    Column("verdict", TEXT, "headline of the verdict"),
    Column("reasons", TEXT, "reasons of the verdict, one sentence per line"),
    Column("verdict_state", TEXT, "why there is no verdict; empty if there is one"),
    Column("conclusion", TEXT, "conclusion of the study, one sentence per line"),
)
_FILL = (
    SYMBOL,
    Column("ts", STAMP, "start of the bar on which the order filled, UTC"),
    Column("size", NUMBER, "units bought; negative for units sold"),
    Column("price", NUMBER, "price of the fill"),
    Column("commission", NUMBER, "commission paid"),
    Column("multiplier", NUMBER, "money per price point of one unit"),
)
_OF_VARIANT = (OF_STUDY, OF_CONFIGURATION, VARIANT)
_PROFITS = "profit of a variant since the start, at the end of each session"
_FAMILY = (
    OF_STUDY,
    Column("configuration", TEXT, "name of the family of configurations"),
    Column("ranked_by", TEXT, "metric or score that variants are ranked by"),
)
_EFFECT = (
    Column("variants", WHOLE, "number of variants with the value"),
    Column("undefined", WHOLE, "number of these variants whose metric is undefined"),
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
                Column("trade_count", WHOLE, "number of trades; null if not known"),
                Column("vwap_is_typical", FLAG, "vwap is (high + low + close) / 3"),
            ),
            axis=SESSION,
            beside=("data_quality", "left_out"),
        ),
        Table(
            "data_quality",
            "a finding of a check in the bars of a session",
            (
                Column("check", TEXT, "name of the check"),
                Column("severity", TEXT, "error, warning or note"),
                Column("symbol", TEXT, "symbol concerned; null for the whole session"),
                Column("first_ts", STAMP, "start of the first bar concerned, UTC"),
                Column("count", WHOLE, "number of bars, rows or symbols concerned"),
                Column("value", NUMBER, "largest value that was found"),
                Column("example", TEXT, "the first case in words"),
            ),
            axis=SESSION,
        ),
        Table(
            "left_out",
            "bars of a session that were refused",
            (
                Column("symbol", TEXT, "symbol concerned; null for the whole session"),
                Column("why", TEXT, "the check that refused them, and what it found"),
            ),
            axis=SESSION,
        ),
        Table(
            "features",
            "the features of a bar, one column each",
            (SYMBOL, TS),
            axis=SESSION,
            others=NUMBER,
        ),
        Table(
            "trained_models",
            "the model of a configuration in a fold",
            (
                Column("fold", WHOLE),
                *columns_of(DAY, "train_first", "train_last"),
                Column("train_rows", WHOLE),
                Column("train_rmse", NUMBER, "root mean squared error in training"),
                Column("settings", JSON, "settings that the model was fitted with"),
            ),
            axis=CONFIGURATION,
        ),
        Table(
            "forecasts",
            "an out-of-sample forecast at a bar",
            _FORECAST,
            axis=CONFIGURATION,
            beside=("in_sample_forecasts",),
        ),
        Table(
            "in_sample_forecasts",
            "an in-sample forecast, at a bar that the model was trained on",
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
                Column("closing", NUMBER, "part of the commission for the closing"),
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
                Column("sessions", WHOLE, "number of sessions it was evaluated on"),
                *columns_of(TEXT, "first_session", "last_session"),
                START_CASH,
                *columns_of(NUMBER, "pnl", "sharpe"),
            ),
        ),
        Table(
            "ledger_marks",
            "a hash of a symbol's price moves in a session, to recognise its bars",
            (SYMBOL, Column("session", TEXT, "ISO date"), Column("mark", WHOLE)),
        ),
        Table(
            "placebo_results",
            "the result of a placebo that trades at the size of the winner",
            (
                OF_STUDY,
                Column("placebo", TEXT, "kind of placebo"),
                VARIANT,
                STRATEGY,
                SETTINGS,
                Column("configuration", TEXT, "configuration of the winner"),
                Column("winner_variant", TEXT, "variant of the winner"),
                metric_columns(),
                Column("ranked_value", NUMBER, "value that the study ranks by"),
                Column("above_winner", FLAG, "whether it ranks above the winner"),
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
            "a look at a holdout",
            (
                OF_STUDY,
                Column("opening", WHOLE, "1 for the first look"),
                OF_CONFIGURATION,
                VARIANT,
                *columns_of(TEXT, "first_session", "last_session"),
                Column("sessions", WHOLE, "number of sessions of the holdout"),
                Column("inputs", TEXT, "hash of the trial and the data looked at"),
                Column("run_id", TEXT, "id of the Dagster run"),
                Column("opened_at", TEXT, "time of the look, UTC"),
            ),
        ),
        Table(
            "verdicts",
            "the verdict on the winner of a study",
            (
                *_OF_VARIANT,
                Column("verdict", TEXT, "the headline"),
                Column("in_words", TEXT, "the headline with its limits"),
                Column("names_winner", FLAG, "whether the verdict names a winner"),
                Column("reasons", TEXT, "reasons, one sentence per line"),
                figure_columns,
            ),
            axis=STUDY,
            beside=("verdict_logits", "edge_parts"),
        ),
        Table(
            "verdict_logits",
            "a split of the sessions into two halves",
            (Column("logit", NUMBER, "rank of the best trial in the other half"),),
            axis=STUDY,
        ),
        Table(
            "edge_parts",
            "a part of the return of a study's winner",
            (
                *_OF_VARIANT,
                Column("kind", TEXT, "kind of part: period, market or symbol"),
                Column("part", TEXT, "dates, kind of sessions, or symbol of the part"),
                Column("sessions", WHOLE, "number of sessions; null for a symbol"),
                Column("trades", WHOLE, "closed trades of a symbol; else null"),
                Column("total_return", NUMBER, "after costs, over the starting cash"),
                Column("sharpe", NUMBER, "annual Sharpe ratio beyond buy-and-hold"),
            ),
            axis=STUDY,
        ),
        Table(
            "facts",
            "a value of a series, or an event",
            (
                Column("fact", TEXT, "name of the series"),
                Column("symbol", TEXT, "symbol concerned; null for all symbols"),
                Column("event_ts", STAMP, "time that the fact is about, UTC"),
                Column("available_ts", STAMP, "time from which it was known, UTC"),
                Column("value", NUMBER, "null for an event"),
            ),
        ),
        Table(
            "leaderboard",
            "a ranked variant of a study",
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
            "a partition that a run processed",
            (
                Column("run_id", TEXT, "id of the Dagster run"),
                Column("asset", TEXT, "name of the asset"),
                Column("partition", TEXT, "session, configuration or study"),
                Column("status", TEXT, "computed, unchanged, reused or failed"),
                Column("why_computed", TEXT, "what changed"),
                Column("code_version", TEXT),
                Column("data_version", TEXT, "hash of the content"),
                Column("rows", WHOLE),
                Column("seconds", NUMBER),
                Column("finished_at", TEXT, "time of completion, UTC"),
                *columns_of(TEXT, "study", "study_hash"),
            ),
        ),
    )
)

PRICE_BARS, FORECASTS = LAKE["price_bars"], LAKE["forecasts"]


def in_lake(name: str) -> Table:
    """Return the declaration of a lake table, including feature tables of any size.

    Raises
    ------
    KeyError
        The table is not declared.
    """
    return LAKE["features" if name.startswith(SIZED) else name]
